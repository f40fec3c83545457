/** How times, sizes and phases read on a page. Pure: the same facts always give the same words. */
import type { ActionPhase } from "../../store/contract.ts";
import { html, type Markup } from "./markup.ts";

export { byteSize, elapsed } from "../../system/figures.ts";

/** `2026-11-23 06:37:31 UTC`, for machines in full. */
export function moment(ms: number): Markup {
  if (Math.abs(ms) > 8.64e15) return html`${String(ms)}`;
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** `10 000`: groups of three, with a blank that does not break. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u00a0");
}

/** `1 step`, `2 steps`, `2 tries`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** As in the progress of a run on a terminal; what is refused has a sign of its own. */
export const phaseSigns: Readonly<Record<ActionPhase, string>> = {
  waiting: "·",
  running: "●",
  retrying: "↻",
  suspended: "◌",
  succeeded: "✓",
  failed: "✗",
  blocked: "–",
  denied: "⊘",
  cancelled: "–",
};

export const phaseWords: Readonly<Record<ActionPhase, string>> = {
  waiting: "waiting",
  running: "running",
  retrying: "retrying",
  suspended: "waits for a signal or a clock",
  succeeded: "succeeded",
  failed: "failed",
  blocked: "blocked",
  denied: "denied",
  cancelled: "cancelled",
};

export function phaseMark(phase: ActionPhase): Markup {
  return html`<span class="mark p-${phase}"><span aria-hidden="true">${phaseSigns[phase]}</span> ${phase}</span>`;
}

/** How many steps stand in each phase, in the order in which the phases come up. */
export function phaseCounts(
  steps: readonly { readonly phase: ActionPhase }[],
): ReadonlyMap<ActionPhase, number> {
  const counts = new Map<ActionPhase, number>();
  for (const { phase } of steps) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return counts;
}
