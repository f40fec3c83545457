/**
 * Looks whether a state is whole: the pages of its database, the numbers and digests of its rows, what names what, and the
 * files beside it. It reads one moment of the state, changes nothing and never stops at the first fault.
 */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { EventChain, genesisOf } from "../chain.ts";
import type { RunRow } from "../contract.ts";
import { checkArtifacts, checkEvidence, type OrphanFile, orphanFiles } from "./check-files.ts";
import { closeConnection, openReader } from "./connection.ts";
import { checkDeployment } from "./deployment/check.ts";
import { storeFault } from "./faults.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { readableVersion, schemaVersion, versionAt } from "./migrate.ts";
import { artifactsRoot, databasePath } from "./open.ts";
import { allRuns, runNamed } from "./runs.ts";

const faultKinds = [
  /** SQLite itself finds the file damaged. */
  "database",
  "event_gap",
  "chain",
  "decision_gap",
  /** A row tells of an event that is not there. */
  "event_missing",
  /** Rows of a run that is not there. */
  "run_missing",
  "artifact_missing",
  "artifact_file_missing",
  "artifact_size",
  "artifact_content",
  "evidence_missing",
  "evidence_size",
  "evidence_content",
  /** Rows of the scope's deployment that cannot be as they are. */
  "deployment",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface StateFault {
  readonly kind: FaultKind;
  /** The run it belongs to, where there is one. */
  readonly runtimeRunId: string | null;
  readonly message: string;
}

export interface RunSize {
  readonly runtimeRunId: string;
  readonly events: number;
  readonly decisions: number;
  readonly actions: number;
  readonly artifacts: number;
  /** Text of its events, about what they take in the database. */
  readonly eventBytes: number;
  /** Of all artifacts that it has, also those that other runs have too. */
  readonly artifactBytes: number;
}

export interface CheckReport {
  readonly path: string;
  readonly deep: boolean;
  readonly databaseBytes: number;
  readonly logBytes: number;
  /** Of the database's bytes those that hold nothing. */
  readonly freeBytes: number;
  readonly runs: readonly RunSize[];
  /** At most `stateFaultsShownMax` of them. */
  readonly faults: readonly StateFault[];
  readonly faultCount: number;
  readonly orphans: readonly OrphanFile[];
}

/** Gathers faults; counts those beyond what is shown. */
export class FaultList {
  readonly shown: StateFault[] = [];
  count = 0;

  add(kind: FaultKind, message: string, runtimeRunId: string | null = null): void {
    this.count += 1;
    if (this.shown.length < limits.stateFaultsShownMax) this.shown.push({ kind, runtimeRunId, message });
  }
}

/** @throws AkcError RUN_NOT_FOUND when there is no state, STORE_TOO_NEW, STORE_UNWRITABLE; damage is no error but the answer. */
export async function checkState(
  scopeRoot: string,
  options: { readonly deep: boolean; readonly nowMs: number },
): Promise<CheckReport> {
  const path = databasePath(scopeRoot);
  const databaseBytes = sizeOf(path);
  if (databaseBytes === null) {
    throw new AkcError("RUN_NOT_FOUND", { message: "the scope has no runs", details: { path } });
  }
  const faults = new FaultList();
  const looked = await damageAsFault(path, faults, async () => {
    const version = versionAt(path);
    if (version < readableVersion) throw olderState(path, version);
    const db = openReader(path);
    try {
      db.run("BEGIN");
      return await look(db, scopeRoot, options, faults);
    } finally {
      closeConnection(db);
    }
  });
  return {
    path,
    deep: options.deep,
    databaseBytes,
    logBytes: sizeOf(`${path}-wal`) ?? 0,
    freeBytes: looked?.freeBytes ?? 0,
    runs: looked?.runs ?? [],
    faults: faults.shown,
    faultCount: faults.count,
    orphans: looked?.orphans ?? [],
  };
}

async function look(
  db: Database,
  scopeRoot: string,
  { deep, nowMs }: { readonly deep: boolean; readonly nowMs: number },
  faults: FaultList,
) {
  const path = databasePath(scopeRoot);
  const pages = db.prepare(`PRAGMA ${deep ? "integrity_check" : "quick_check"}(20)`).values();
  for (const [fault] of pages) if (fault !== "ok") faults.add("database", String(fault));

  const runs: RunSize[] = [];
  await damageAsFault(path, faults, async () => {
    for (const row of allRuns(db)) {
      const { key } = runNamed(db, row.context.runtimeRunId);
      checkRows(db, key, row, faults);
      if (deep) checkChain(db, key, row, faults);
      runs.push(sizeOfRun(db, key, row.context.runtimeRunId));
    }
    checkOwners(db, faults);
  });
  await damageAsFault(path, faults, async () => checkDeployment(db, faults));
  const root = artifactsRoot(scopeRoot);
  await damageAsFault(path, faults, async () => {
    checkArtifacts(db, root, deep, faults);
    await checkEvidence(db, scopeRoot, { deep, nowMs }, faults);
  });
  // Without the rows nobody can say which files belong to nobody.
  const orphans = faults.shown.some(({ kind }) => kind === "database") ? [] : orphanFiles(db, root);
  return { runs, orphans, freeBytes: freeBytes(db) };
}

/** What stops a part of the check because the database is damaged becomes a fault like any other. */
async function damageAsFault<T>(
  path: string,
  faults: FaultList,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    const fault = storeFault(cause, path);
    if (!(fault instanceof AkcError) || fault.code !== "STORE_DAMAGED") throw fault;
    const said = fault.details["sqlite"] ?? fault.details["why"];
    faults.add("database", said === undefined ? fault.message : `${fault.message}: ${String(said)}`);
    return undefined;
  }
}

