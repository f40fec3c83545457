/**
 * A backup: one file with a consistent copy of a scope's database, the artifacts that stand beside it and the sealed files of
 * evidence, taken while runs go on. It takes its name only after the copy was checked; the state itself is only read.
 *
 * `VACUUM INTO` copies within one read transaction, so writers neither wait nor are waited for. The stepwise backup of SQLite
 * begins again with every commit of another process, and may never end beside a busy run.
 *
 * Source: https://sqlite.org/lang_vacuum.html#vacuuminto, https://sqlite.org/backup.html.
 */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { resolveConfined } from "../../system/files.ts";
import { EventChain, genesisOf } from "../chain.ts";
import type { RunRow } from "../contract.ts";
import { artifactPath } from "./artifact-files.ts";
import { closeConnection, openReader } from "./connection.ts";
import {
  artifactOwner,
  contentSchema,
  dropContent,
  evidenceOwner,
  fileChunks,
  putContent,
} from "./contents.ts";
import { guarded, patiently } from "./faults.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { pragma } from "./migrate.ts";
import { buildFile } from "./new-file.ts";
import { artifactsRoot, databasePath, openStore } from "./open.ts";
import { openReadOnly } from "./read-only.ts";
import { allRuns, runNamed } from "./runs.ts";
import { mark, openScratch, type SealedKind } from "./sealed-file.ts";

export interface BackupScope {
  readonly scopeRoot: string;
  readonly tenantId: string;
  readonly repoId: string;
}

/** Something that the state names and that could not be copied as it says. */
export interface NotCopied {
  readonly what: "artifact" | "evidence";
  /** Digest of the artifact, or `<run>/<name>` of the file. */
  readonly name: string;
  readonly why: "missing" | "changed";
}

export interface BackupReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly runs: number;
  readonly events: number;
  readonly artifactFiles: number;
  readonly evidenceFiles: number;
  readonly notCopied: readonly NotCopied[];
}

/** "akcb" in ASCII. */
export const backupKind: SealedKind = {
  applicationId: 0x616b_6362,
  schema: `
    CREATE TABLE backup (
      tenant_id TEXT NOT NULL,
      repo_id TEXT NOT NULL,
      made_at_ms INTEGER NOT NULL
    ) STRICT;
  `,
  invalid: "BACKUP_INVALID",
  bytesMax: Number.MAX_SAFE_INTEGER,
};

/** A run that is removed meanwhile takes its artifacts along; then the copy is made again. */
const triesMax = 3;

/**
 * @throws AkcError RUN_NOT_FOUND when there is no state, FILE_EXISTS, OUTPUTS_UNWRITABLE, DISK_FULL, STORE_DAMAGED when the state cannot
 * be read whole: then nothing is left.
 */
export async function backUp(
  scope: BackupScope,
  to: string,
  options: { readonly force: boolean; readonly nowMs: number },
): Promise<BackupReport> {
  const source = databasePath(scope.scopeRoot);
  // Confines what is read, and brings an older state to the shape that the copy is written in.
  await (await openStore(scope.scopeRoot, { create: false })).close();
  const facts = await buildFile(to, options, async (temporary) => {
    for (let tries = 1; ; tries += 1) {
      const copied = await copyOnce(scope, source, temporary, options.nowMs);
      if (copied !== "overtaken" && (copied.notCopied.length === 0 || tries >= triesMax)) return copied;
      if (tries >= triesMax) {
        throw new AkcError("STORE_BUSY", { message: "runs were removed faster than they could be copied" });
      }
      await Bun.write(temporary, "");
    }
  });
  return { path: to, sizeBytes: statSync(to).size, ...facts };
}

type Copied = Omit<BackupReport, "path" | "sizeBytes">;

async function copyOnce(
  scope: BackupScope,
  source: string,
  temporary: string,
  nowMs: number,
): Promise<Copied | "overtaken"> {
  vacuumInto(source, temporary);
  const db = openScratch(temporary);
  try {
    refuseDamaged(db, source);
    const overtaken = guarded(temporary, () => compareHeads(db, source));
    if (overtaken) return "overtaken";
    // Where nothing can be written, a state of an earlier shape is copied as it is.
    const version = pragma(db, "user_version");
    db.run("BEGIN");
    db.run(contentSchema + backupKind.schema);
    db.query("INSERT INTO backup VALUES (?, ?, ?)").run(scope.tenantId, scope.repoId, nowMs);
    const contents = guardedContents(db, temporary);
    const notCopied = [
      ...contents.artifacts(artifactsRoot(scope.scopeRoot)),
      ...(await contents.evidence(scope.scopeRoot)),
    ];
    mark(db, backupKind.applicationId, version);
    db.run("COMMIT");
    return {
      runs: count(db, "run"),
      events: count(db, "event"),
      artifactFiles: contents.kept.artifacts,
      evidenceFiles: contents.kept.evidence,
      notCopied,
    };
  } finally {
    closeConnection(db);
  }
}

function vacuumInto(source: string, temporary: string): void {
  patiently(source, () => {
    // Not with `query_only`, which takes the copy for a change.
    const db = openReadOnly(source);
    try {
      db.run(`PRAGMA busy_timeout = ${limits.storeBusyTimeoutMs}`);
      db.prepare("VACUUM INTO ?").run(temporary);
    } finally {
      closeConnection(db);
    }
  });
}

