/**
 * How a run ended, from what became of its actions; and the old runtime's words for it. Pure.
 *
 * Source: architecture "Words"; spec kernel §9.4 (legacy statuses), kernel:W-12.
 */
import type { ErrorCode } from "../errors.ts";
import type { Outcome } from "../store/contract.ts";
import type { Counts } from "./model.ts";

/** Why the loop ended before everything was settled. */
export type Cut =
  | { readonly kind: "stopped" }
  | { readonly kind: "blocked"; readonly code: ErrorCode; readonly why: string }
  | Exhausted;

/** A bound was passed. */
export interface Exhausted {
  readonly kind: "exhausted";
  readonly code: ErrorCode;
  readonly why: string;
}

export function outcomeOf(counts: Counts, cut: Cut | undefined, deniedElsewhere: boolean): Outcome {
  if (cut !== undefined) return cut.kind;
  if (counts.failed > 0) return "failed";
  if (counts.denied > 0 || counts.blocked > 0 || deniedElsewhere) return "blocked";
  return "succeeded";
}

/** Process exit code of an outcome: a denial is told apart from a failure (docs/exit-codes.md). */
export function exitCodeOf(outcome: Outcome, counts: Counts): number {
  if (outcome === "succeeded") return 0;
  return outcome === "blocked" && counts.failed === 0 ? 2 : 1;
}

/** The status that tools of the old runtime know. */
export function legacyStatus(outcome: Outcome, allTerminal: boolean): string {
  switch (outcome) {
    case "succeeded":
      return allTerminal ? "terminal" : "idle";
    case "stopped":
      return "stopped";
    case "exhausted":
      return "max_iterations_exceeded";
    default:
      return "failed";
  }
}
