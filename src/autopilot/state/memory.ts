/**
 * What is known of one scope in this process: its state, folded from its facts, and the place in the chain up to which it was.
 * It follows the chain and refuses what does not hold together; it never writes.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../limits.ts";
import type { Entry, ScopeId, ScopeState } from "../model.ts";
import { FactChain, genesisOf, sameBytes } from "./chain.ts";
import { damaged } from "./damage.ts";
import { digestIn, type EntryRow, entryOf, entryRows, type ScopeRow, snapshotRows } from "./rows.ts";
import { readFact } from "./stored-fact.ts";
import { readState } from "./stored-state.ts";

/** How a state follows from facts: `machine.ts`. */
export interface Machine {
  emptyState(): ScopeState;
  fold(state: ScopeState, entry: Entry): ScopeState;
}

/** The state after the entry `seq`, whose digest is `sha256`. */
export interface Memory {
  readonly scope: ScopeId;
  readonly seq: number;
  readonly sha256: Uint8Array;
  readonly atMs: number;
  readonly state: ScopeState;
  /** Up to where the state is kept beside the facts. */
  readonly snapshotSeq: number;
}

/** Before any fact. */
export function nothingOf(scope: ScopeId, machine: Machine): Memory {
  return {
    scope,
    seq: 0,
    sha256: genesisOf(scope),
    atMs: 0,
    state: machine.emptyState(),
    snapshotSeq: 0,
  };
}

/**
 * As it is now: reads only what was added since `known`. Call it inside a transaction, in which the row was read.
 * @throws AkcError AUTOPILOT_STATE_DAMAGED
 */
export function upToDate(
  db: Database,
  machine: Machine,
  scope: ScopeId,
  row: ScopeRow | null,
  known: Memory | undefined,
): Memory {
  if (row === null) {
    if (known !== undefined && known.seq > 0) throw damaged(scope, known.seq, "its facts are gone");
    return nothingOf(scope, machine);
  }
  // What another file or an earlier copy in this file's place says is read from its beginning.
  const usable = known !== undefined && isOf(db, known, row);
  return follow(db, machine, row, usable ? known : beginning(db, machine, scope, row));
}

/** Whether the chain that is stored still goes through the place that is known. */
function isOf(db: Database, known: Memory, row: ScopeRow): boolean {
  if (known.seq > row.seq || known.seq < row.baseSeq) return false;
  const there = known.seq === row.seq ? row.sha256 : digestIn(db, row, known.seq);
  return there !== undefined && sameBytes(there, known.sha256);
}

/** The newest state that is kept and bound to the chain, or the genesis. A kept state that is not sound is passed over for an older one. */
function beginning(db: Database, machine: Machine, scope: ScopeId, row: ScopeRow): Memory {
  for (const kept of snapshotRows(db, row.key)) {
    if (kept.seq > row.seq || kept.seq < row.baseSeq) continue;
    const digest = digestIn(db, row, kept.seq);
    if (digest === undefined || !sameBytes(digest, kept.entrySha256)) continue;
    const state = readState({ text: kept.state, sha256: kept.sha256 }, kept.entrySha256);
    if (state?.seq !== kept.seq) continue;
    return { scope, seq: kept.seq, sha256: digest, atMs: state.atMs, state, snapshotSeq: kept.seq };
  }
  const nothing = nothingOf(scope, machine);
  if (row.baseSeq > 0) throw damaged(scope, row.baseSeq, "the state before its oldest fact cannot be read");
  if (!sameBytes(row.baseSha256, nothing.sha256)) throw damaged(scope, 0, "its chain begins elsewhere");
  return nothing;
}

/** What the facts that were removed made. @throws AkcError AUTOPILOT_STATE_DAMAGED */
export function stateAtBase(db: Database, machine: Machine, scope: ScopeId, row: ScopeRow): ScopeState {
  if (row.baseSeq === 0) return machine.emptyState();
  const kept = snapshotRows(db, row.key).find(({ seq }) => seq === row.baseSeq);
  const state =
    kept === undefined ? undefined : readState({ text: kept.state, sha256: kept.sha256 }, row.baseSha256);
  if (state?.seq !== row.baseSeq) {
    throw damaged(scope, row.baseSeq, "the state before its oldest fact cannot be read");
  }
  return state;
}

/** Goes on from `from` to the scope's last entry. */
function follow(db: Database, machine: Machine, row: ScopeRow, from: Memory): Memory {
  const { scope } = from;
  let { seq, sha256, atMs, state } = from;
  // The usual case: nothing was said since.
  if (seq === row.seq && sameBytes(sha256, row.sha256)) return from;
  const chain = new FactChain(sha256);
  while (seq < row.seq) {
    const page = entryRows(db, row.key, seq, row.seq, limits.storePageRows);
    if (page.length === 0) throw damaged(scope, seq + 1, "a fact is missing");
    for (const stored of page) {
      const entry = checked(chain, scope, stored, { seq, atMs });
      state = machine.fold(state, entry);
      ({ seq, atMs } = entry);
      sha256 = stored.sha256;
    }
  }
  if (!sameBytes(sha256, row.sha256))
    throw damaged(scope, seq, "its last fact is not the one that was written");
  return { scope, seq, sha256, atMs, state, snapshotSeq: from.snapshotSeq };
}

/** The entry, when it follows the one before. @throws AkcError AUTOPILOT_STATE_DAMAGED */
export function checked(
  chain: FactChain,
  scope: ScopeId,
  stored: EntryRow,
  before: { readonly seq: number; readonly atMs: number },
): Entry {
  if (stored.seq !== before.seq + 1) throw damaged(scope, before.seq + 1, "a fact is missing");
  if (stored.atMs < before.atMs) throw damaged(scope, stored.seq, "a fact is older than the one before it");
  if (stored.writer.includes("\n") || !sameBytes(chain.append(stored), stored.sha256)) {
    throw damaged(scope, stored.seq, "a fact has another digest than the one it was written with");
  }
  const fact = readFact(stored.payload);
  if (fact === undefined || fact.type !== stored.type) {
    throw damaged(scope, stored.seq, `this akc does not know what "${stored.type}" says`);
  }
  return entryOf(stored, fact);
}