/** @throws AkcError STORE_DAMAGED */
function refuseDamaged(db: Database, source: string): void {
  const faults = db.prepare<{ integrity_check: string }, []>("PRAGMA integrity_check(5)").all();
  if (faults[0]?.integrity_check === "ok") return;
  throw new AkcError("STORE_DAMAGED", {
    details: { path: source, found: faults.map((fault) => fault.integrity_check) },
  });
}

/**
 * Whether the last event of each run is the one that the state has there, and follows from the one before it. True when a run
 * of the copy is no more. @throws AkcError STORE_DAMAGED
 */
function compareHeads(copy: Database, source: string): boolean {
  const db = openReader(source);
  try {
    return allRuns(copy).some((row) => {
      const { key } = runNamed(copy, row.context.runtimeRunId);
      const head = headOf(copy, key, row);
      if (head === null) return false;
      const there = db
        .query<{ sha256: Uint8Array }, [number]>("SELECT sha256 FROM event WHERE id = ?")
        .get(head.id);
      if (there === null) return true;
      if (head.holds && head.sha256 === there.sha256.toHex()) return false;
      throw new AkcError("STORE_DAMAGED", {
        message: "the last event of a run does not follow from the one before it",
        details: { path: source, runtimeRunId: row.context.runtimeRunId, seq: head.id - rowIdBase(key) },
      });
    });
  } finally {
    closeConnection(db);
  }
}

interface Head {
  readonly id: number;
  readonly sha256: string;
  /** Whether the digest follows from the event and the digest before it. */
  readonly holds: boolean;
}

function headOf(db: Database, key: number, row: RunRow): Head | null {
  const [last, before] = db
    .prepare<
      { id: number; type: string; at_ms: number; payload: string; sha256: Uint8Array },
      [number, number]
    >("SELECT id, type, at_ms, payload, sha256 FROM event WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 2")
    .all(rowIdBase(key), rowIdEnd(key));
  if (last === undefined) return null;
  const seq = last.id - rowIdBase(key);
  const from = before === undefined ? genesisOf(row) : before.sha256;
  const numbered = seq === (before === undefined ? 1 : before.id - rowIdBase(key) + 1);
  const digest = new EventChain(from).append(seq, last.type, last.at_ms, last.payload);
  const sha256 = last.sha256.toHex();
  return { id: last.id, sha256, holds: numbered && digest.toHex() === sha256 };
}

/** Copies files into the backup, each held against what the state says of it. */
function guardedContents(db: Database, temporary: string) {
  const kept = { artifacts: 0, evidence: 0 };
  let id = 0;
  /** Keeps the file's bytes if they are those of the digest. */
  const keep = (owner: string, path: string, sha256: string): "kept" | NotCopied["why"] => {
    const chunks = fileChunks(path);
    if (chunks === null) return "missing";
    id += 1;
    const added = guarded(temporary, () => putContent(db, id, owner, chunks));
    if (added.sha256 === sha256) return "kept";
    dropContent(db, id);
    return "changed";
  };
  return {
    kept,
    artifacts(root: string): NotCopied[] {
      const notCopied: NotCopied[] = [];
      for (const { sha256 } of db
        .prepare<{ sha256: Uint8Array }, []>(
          "SELECT sha256 FROM artifact WHERE content IS NULL ORDER BY sha256",
        )
        .all()) {
        const name = sha256.toHex();
        const outcome = keep(artifactOwner(name), artifactPath(root, name), name);
        if (outcome === "kept") kept.artifacts += 1;
        else notCopied.push({ what: "artifact", name, why: outcome });
      }
      return notCopied;
    },
    async evidence(scopeRoot: string): Promise<NotCopied[]> {
      const notCopied: NotCopied[] = [];
      for (const file of evidenceRows(db)) {
        const place = join(evidenceFolder(file.run_id, file.runtime_run_id), file.name);
        const path = await resolveConfined(scopeRoot, place).catch(() => null);
        const outcome =
          path === null ? "missing" : keep(evidenceOwner(file.run_key, file.name), path, file.sha256.toHex());
        if (outcome === "kept") kept.evidence += 1;
        else notCopied.push({ what: "evidence", name: `${file.runtime_run_id}/${file.name}`, why: outcome });
      }
      return notCopied;
    },
  };
}

export interface EvidenceRow {
  readonly run_key: number;
  readonly run_id: string;
  readonly runtime_run_id: string;
  readonly name: string;
  readonly sha256: Uint8Array;
  readonly size_bytes: number;
}

export function evidenceRows(db: Database): readonly EvidenceRow[] {
  return db
    .prepare<EvidenceRow, []>(
      `SELECT run_key, run_id, runtime_run_id, name, sha256, size_bytes FROM evidence_file JOIN run USING (run_key)
       ORDER BY run_key, name`,
    )
    .all();
}

/** Folder of a run's evidence, below its scope. */
export function evidenceFolder(runId: string, runtimeRunId: string): string {
  return join(".akc", "runtime", runId, runtimeRunId);
}

function count(db: Database, table: "run" | "event"): number {
  return db.prepare<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
}
