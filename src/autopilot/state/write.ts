/**
 * All that is written into a scope's memory: facts under a fence, a person's word, a new fence. Each is one transaction that lands
 * whole or not at all; nothing is written over a chain that does not hold.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { failpoint } from "../../system/failpoint.ts";
import type { Cursor, Fence } from "../contract.ts";
import { takesTrigger } from "../machine.ts";
import { type Entry, type Fact, type ScopeId, type ScopeState, scopeName } from "../model.ts";
import { FactChain } from "./chain.ts";
import { type Machine, type Memory, upToDate } from "./memory.ts";
import { countChange, type EntryRow, entryOf, insertEntry, knownScope, type ScopeRow } from "./rows.ts";
import { storable } from "./stored-fact.ts";
import { stateText } from "./stored-state.ts";

export interface Written {
  readonly entries: readonly Entry[];
  /** The scope after it; of this process's own from the commit on. */
  readonly memory: Memory;
}

export interface Appending {
  readonly nowMs: number;
  readonly cursors?: readonly Cursor[];
  readonly goneRuns?: readonly string[];
  readonly slots?: number;
}

/**
 * A trigger whose key is open already is left out: two that are about the same are one.
 * @throws AkcError LEASE_LOST, AUTOPILOT_SLOTS_FULL, AUTOPILOT_STATE_DAMAGED
 */
export function appendFacts(
  db: Database,
  machine: Machine,
  scope: ScopeId,
  facts: readonly Fact[],
  by: Fence,
  { nowMs, cursors = [], goneRuns = [], slots }: Appending,
  known: Memory | undefined,
): Written {
  return db
    .transaction(() => {
      const row = knownScope(db, scope);
      refuseOldFence(row, scope, by);
      const before = upToDate(db, machine, scope, row, known);
      if (slots !== undefined && facts.some(({ type }) => type === "attempt_started"))
        refuseFull(db, row.key, slots);
      const written = put(db, machine, row, before, facts, { writer: by.holder, token: by.token, nowMs });
      moveCursors(db, row.key, cursors);
      const forget = db.query("DELETE FROM cursor WHERE scope_key = ? AND runtime_run_id = ?");
      for (const runtimeRunId of goneRuns) forget.run(row.key, runtimeRunId);
      if (written.entries.length > 0 || cursors.length > 0) countChange(db);
      failpoint("autopilot.inside_append");
      return written;
    })
    .immediate();
}

export interface Nonce {
  readonly value: string;
  readonly keepUntilMs: number;
}

/** No entry when a trigger of the key is open, as many wait as may, or the nonce was taken before. @throws AkcError AUTOPILOT_STATE_DAMAGED */
export function appendWord(
  db: Database,
  machine: Machine,
  scope: ScopeId,
  fact: Fact,
  by: string,
  nowMs: number,
  known: Memory | undefined,
  nonce?: Nonce,
): Written {
  return db
    .transaction(() => {
      const row = knownScope(db, scope);
      const before = upToDate(db, machine, scope, row, known);
      if (nonce !== undefined && isTaken(db, nonce.value, nowMs)) return { entries: [], memory: before };
      const written = put(db, machine, row, before, [fact], { writer: by, token: 0, nowMs });
      if (written.entries.length > 0) {
        countChange(db);
        // Only with what it was taken for: who could not be heard may say it again.
        if (nonce !== undefined) takeNonce(db, nonce, nowMs);
      }
      return written;
    })
    .immediate();
}

