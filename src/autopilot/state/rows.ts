/**
 * Rows of scopes and of their facts, read and written as they stand. Whether they hold together is judged in `memory.ts`; whether
 * they may be written is decided in `write.ts`.
 */
import type { Database } from "bun:sqlite";
import { rowIdBase } from "../../store/sqlite/keys.ts";
import type { AttemptMark } from "../contract.ts";
import type { Entry, ScopeId } from "../model.ts";
import type { Link } from "./chain.ts";
import { genesisOf } from "./chain.ts";

export interface ScopeRow {
  readonly key: number;
  readonly tenantId: string;
  readonly repoId: string;
  /** Of the last entry; `baseSeq` when there is none. */
  readonly seq: number;
  readonly atMs: number;
  readonly sha256: Uint8Array;
  /** Of the last entry that was removed; 0 and the genesis before any was. */
  readonly baseSeq: number;
  readonly baseSha256: Uint8Array;
  readonly token: number;
  readonly holder: string;
}

export interface EntryRow extends Link {
  readonly sha256: Uint8Array;
}

const scopeColumns = `scope_key AS key, tenant_id AS tenantId, repo_id AS repoId, seq, at_ms AS atMs, sha256,
  base_seq AS baseSeq, base_sha256 AS baseSha256, token, holder`;

const entryColumns = "seq, type, at_ms AS atMs, writer, token, payload, sha256";

export function scopeRow(db: Database, { tenantId, repoId }: ScopeId): ScopeRow | null {
  return db
    .query<ScopeRow, [string, string]>(
      `SELECT ${scopeColumns} FROM scope WHERE tenant_id = ? AND repo_id = ?`,
    )
    .get(tenantId, repoId);
}

function scopeRows(db: Database): readonly ScopeRow[] {
  return db.query<ScopeRow, []>(`SELECT ${scopeColumns} FROM scope ORDER BY tenant_id, repo_id`).all();
}

/** Of all that anything is known of, sorted. */
export function knownScopes(db: Database): readonly ScopeId[] {
  return scopeRows(db).map(({ tenantId, repoId }) => ({ tenantId, repoId }));
}

/** Those with an attempt that has not ended, sorted. */
export function scopesInAttempt(db: Database): readonly ScopeId[] {
  return db
    .query<ScopeId, []>(
      `SELECT tenant_id AS tenantId, repo_id AS repoId FROM scope WHERE attempt_open = 1
       ORDER BY tenant_id, repo_id`,
    )
    .all();
}

/** Its row, made when nothing is known of it yet. Call it inside a transaction that writes. */
export function knownScope(db: Database, scope: ScopeId): ScopeRow {
  const genesis = genesisOf(scope);
  db.query(
    `INSERT INTO scope (tenant_id, repo_id, seq, at_ms, sha256, base_seq, base_sha256, token, holder, fenced_at_ms, attempt_open)
     VALUES (?, ?, 0, 0, ?, 0, ?, 0, '', 0, 0) ON CONFLICT DO NOTHING`,
  ).run(scope.tenantId, scope.repoId, genesis, genesis);
  const row = scopeRow(db, scope);
  if (row === null) throw new Error("a row that was just written is not there");
  return row;
}

/** In order, those after `afterSeq` up to and with `toSeq`, at most `limit`. */
export function entryRows(
  db: Database,
  key: number,
  afterSeq: number,
  toSeq: number,
  limit: number,
): readonly EntryRow[] {
  const base = rowIdBase(key);
  return db
    .query<EntryRow, [number, number, number]>(
      `SELECT ${entryColumns} FROM entry WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
    )
    .all(base + afterSeq, base + toSeq, limit);
}

/** Those with `fromMs <= at < toMs`, in order. */
export function entryRowsBetween(
  db: Database,
  key: number,
  fromMs: number,
  toMs: number,
): readonly EntryRow[] {
  return db
    .query<EntryRow, [number, number, number]>(
      `SELECT ${entryColumns} FROM entry WHERE scope_key = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, id`,
    )
    .all(key, fromMs, toMs);
}

/** When attempts began and ended, those with `fromMs <= at < toMs`, in order. What is no JSON any more is left out. */
export function attemptMarkRows(
  db: Database,
  key: number,
  fromMs: number,
  toMs: number,
): readonly AttemptMark[] {
  return db
    .query<AttemptMark, [number, number, number]>(
      `SELECT coalesce(payload ->> '$.attempt.attemptId', payload ->> '$.attemptId') AS attemptId, at_ms AS atMs,
         payload ->> '$.attempt.runtimeRunId' AS runtimeRunId
       FROM entry WHERE scope_key = ? AND at_ms >= ? AND at_ms < ?
         AND type IN ('attempt_started', 'attempt_ended') AND json_valid(payload)
       ORDER BY at_ms, id`,
    )
    .all(key, fromMs, toMs);
}

export function insertEntry(db: Database, key: number, entry: EntryRow): void {
  db.query(
    "INSERT INTO entry (id, type, at_ms, writer, token, payload, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(
    rowIdBase(key) + entry.seq,
    entry.type,
    entry.atMs,
    entry.writer,
    entry.token,
    entry.payload,
    entry.sha256,
  );
}

export interface SnapshotRow {
  readonly seq: number;
  readonly entrySha256: Uint8Array;
  readonly state: string;
  readonly sha256: Uint8Array;
}

/** Newest first. */
export function snapshotRows(db: Database, key: number): readonly SnapshotRow[] {
  return db
    .query<SnapshotRow, [number]>(
      "SELECT seq, entry_sha256 AS entrySha256, state, sha256 FROM snapshot WHERE scope_key = ? ORDER BY seq DESC",
    )
    .all(key);
}

function digestAt(db: Database, key: number, seq: number): Uint8Array | undefined {
  return db
    .query<{ sha256: Uint8Array }, [number]>("SELECT sha256 FROM entry WHERE id = ?")
    .get(rowIdBase(key) + seq)?.sha256;
}

/** Of the scope's fact `seq`, that of its base included; undefined for one that is not there. */
export function digestIn(db: Database, { key, baseSeq, baseSha256 }: ScopeRow, seq: number) {
  return seq === baseSeq ? baseSha256 : digestAt(db, key, seq);
}

/** Every write that others should look at. Leases and beats are none. */
export function countChange(db: Database): void {
  db.query("UPDATE change SET count = count + 1 WHERE id = 1").run();
}

export function entryOf({ seq, atMs, writer, token, sha256 }: EntryRow, fact: Entry["fact"]): Entry {
  return { seq, atMs, writer, token, fact, sha256: Buffer.from(sha256).toString("hex") };
}
