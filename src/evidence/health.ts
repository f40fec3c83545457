/**
 * How healthy a run ended, in the four words that evidence knows. Pure.
 *
 * Source: spec cli §7 (lattice); cli:W-33, bundle:W-40 (what failed, was refused or never ran counts).
 */
import type { PhaseCounts, RunRow } from "../store/contract.ts";

export type Health = "healthy" | "unknown" | "degraded" | "failed";

const ranks: Readonly<Record<Health, number>> = { healthy: 1, unknown: 2, degraded: 3, failed: 4 };

/** The worst of them; healthy when there is none. */
export function worst(healths: Iterable<Health>): Health {
  let result: Health = "healthy";
  for (const health of healths) if (ranks[health] > ranks[result]) result = health;
  return result;
}

/** A word from elsewhere; anything that is none of the four counts as unknown. */
export function healthOf(word: string): Health {
  return word === "healthy" || word === "degraded" || word === "failed" ? word : "unknown";
}

/** Of the kernel's own doing: from the outcome and from where the actions stand. */
export function kernelHealth(run: Pick<RunRow, "outcome">, phases: PhaseCounts): Health {
  const actions: Health[] = [];
  if (phases.failed > 0 || phases.denied > 0) actions.push("failed");
  if (phases.blocked > 0) actions.push("degraded");
  switch (run.outcome) {
    case "succeeded":
    case "stopped":
      return worst(actions);
    case "failed":
    case "blocked":
      return "failed";
    case "exhausted":
      return worst([...actions, "degraded"]);
    case null:
      return worst([...actions, "unknown"]);
  }
}
