/**
 * Takes away facts that nothing needs any more: they are older than was asked for, their window is scored, and no attempt that is
 * open began with them. The digest of the last one that goes stays, and the state after it, so that the chain can be followed from there.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../limits.ts";
import { rowIdBase } from "../../store/sqlite/keys.ts";
import type { ScopeId, ScopeState } from "../model.ts";
import { FactChain } from "./chain.ts";
import { checked, type Machine, stateAtBase, upToDate } from "./memory.ts";
import { entryRows, type ScopeRow, scopeRow } from "./rows.ts";
import { putState } from "./write.ts";

/**
 * One part of a scope's old facts, in one transaction; 0 when there is nothing left to remove.
 * @throws AkcError AUTOPILOT_STATE_DAMAGED: of a scope that does not hold together nothing is removed
 */
export function pruneScope(db: Database, machine: Machine, scope: ScopeId, beforeMs: number): number {
  return db
    .transaction(() => {
      const row = scopeRow(db, scope);
      if (row === null) return 0;
      const { state } = upToDate(db, machine, scope, row, undefined);
      const lastSeq = lastNeedless(db, row, Math.min(beforeMs, neededFrom(state)));
      if (lastSeq <= row.baseSeq) return 0;
      const base = foldedTo(db, machine, scope, row, lastSeq);
      db.query("DELETE FROM snapshot WHERE scope_key = ? AND seq <= ?").run(row.key, lastSeq);
      putState(db, row.key, lastSeq, base.sha256, base.state);
      const first = rowIdBase(row.key);
      db.query("DELETE FROM entry WHERE id > ? AND id <= ?").run(first + row.baseSeq, first + lastSeq);
      db.query("UPDATE scope SET base_seq = ?, base_sha256 = ? WHERE scope_key = ?").run(
        lastSeq,
        base.sha256,
        row.key,
      );
      return lastSeq - row.baseSeq;
    })
    .immediate();
}

/** Rows beside the facts that are older than this. */
export function pruneBeside(db: Database, beforeMs: number): void {
  db.transaction(() => {
    db.query("DELETE FROM tally WHERE from_ms < ?").run(beforeMs);
    db.query("DELETE FROM nonce WHERE keep_until_ms < ?").run(beforeMs);
    db.query("DELETE FROM controller WHERE beat_at_ms < ?").run(beforeMs);
  }).immediate();
}

/** Scoreboards are counted from the facts of their window; a scope that was never scored keeps all of them. */
function neededFrom({ scoredUntilMs, attempt, recompiling }: ScopeState): number {
  return Math.min(
    scoredUntilMs ?? 0,
    attempt?.startedAtMs ?? Number.POSITIVE_INFINITY,
    recompiling?.sinceMs ?? Number.POSITIVE_INFINITY,
  );
}

/** Times never go back along the chain, so what is older than this is a beginning of it. */
function lastNeedless(db: Database, { key, baseSeq }: ScopeRow, beforeMs: number): number {
  const found = db
    .query<{ seq: number }, [number, number]>(
      "SELECT seq FROM entry WHERE scope_key = ? AND at_ms < ? ORDER BY at_ms DESC, id DESC LIMIT 1",
    )
    .get(key, beforeMs);
  return Math.min(found?.seq ?? 0, baseSeq + limits.autopilotPruneRows);
}

/** From the base, not from a later state that is kept: the new base must follow from what goes. */
function foldedTo(db: Database, machine: Machine, scope: ScopeId, row: ScopeRow, toSeq: number) {
  let state = stateAtBase(db, machine, scope, row);
  let before = { seq: row.baseSeq, atMs: state.atMs };
  let sha256 = row.baseSha256;
  const chain = new FactChain(sha256);
  for (const stored of entryRows(db, row.key, row.baseSeq, toSeq, limits.autopilotPruneRows)) {
    const entry = checked(chain, scope, stored, before);
    state = machine.fold(state, entry);
    before = entry;
    sha256 = stored.sha256;
  }
  return { state, sha256 };
}
