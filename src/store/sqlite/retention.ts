/**
 * Removes runs that nobody keeps any more, each with its evidence, so that a crash leaves a run with its evidence or neither:
 * the folder is set aside, the rows go in one transaction, then the folder goes. A run that is held, or whose rollout is open, is
 * never removed, and of files only those of the run's own folder; a link is removed, never followed.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { errnoOf } from "../../system/files.ts";
import type { LeaseHolder, RunRow, Store } from "../contract.ts";
import { rolloutOpen } from "../deployment/refusals.ts";
import { evidenceFolder } from "./backup.ts";
import { closeConnection, openReader, openWriter } from "./connection.ts";
import { guarded, storeFault } from "./faults.ts";
import { isHeld } from "./holder.ts";
import { databasePath } from "./open.ts";

export type Removal =
  | { readonly kind: "removed"; readonly evidenceBytes: number; readonly artifactFileBytes: number }
  /** Somebody took it over, or removed it, since it was looked at. */
  | { readonly kind: "held" | "gone" };

/** @throws AkcError ROLLOUT_OPEN, DISK_FULL, STORE_BUSY, STORE_UNWRITABLE, …; then the run is as it was. */
export async function removeRun(
  store: Store,
  scopeRoot: string,
  row: RunRow,
  here: LeaseHolder,
  nowMs: number,
): Promise<Removal> {
  const { runtimeRunId } = row.context;
  const folder = ownFolder(scopeRoot, row);
  const aside = asidePath(scopeRoot, runtimeRunId);
  const artifactFileBytes = ownArtifactFileBytes(scopeRoot, runtimeRunId);
  if (await isHeldNow(store, runtimeRunId, here, nowMs)) return { kind: "held" };
  const open = await store.deployment.openRollout();
  if (open?.runtimeRunId === runtimeRunId) throw rolloutOpen(runtimeRunId, open.rolloutId);
  if (folder !== null) moveAside(folder, aside);
  failpoint("prune.set_aside");
  try {
    await store.deleteRun(runtimeRunId, here, nowMs);
  } catch (cause) {
    const code = cause instanceof AkcError ? cause.code : undefined;
    if (code === "RUN_NOT_FOUND") {
      sweepOne(aside);
      return { kind: "gone" };
    }
    if (folder !== null) moveBack(aside, folder);
    if (code === "LEASE_HELD") return { kind: "held" };
    throw cause;
  }
  failpoint("prune.deleted");
  const evidenceBytes = folder === null ? 0 : bytesBelow(aside);
  sweepOne(aside);
  return { kind: "removed", evidenceBytes, artifactFileBytes };
}

/**
 * What a removal that was cut off left aside: the folder of a run that is still there goes back, the others go for good.
 * Answers the bytes that came free.
 */
export async function sweepSetAside(store: Store, scopeRoot: string): Promise<number> {
  const names = namesIn(asideRoot(scopeRoot));
  if (names.length === 0) return 0;
  const runs = new Map((await store.listRuns()).map((row) => [row.context.runtimeRunId, row]));
  let bytes = 0;
  for (const name of names) {
    const row = runs.get(name);
    const aside = asidePath(scopeRoot, name);
    if (row === undefined) {
      bytes += bytesBelow(aside);
      sweepOne(aside);
      continue;
    }
    const folder = join(scopeRoot, evidenceFolder(row.context.runId, name));
    moveBack(aside, folder);
  }
  return bytes;
}

export interface DatabaseSpace {
  readonly bytes: number;
  /** Of these the ones that hold nothing and are used again. */
  readonly freeBytes: number;
}

export function databaseSpace(scopeRoot: string): DatabaseSpace {
  const path = databasePath(scopeRoot);
  const db = openReader(path);
  try {
    const number = (pragma: string) => Number(db.prepare(`PRAGMA ${pragma}`).values()[0]?.[0] ?? 0);
    return guarded(path, () => ({
      bytes: statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0),
      freeBytes: number("freelist_count") * number("page_size"),
    }));
  } finally {
    closeConnection(db);
  }
}

/** Gives the database's free pages back to the disk. Nobody can write meanwhile. @throws AkcError DISK_FULL, STORE_BUSY */
export function compact(scopeRoot: string): void {
  const path = databasePath(scopeRoot);
  const db = openWriter(path);
  try {
    guarded(path, () => {
      db.run("VACUUM");
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    });
  } finally {
    closeConnection(db);
  }
}

/** The run's folder, or null when it has none, or one that a link leads to: then it is not its own. */
function ownFolder(scopeRoot: string, { context }: RunRow): string | null {
  const folder = join(scopeRoot, evidenceFolder(context.runId, context.runtimeRunId));
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  const real = join(realpathSync(scopeRoot), evidenceFolder(context.runId, context.runtimeRunId));
  return realpathSync(folder) === real ? folder : null;
}

function asideRoot(scopeRoot: string): string {
  return join(scopeRoot, ".akc", "pruned");
}

function asidePath(scopeRoot: string, runtimeRunId: string): string {
  return join(asideRoot(scopeRoot), runtimeRunId);
}

function moveAside(folder: string, aside: string): void {
  guarded(aside, () => {
    mkdirSync(dirname(aside), { recursive: true });
    // Left by a removal that was cut off: what is moved now is newer.
    rmSync(aside, { recursive: true, force: true });
    renameSync(folder, aside);
  });
}

/** Somebody who took the run over meanwhile may have written there already: what stands there is newer and stays. */
function moveBack(aside: string, folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) {
    guarded(folder, () => {
      mkdirSync(dirname(folder), { recursive: true });
      renameSync(aside, folder);
    });
  } else {
    for (const name of namesIn(aside)) {
      const target = join(folder, name);
      if (lstatSync(target, { throwIfNoEntry: false }) === undefined) renameSync(join(aside, name), target);
    }
  }
  sweepOne(aside);
}

/** Looked at again at the last moment, so that the folder of a run that goes on is not even moved. */
async function isHeldNow(
  store: Store,
  runtimeRunId: string,
  here: LeaseHolder,
  nowMs: number,
): Promise<boolean> {
  const reader = await store.openRun(runtimeRunId);
  try {
    const lease = await reader.lease();
    return lease !== null && isHeld(lease, here, nowMs);
  } finally {
    await reader.close();
  }
}

/** What cannot be removed now is removed by the next sweep. */
function sweepOne(aside: string): void {
  try {
    rmSync(aside, { recursive: true, force: true });
    rmdirSync(dirname(aside));
  } catch {
    // Not empty, or not ours to remove.
  }
}

/** Of artifacts in files that no other run has. */
function ownArtifactFileBytes(scopeRoot: string, runtimeRunId: string): number {
  const path = databasePath(scopeRoot);
  const db = openReader(path);
  try {
    const sql = `
      SELECT coalesce(sum(size_bytes), 0) AS n FROM run JOIN artifact_ref AS own USING (run_key) JOIN artifact USING (sha256)
      WHERE runtime_run_id = ? AND content IS NULL
        AND NOT EXISTS (SELECT 1 FROM artifact_ref AS other WHERE other.sha256 = own.sha256 AND other.run_key <> own.run_key)`;
    return guarded(path, () => db.prepare<{ n: number }, [string]>(sql).get(runtimeRunId)?.n ?? 0);
  } finally {
    closeConnection(db);
  }
}

/** Of regular files; links count nothing. */
function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) bytes += bytesBelow(path);
    else if (stat?.isFile() === true) bytes += stat.size;
  }
  return bytes;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "")) return [];
    throw storeFault(cause, folder);
  }
}
