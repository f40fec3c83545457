/**
 * What is left to do in a run that somebody wants to go on with. Pure: it judges a row, it changes none.
 */
import { eventTypes } from "../../kernel/wire.ts";
import type { RunReader, RunRow } from "../../store/contract.ts";
import { lastOwnEvent } from "./own-end.ts";

export type Leftover =
  /** Its actions are not through, or are to be run again. */
  | { readonly kind: "work"; readonly why: "abandoned" | "stopped" | "exhausted" | "broken" | "rerun" }
  /** It has ended, and died before its evidence was whole. */
  | { readonly kind: "evidence" }
  | { readonly kind: "nothing" };

/** A run with as much of its history as this needs. */
export interface BegunRun {
  readonly row: RunRow;
  /** Of its own, not of reconciling afterwards; null on a run that died before its first commit. */
  readonly lastEventType: string | null;
}

export interface Wanted {
  /** Steps to run again, with what depends on them. */
  readonly from: readonly string[];
  /** Whether a run that has ended is left as it ended: then only its evidence may be left to do. */
  readonly onlyUnfinished: boolean;
}

export async function begunRun(reader: RunReader): Promise<BegunRun> {
  const row = await reader.run();
  const last = await lastOwnEvent(reader, row.lastSeq);
  return { row, lastEventType: last?.type ?? null };
}

export function leftoverOf({ row, lastEventType }: BegunRun, { from, onlyUnfinished }: Wanted): Leftover {
  if (from.length > 0) return { kind: "work", why: "rerun" };
  if (row.outcome === null) return { kind: "work", why: "abandoned" };
  if (!onlyUnfinished) {
    if (row.outcome === "stopped" || row.outcome === "exhausted") return { kind: "work", why: row.outcome };
    // Not its actions ended it but a fault of akc, of the disk or of the store.
    if (lastEventType === eventTypes.failed) return { kind: "work", why: "broken" };
  }
  return isUnsealed(row) ? { kind: "evidence" } : { kind: "nothing" };
}

/** Whether it ended and died before its evidence was whole. Runs of before evidence was sealed are not among them. */
export function isUnsealed({ outcome, factsSha256, evidenceSeq, lastSeq }: RunRow): boolean {
  return outcome !== null && factsSha256 !== null && evidenceSeq !== lastSeq;
}