function checkRows(db: Database, key: number, row: RunRow, faults: FaultList): void {
  const { runtimeRunId } = row.context;
  for (const [table, kind] of [
    ["event", "event_gap"],
    ["decision", "decision_gap"],
  ] as const) {
    const rows = db
      .query<{ n: number; first: number | null; last: number | null }, [number, number]>(
        `SELECT count(*) AS n, min(id) AS first, max(id) AS last FROM ${table} WHERE id > ? AND id <= ?`,
      )
      .get(rowIdBase(key), rowIdEnd(key));
    const last = (rows?.last ?? rowIdBase(key)) - rowIdBase(key);
    if (rows !== null && last !== rows.n) {
      faults.add(kind, `${last - rows.n} of its ${last} ${table}s are missing`, runtimeRunId);
    }
  }
  const tellers = [
    ["action", "action_id", "seq"],
    ["decision", "number", "seq"],
    ["signal", "id", "taken_seq"],
  ] as const;
  for (const [table, name, seq] of tellers) {
    const range =
      table === "decision" ? `id > ${rowIdBase(key)} AND id <= ${rowIdEnd(key)}` : `run_key = ${key}`;
    const missing = db
      .prepare<{ name: string | number; seq: number }, [number]>(
        `SELECT ${name} AS name, ${seq} AS seq FROM ${table} AS teller WHERE ${range} AND ${seq} IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM event WHERE event.id = ? + teller.${seq})`,
      )
      .all(rowIdBase(key));
    for (const row of missing) {
      faults.add(
        "event_missing",
        `${table} ${row.name} tells of event ${row.seq}, which is not there`,
        runtimeRunId,
      );
    }
  }
}

/** One fault a run: after the first every later digest is wrong too. */
function checkChain(db: Database, key: number, row: RunRow, faults: FaultList): void {
  const events = db.prepare<
    { id: number; type: string; at_ms: number; payload: string; sha256: Uint8Array },
    [number, number]
  >("SELECT id, type, at_ms, payload, sha256 FROM event WHERE id > ? AND id <= ? ORDER BY id");
  const chain = new EventChain(genesisOf(row));
  try {
    for (const event of events.iterate(rowIdBase(key), rowIdEnd(key))) {
      const seq = event.id - rowIdBase(key);
      const digest = chain.append(seq, event.type, event.at_ms, event.payload);
      if (Buffer.compare(digest, event.sha256) === 0) continue;
      const why =
        seq === 1
          ? "event 1 does not follow from the run's identity"
          : `event ${seq} does not follow from the one before it`;
      faults.add("chain", why, row.context.runtimeRunId);
      return;
    }
  } finally {
    events.finalize();
  }
}

