/**
 * Follows the whole chain of a scope from where it begins, and holds what is kept beside it against it. It changes nothing and stops
 * at the first fault of a scope: what comes after it cannot be trusted either.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { rowIdBase, rowIdEnd } from "../../store/sqlite/keys.ts";
import type { ScopeId } from "../model.ts";
import { FactChain, genesisOf, sameBytes } from "./chain.ts";
import { checked, type Machine, stateAtBase } from "./memory.ts";
import { entryRows, type ScopeRow, scopeRow, snapshotRows } from "./rows.ts";
import { stateText } from "./stored-state.ts";

export interface ChainFault {
  readonly scope: ScopeId;
  readonly seq: number;
  readonly message: string;
}

/** Undefined when all is as it was written. Lets others go on between two pages. */
export async function verifyScope(
  db: Database,
  machine: Machine,
  scope: ScopeId,
): Promise<ChainFault | undefined> {
  const fault = (seq: number, message: string): ChainFault => ({ scope, seq, message });
  // What is appended while this goes on is left to the next time; what is removed begins it anew.
  const begun = scopeRow(db, scope);
  if (begun === null) return undefined;
  try {
    const { seq } = await followAll(db, machine, scope, begun);
    const last = db
      .query<{ seq: number | null }, [number, number]>(
        "SELECT max(id) & 4294967295 AS seq FROM entry WHERE id BETWEEN ? AND ?",
      )
      .get(rowIdBase(begun.key), rowIdEnd(begun.key))?.seq;
    const now = scopeRow(db, scope);
    if ((last ?? 0) > (now?.seq ?? 0))
      return fault(seq + 1, "there are facts after the last one that was written");
    return undefined;
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    if (scopeRow(db, scope)?.baseSeq !== begun.baseSeq) return verifyScope(db, machine, scope);
    const at = cause.details["seq"];
    return fault(typeof at === "number" ? at : 0, cause.message);
  }
}

async function followAll(
  db: Database,
  machine: Machine,
  scope: ScopeId,
  row: ScopeRow,
): Promise<{ readonly seq: number }> {
  if (row.baseSeq === 0 && !sameBytes(row.baseSha256, genesisOf(scope)))
    throw broken(0, "its chain begins elsewhere");
  const kept = snapshotRows(db, row.key).filter(({ seq }) => seq <= row.seq);
  let state = stateAtBase(db, machine, scope, row);
  let before = { seq: row.baseSeq, atMs: state.atMs };
  let sha256 = row.baseSha256;
  let token = 0;
  const chain = new FactChain(sha256);
  for (;;) {
    const page = entryRows(db, row.key, before.seq, row.seq, limits.storePageRows);
    if (page.length === 0) break;
    for (const stored of page) {
      const entry = checked(chain, scope, stored, before);
      if (entry.token > 0 && entry.token < token)
        throw broken(entry.seq, "it was written under an older fence than the one before");
      token = Math.max(token, entry.token);
      state = machine.fold(state, entry);
      before = entry;
      sha256 = stored.sha256;
      const copy = kept.find(({ seq }) => seq === entry.seq);
      if (copy !== undefined && !sameBytes(copy.sha256, stateText(state, sha256).sha256)) {
        throw broken(entry.seq, "the state that is kept is not what its facts say");
      }
    }
    await Bun.sleep(0);
  }
  if (before.seq !== row.seq) throw broken(before.seq + 1, "a fact is missing");
  if (!sameBytes(sha256, row.sha256)) throw broken(row.seq, "its last fact is not the one that was written");
  return before;
}

function broken(seq: number, message: string): AkcError {
  return new AkcError("AUTOPILOT_STATE_DAMAGED", { message, details: { seq } });
}