/** False when it was taken before and is kept still. Call it inside a transaction. */
export function takeNonce(db: Database, { value, keepUntilMs }: Nonce, nowMs: number): boolean {
  db.query("DELETE FROM nonce WHERE keep_until_ms <= ?").run(nowMs);
  return (
    db
      .query("INSERT INTO nonce (nonce, keep_until_ms) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .run(value, keepUntilMs).changes === 1
  );
}

function isTaken(db: Database, value: string, nowMs: number): boolean {
  return db.query("SELECT 1 FROM nonce WHERE nonce = ? AND keep_until_ms > ?").get(value, nowMs) !== null;
}

/** A right to write that is newer than every other. */
export function newFence(db: Database, scope: ScopeId, holder: string, nowMs: number): Fence {
  return db
    .transaction(() => {
      const { key } = knownScope(db, scope);
      const row = db
        .query<{ token: number }, [string, number, number]>(
          "UPDATE scope SET token = token + 1, holder = ?, fenced_at_ms = ? WHERE scope_key = ? RETURNING token",
        )
        .get(holder, Math.floor(nowMs), key);
      countChange(db);
      return { holder, token: row?.token ?? 0 };
    })
    .immediate();
}

interface Signature {
  readonly writer: string;
  readonly token: number;
  readonly nowMs: number;
}

function put(
  db: Database,
  machine: Machine,
  row: ScopeRow,
  before: Memory,
  facts: readonly Fact[],
  { writer, token, nowMs }: Signature,
): Written {
  // A clock that was set back makes nothing older than what is there.
  const atMs = Math.max(Math.floor(nowMs), before.atMs);
  const chain = new FactChain(before.sha256);
  const entries: Entry[] = [];
  let { seq, sha256, state } = before;
  for (const given of facts) {
    if (given.type === "triggered" && !takesTrigger(state, given.trigger)) continue;
    seq += 1;
    const { text: payload, fact } = storable(given);
    const link = { seq, type: fact.type, atMs, writer, token, payload };
    sha256 = chain.append(link);
    const stored: EntryRow = { ...link, sha256 };
    insertEntry(db, row.key, stored);
    const entry = entryOf(stored, fact);
    entries.push(entry);
    state = machine.fold(state, entry);
  }
  if (entries.length === 0) return { entries, memory: before };
  db.query("UPDATE scope SET seq = ?, at_ms = ?, sha256 = ?, attempt_open = ? WHERE scope_key = ?").run(
    seq,
    atMs,
    sha256,
    state.attempt === undefined ? 0 : 1,
    row.key,
  );
  const due = seq - before.snapshotSeq >= limits.autopilotSnapshotEntries;
  if (due) keepState(db, row, seq, sha256, state);
  const snapshotSeq = due ? seq : before.snapshotSeq;
  return { entries, memory: { scope: before.scope, seq, sha256, atMs, state, snapshotSeq } };
}

/** The newest, beside that of the base. */
function keepState(db: Database, row: ScopeRow, seq: number, sha256: Uint8Array, state: ScopeState): void {
  db.query("DELETE FROM snapshot WHERE scope_key = ? AND seq > ?").run(row.key, row.baseSeq);
  putState(db, row.key, seq, sha256, state);
}

/** Keeps the state after the entry `seq`, in place of one that was kept there. */
export function putState(
  db: Database,
  key: number,
  seq: number,
  entrySha256: Uint8Array,
  state: ScopeState,
): void {
  const kept = stateText(state, entrySha256);
  db.query(
    "INSERT OR REPLACE INTO snapshot (scope_key, seq, entry_sha256, state, sha256) VALUES (?, ?, ?, ?, ?)",
  ).run(key, seq, entrySha256, kept.text, kept.sha256);
}

function refuseOldFence(row: ScopeRow, scope: ScopeId, by: Fence): void {
  if (by.token > 0 && row.token === by.token && row.holder === by.holder) return;
  throw new AkcError("LEASE_LOST", {
    message: `another controller has taken over ${scopeName(scope)}`,
    hint: "Nothing was written; the scope is the other's.",
    details: { ...scope, holder: row.holder, token: row.token, given: by.token },
  });
}

function refuseFull(db: Database, key: number, slots: number): void {
  const open =
    db
      .query<{ n: number }, [number]>(
        "SELECT count(*) AS n FROM scope WHERE attempt_open = 1 AND scope_key <> ?",
      )
      .get(key)?.n ?? 0;
  if (open >= slots) throw new AkcError("AUTOPILOT_SLOTS_FULL", { details: { open, slots } });
}

/** Only forward: what was read once is not read again. Marks of sources that are no run say what was seen last, and may be anything. */
function moveCursors(db: Database, key: number, cursors: readonly Cursor[]): void {
  const statement = db.query(
    `INSERT INTO cursor (scope_key, runtime_run_id, seq) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET
       seq = CASE WHEN runtime_run_id LIKE '*%' THEN excluded.seq ELSE max(seq, excluded.seq) END`,
  );
  for (const { runtimeRunId, seq } of cursors) statement.run(key, runtimeRunId, seq);
}
