/**
 * Opens the state of one scope, `<scope>/.akc/runtime/state.sqlite3`. Connections are made when they are first needed, so
 * that reading a run takes no right to write.
 *
 * Source: architecture "State".
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { resolveConfined } from "../../system/files.ts";
import { genesisOf } from "../chain.ts";
import type { Lease, Store } from "../contract.ts";
import { createRunWriter } from "./commit.ts";
import { closeConnection, openLeaseWriter, openReader, openWriter } from "./connection.ts";
import { removeDeadFiles } from "./dead-files.ts";
import { deleteRunRows } from "./delete-run.ts";
import { createDeploymentReader } from "./deployment/reader.ts";
import { putRequest } from "./deployment/requests.ts";
import { guarded } from "./faults.ts";
import { putSignal } from "./inbox.ts";
import { sweepIncoming } from "./incoming.ts";
import { readableVersion, schemaVersion, versionAt } from "./migrate.ts";
import { createRunReader } from "./reader.ts";
import { createRunWatch, type RunWatch } from "./run-watch.ts";
import { allRuns, askToStop, insertRun, runHeads } from "./runs.ts";
import { type RunTail, takeAway, takeOver } from "./takeover.ts";

export interface OpenOptions {
  /** Whether a scope without a database gets one. Default true; commands that only look set false. */
  readonly create?: boolean;
  /** Nothing is ever written, not even to bring an earlier shape up: no connection that could is made. Implies `create: false`. */
  readonly readOnly?: boolean;
}

export function databasePath(scopeRoot: string): string {
  return join(scopeRoot, ".akc", "runtime", "state.sqlite3");
}

export function artifactsRoot(scopeRoot: string): string {
  return join(scopeRoot, ".akc", "runtime", "artifacts");
}

/**
 * @param scopeRoot `<outputs_root>/<tenant>/<repo>`, absolute.
 * @throws AkcError PATH_UNSAFE, STORE_TOO_NEW, STORE_DAMAGED, STORE_UNWRITABLE, DISK_FULL; RUN_NOT_FOUND when there is no database and
 * none is to be made.
 */
export async function openStore(scopeRoot: string, options: OpenOptions = {}): Promise<Store> {
  const path = databasePath(scopeRoot);
  await refuseLinksOutside(scopeRoot);
  const readOnly = options.readOnly ?? false;
  const create = !readOnly && (options.create ?? true);
  if (!create && !existsSync(path)) {
    throw new AkcError("RUN_NOT_FOUND", { message: "the scope has no runs", details: { path } });
  }
  const version = versionAt(path);
  const connections = createConnections(path, readOnly);
  // An older or a new database takes its shape before anybody reads it.
  if (version < schemaVersion) bringUp(connections.writer, version);
  const artifacts = artifactsRoot(scopeRoot);

  const writerOf = (db: Database, runKey: number, lease: Lease, tail: RunTail) =>
    createRunWriter({
      db,
      leaseDb: connections.leaseWriter,
      path,
      artifactsRoot: artifacts,
      runKey,
      lease,
      tail,
    });

  /** Removes what processes that are no more left lying. Only space is won: what cannot be removed now waits for the next time. */
  const sweep = (db: Database, nowMs: number): void => {
    sweepIncoming(artifacts, nowMs);
    try {
      removeDeadFiles(db, artifacts);
    } catch {
      // The database is busy, or the disk is full: whatever comes next says so where it matters.
    }
  };

  const deployment = createDeploymentReader(connections.deploymentReader, path);

  return {
    async createRun(row, holder, nowMs) {
      const db = connections.writer();
      sweep(db, nowMs);
      const { key, lease, row: kept } = guarded(path, () => insertRun(db, row, holder, nowMs));
      failpoint("lease.granted");
      return writerOf(db, key, lease, { lastSeq: 0, head: genesisOf(kept), decisions: 0 });
    },
    async resumeRun(runtimeRunId, holder, nowMs) {
      const db = connections.writer();
      sweep(db, nowMs);
      const { key, lease, tail } = guarded(path, () => takeOver(db, runtimeRunId, holder, nowMs));
      failpoint("takeover.after");
      return writerOf(db, key, lease, tail);
    },
    async openRun(runtimeRunId) {
      const db = openReader(path);
      try {
        return guarded(path, () => createRunReader(db, path, artifacts, runtimeRunId));
      } catch (cause) {
        closeConnection(db);
        throw cause;
      }
    },
    listRuns: async () => look(path, allRuns),
    runHeads: async () => look(path, runHeads),
    requestStop: async (runtimeRunId, nowMs) =>
      guarded(path, () => askToStop(connections.writer(), runtimeRunId, nowMs)),
    stopRequested: async (runtimeRunId) =>
      guarded(path, () => connections.runWatch().stopRequested(runtimeRunId)),
    openSignals: async (runtimeRunId) =>
      guarded(path, () => connections.runWatch().openSignals(runtimeRunId)),
    sendSignal: async (runtimeRunId, signal) =>
      guarded(path, () => putSignal(connections.writer(), runtimeRunId, signal)),
    breakLease: async (runtimeRunId, token) =>
      guarded(path, () => takeAway(connections.writer(), runtimeRunId, token)),
    deployment,
    scopeLease: deployment.scopeLease,
    requestRollout: async (request) => guarded(path, () => putRequest(connections.writer(), request)),
    async deleteRun(runtimeRunId, here, nowMs) {
      const db = connections.writer();
      guarded(path, () => deleteRunRows(db, runtimeRunId, here, nowMs));
      sweep(db, nowMs);
    },
    close: async () => connections.close(),
  };
}

