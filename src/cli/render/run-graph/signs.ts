/** How a step reads in a drawing for a terminal: the signs and colours of the progress of a run. */
import { type PicturedStep, phaseOrder } from "../../../picture/model.ts";
import { tookMs } from "../../../picture/timeline.ts";
import type { ActionPhase } from "../../../store/contract.ts";
import type { Style } from "../style.ts";
import { elapsed } from "../time.ts";

const signs: Readonly<Record<ActionPhase, string>> = {
  waiting: "·",
  running: "●",
  retrying: "●",
  suspended: "◌",
  succeeded: "✓",
  failed: "✗",
  denied: "✗",
  blocked: "–",
  cancelled: "–",
};

export function signOf(phase: ActionPhase): string {
  return signs[phase];
}

export function paintOf(phase: ActionPhase, style: Style): (text: string) => string {
  switch (phase) {
    case "succeeded":
      return style.good;
    case "failed":
    case "denied":
      return style.bad;
    case "running":
      return style.busy;
    case "retrying":
    case "suspended":
      return style.warn;
    default:
      return style.faint;
  }
}

/** `1.2 s, 3 tries`; the phase where it never began. */
export function timeOf({ attempts, phase }: PicturedStep, asOfMs: number): string {
  const took = tookMs({ attempts }, asOfMs);
  if (took === undefined) return phase;
  return attempts.length === 1 ? elapsed(took) : `${elapsed(took)}, ${attempts.length} tries`;
}

/** `3 ✓ 1 ✗`, those that need eyes first. */
export function tally(steps: readonly Pick<PicturedStep, "phase">[], style: Style): string {
  return phaseOrder
    .flatMap((phase) => {
      const count = steps.filter((step) => step.phase === phase).length;
      return count === 0 ? [] : [`${paintOf(phase, style)(signs[phase])} ${count} ${phase}`];
    })
    .join("  ");
}
