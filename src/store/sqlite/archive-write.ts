/**
 * Writes a run into an archive, as it stands at one moment, also while it goes on. The same run gives the same bytes.
 */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { resolveConfined } from "../../system/files.ts";
import { archiveKind, archiveRunKey } from "./archive.ts";
import { artifactPath } from "./artifact-files.ts";
import { evidenceFolder, type NotCopied } from "./backup.ts";
import { closeConnection, openReader } from "./connection.ts";
import { artifactOwner, contentSchema, evidenceOwner, fileChunks, putContent } from "./contents.ts";
import { guarded } from "./faults.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { schemaVersion } from "./migrate.ts";
import { buildFile } from "./new-file.ts";
import { artifactsRoot, databasePath, openStore } from "./open.ts";
import { type KeyedRun, runNamed } from "./runs.ts";
import { createStateTables, mark, openScratch, stateTables } from "./sealed-file.ts";

export interface ArchiveReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly runtimeRunId: string;
  /** Number of the last event in it. */
  readonly lastSeq: number;
  readonly artifacts: number;
  readonly evidenceFiles: number;
  readonly notCopied: readonly NotCopied[];
}

/** @throws AkcError RUN_NOT_FOUND, FILE_EXISTS, OUTPUTS_UNWRITABLE, DISK_FULL, STORE_DAMAGED */
export async function writeArchive(
  scopeRoot: string,
  runtimeRunId: string,
  to: string,
  options: { readonly force: boolean },
): Promise<ArchiveReport> {
  // Confines what is read, and brings an older state to the shape that the copy is written in.
  await (await openStore(scopeRoot, { create: false })).close();
  const source = databasePath(scopeRoot);
  const facts = await buildFile(to, options, async (temporary) => {
    const from = openReader(source);
    const db = openScratch(temporary);
    try {
      // Everything is read in one transaction, so as of one moment.
      guarded(source, () => from.run("BEGIN"));
      const run = guarded(source, () => runNamed(from, runtimeRunId));
      db.run("BEGIN");
      createStateTables(db, schemaVersion);
      db.run(contentSchema + archiveKind.schema);
      db.run("DELETE FROM run_key_counter");
      guarded(source, () => copyRows(from, db, run.key));
      const copied = await copyContents(db, scopeRoot, run, temporary);
      mark(db, archiveKind.applicationId, schemaVersion);
      guarded(temporary, () => db.run("COMMIT"));
      return { runtimeRunId, lastSeq: run.row.lastSeq, ...copied };
    } finally {
      closeConnection(from);
      closeConnection(db);
    }
  });
  return { path: to, sizeBytes: statSync(to).size, ...facts };
}

/** Which rows of a table are the run's; tables that are not here stay empty. */
const picks: Readonly<Record<string, (key: number) => string>> = {
  run: (key) => `WHERE run_key = ${key}`,
  event: (key) => `WHERE id > ${rowIdBase(key)} AND id <= ${rowIdEnd(key)} ORDER BY id`,
  action: (key) => `WHERE run_key = ${key} ORDER BY action_id`,
  decision: (key) => `WHERE id > ${rowIdBase(key)} AND id <= ${rowIdEnd(key)} ORDER BY id`,
  signal: (key) => `WHERE run_key = ${key} ORDER BY number`,
  evidence_file: (key) => `WHERE run_key = ${key} ORDER BY name`,
  artifact_ref: (key) => `WHERE run_key = ${key} ORDER BY sha256`,
  artifact: (key) =>
    `WHERE sha256 IN (SELECT sha256 FROM artifact_ref WHERE run_key = ${key}) ORDER BY sha256`,
};

type Value = string | number | Uint8Array | null;

/** Every archive has its run under the same key, so that two of them can be compared. */
function copyRows(from: Database, db: Database, key: number): void {
  const moved = rowIdBase(archiveRunKey) - rowIdBase(key);
  for (const { name, columns } of stateTables(schemaVersion)) {
    const pick = picks[name];
    if (pick === undefined) continue;
    const taken = columns
      .replace(/^run_key\b/, `${archiveRunKey} AS run_key`)
      .replace(/^id\b/, `id + ${moved} AS id`);
    const select = from.prepare<Record<string, Value>, []>(`SELECT ${taken} FROM ${name} ${pick(key)}`);
    const insert = db.prepare(
      `INSERT INTO ${name} (${columns}) VALUES (${columns.replaceAll(/[^,]+/g, "?")})`,
    );
    try {
      for (const row of select.iterate()) insert.run(...Object.values(row));
    } finally {
      select.finalize();
      insert.finalize();
    }
  }
}

async function copyContents(db: Database, scopeRoot: string, { row }: KeyedRun, temporary: string) {
  const notCopied: NotCopied[] = [];
  let id = 0;
  const root = artifactsRoot(scopeRoot);
  const large = db
    .prepare<{ sha256: Uint8Array }, []>("SELECT sha256 FROM artifact WHERE content IS NULL ORDER BY sha256")
    .all();
  for (const { sha256 } of large) {
    const name = sha256.toHex();
    const chunks = fileChunks(artifactPath(root, name));
    if (chunks === null) {
      notCopied.push({ what: "artifact", name, why: "missing" });
      continue;
    }
    id += 1;
    const kept = guarded(temporary, () => putContent(db, id, artifactOwner(name), chunks));
    if (kept.sha256 !== name) notCopied.push({ what: "artifact", name, why: "changed" });
  }
  const files = db
    .prepare<{ name: string; sha256: Uint8Array }, []>("SELECT name, sha256 FROM evidence_file ORDER BY name")
    .all();
  const folder = evidenceFolder(row.context.runId, row.context.runtimeRunId);
  let evidenceFiles = 0;
  for (const { name, sha256 } of files) {
    const path = await resolveConfined(scopeRoot, `${folder}/${name}`).catch(() => null);
    const chunks = path === null ? null : fileChunks(path);
    if (chunks === null) {
      notCopied.push({ what: "evidence", name, why: "missing" });
      continue;
    }
    id += 1;
    const kept = guarded(temporary, () => putContent(db, id, evidenceOwner(archiveRunKey, name), chunks));
    evidenceFiles += 1;
    if (kept.sha256 === sha256.toHex()) continue;
    // An edited file goes along as it is: the archive is evidence, and what is wrong with it shows wherever it is verified.
    notCopied.push({ what: "evidence", name, why: "changed" });
  }
  const artifacts = db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM artifact").get()?.n ?? 0;
  return { artifacts, evidenceFiles, notCopied };
}