/** Where nothing can be written, a database of an earlier shape that can be read stays as it is. */
function bringUp(writer: () => Database, version: number): void {
  try {
    writer();
  } catch (cause) {
    const unwritable = cause instanceof AkcError && cause.code === "STORE_UNWRITABLE";
    if (!unwritable || version < readableVersion) throw cause;
  }
}

/** With a connection of its own, which sees all that was committed by now. */
function look<T>(path: string, work: (db: Database) => T): T {
  const db = openReader(path);
  try {
    return guarded(path, () => work(db));
  } finally {
    closeConnection(db);
  }
}

/** Whoever can write in a scope must not be able to name a file elsewhere as its state. */
async function refuseLinksOutside(scopeRoot: string): Promise<void> {
  if (!existsSync(scopeRoot)) return;
  for (const place of [databasePath(scopeRoot), artifactsRoot(scopeRoot)]) {
    await resolveConfined(scopeRoot, relative(scopeRoot, place));
  }
}

function createConnections(path: string, readOnly: boolean) {
  let writer: Database | undefined;
  let leaseWriter: Database | undefined;
  let runWatch: RunWatch | undefined;
  let deploymentReader: Database | undefined;
  return {
    writer: () => (writer ??= readOnly ? onlyRead(path) : openWriter(path)),
    leaseWriter: () => (leaseWriter ??= readOnly ? onlyRead(path) : openLeaseWriter(path)),
    runWatch: () => (runWatch ??= createRunWatch(openReader(path))),
    deploymentReader: () => (deploymentReader ??= openReader(path)),
    close() {
      runWatch?.close();
      if (deploymentReader !== undefined) closeConnection(deploymentReader);
      if (leaseWriter !== undefined) closeConnection(leaseWriter);
      // Last, so that the log is folded into the database by the one connection that may write.
      if (writer !== undefined) closeConnection(writer);
      runWatch = undefined;
      deploymentReader = undefined;
      leaseWriter = undefined;
      writer = undefined;
    },
  };
}

/** @throws AkcError STORE_UNWRITABLE */
function onlyRead(path: string): never {
  throw new AkcError("STORE_UNWRITABLE", {
    message: "the state was opened to look at it only",
    hint: "Let a command that writes open it: `akc runtime list` brings an earlier shape up.",
    details: { path },
  });
}