/** Rows that belong to no run, and artifacts that rows name and that are not there. */
function checkOwners(db: Database, faults: FaultList): void {
  for (const table of ["lease", "action", "signal", "evidence_file", "artifact_ref"]) {
    const lost = countOf(
      db,
      `SELECT count(*) AS n FROM ${table} WHERE run_key NOT IN (SELECT run_key FROM run)`,
    );
    if (lost > 0) faults.add("run_missing", `${lost} rows of ${table} belong to a run that is not there`);
  }
  for (const table of ["event", "decision"]) {
    const own = countOf(
      db,
      `SELECT coalesce(sum((SELECT count(*) FROM ${table} WHERE id BETWEEN run.run_key << 32 AND (run.run_key << 32) + 4294967295)), 0) AS n
       FROM run`,
    );
    const lost = countOf(db, `SELECT count(*) AS n FROM ${table}`) - own;
    if (lost > 0) faults.add("run_missing", `${lost} ${table}s belong to a run that is not there`);
  }
  const named = db
    .prepare<{ runtime_run_id: string; who: string; sha256: Uint8Array }, []>(
      `SELECT runtime_run_id, who, sha256 FROM (
         SELECT run_key, 'the run' AS who, sha256 FROM artifact_ref
         UNION SELECT run_key, action_id, output_sha256 FROM action WHERE output_sha256 IS NOT NULL
         UNION SELECT run_key, 'the run', unhex(facts_sha256) FROM run WHERE facts_sha256 IS NOT NULL
       ) AS named JOIN run USING (run_key)
       WHERE NOT EXISTS (SELECT 1 FROM artifact WHERE artifact.sha256 = named.sha256)
       ORDER BY runtime_run_id, who, sha256`,
    )
    .all();
  for (const { runtime_run_id, who, sha256 } of named) {
    faults.add(
      "artifact_missing",
      `${who} names artifact ${sha256.toHex()}, which is not there`,
      runtime_run_id,
    );
  }
}

function sizeOfRun(db: Database, key: number, runtimeRunId: string): RunSize {
  const range = `id > ${rowIdBase(key)} AND id <= ${rowIdEnd(key)}`;
  const artifacts = db
    .query<{ n: number; bytes: number }, [number]>(
      `SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM artifact_ref JOIN artifact USING (sha256)
       WHERE run_key = ?`,
    )
    .get(key);
  return {
    runtimeRunId,
    events: countOf(db, `SELECT count(*) AS n FROM event WHERE ${range}`),
    decisions: countOf(db, `SELECT count(*) AS n FROM decision WHERE ${range}`),
    actions: countOf(db, `SELECT count(*) AS n FROM action WHERE run_key = ${key}`),
    artifacts: artifacts?.n ?? 0,
    eventBytes: countOf(
      db,
      `SELECT coalesce(sum(octet_length(payload) + octet_length(type) + 48), 0) AS n FROM event WHERE ${range}`,
    ),
    artifactBytes: artifacts?.bytes ?? 0,
  };
}

function freeBytes(db: Database): number {
  return countOf(db, "SELECT freelist_count * page_size AS n FROM pragma_freelist_count, pragma_page_size");
}

function countOf(db: Database, sql: string): number {
  return db.prepare<{ n: number }, []>(sql).get()?.n ?? 0;
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function olderState(path: string, version: number): AkcError {
  return new AkcError("STORE_UNWRITABLE", {
    message: "the state database has the shape of an older akc",
    hint: "`akc runtime list` brings it to the shape of this one; then check again.",
    details: { path, version, newestKnown: schemaVersion },
  });
}
