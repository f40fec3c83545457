/** How a run stands, in one word. It judges a lease by what this host can see, and takes nothing from anybody. */
import { type ActionPhase, type ActionRow, type ListedRun, noPhases, type PhaseCounts } from "../contract.ts";
import { isHeld, thisProcess } from "./holder.ts";

const here = thisProcess();

/**
 * Its outcome when it has ended, else `running`, `stopping`, `waiting` when nothing of it moves until a signal comes or a time, or
 * `abandoned` when the process that ran it is gone.
 * @param counts where its actions stand; without them `waiting` is told as `running`
 */
export function standing(
  { outcome, lease, stopRequestedAtMs }: Pick<ListedRun, "outcome" | "lease" | "stopRequestedAtMs">,
  nowMs: number,
  counts?: PhaseCounts,
): string {
  if (outcome !== null) return outcome;
  if (lease === null || !isHeld(lease, here, nowMs)) return "abandoned";
  if (stopRequestedAtMs !== null) return "stopping";
  return counts !== undefined && isWaiting(counts) ? "waiting" : "running";
}

function isWaiting({ running, retrying, suspended }: PhaseCounts): boolean {
  return suspended > 0 && running === 0 && retrying === 0;
}

export function countPhases(actions: readonly Pick<ActionRow, "phase">[]): PhaseCounts {
  const counts: Record<ActionPhase, number> = { ...noPhases };
  for (const { phase } of actions) counts[phase] += 1;
  return counts;
}
