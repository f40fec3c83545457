/** How the actions of a run stand, counted: as a bar for a glance, and as words for everybody. Pure. */
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import { phaseSigns } from "../../picture/html/words.ts";
import { phaseOrder } from "../../picture/model.ts";
import type { ActionPhase, PhaseCounts } from "../../store/contract.ts";
import { number } from "../words.ts";

/** From what is done to what has not begun. */
const order: readonly ActionPhase[] = [
  "succeeded",
  ...phaseOrder.filter((phase) => phase !== "succeeded" && phase !== "waiting"),
  "waiting",
];

function countsText(counts: PhaseCounts): string {
  return order
    .filter((phase) => counts[phase] > 0)
    .map((phase) => `${number(counts[phase])} ${phase}`)
    .join(", ");
}

/** Shapes, as their widths are attributes and no element has a style of its own. */
export function countsBar(counts: PhaseCounts): Markup {
  const total = order.reduce((sum, phase) => sum + counts[phase], 0);
  if (total === 0) return nothing;
  let x = 0;
  return html`<svg class="shares" viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" aria-label="${countsText(counts)}">${order.map(
    (phase) => {
      const width = (counts[phase] / total) * 1_000;
      const at = x;
      x += width;
      return width === 0
        ? nothing
        : html`<rect class="p-${phase}" x="${at.toFixed(1)}" width="${width.toFixed(1)}" height="8"/>`;
    },
  )}</svg>`;
}

/** The same as a line of words with their colours. */
export function countsLegend(counts: PhaseCounts): Markup {
  return html`<ul class="legend">${order
    .filter((phase) => counts[phase] > 0)
    .map(
      (phase) =>
        html`<li class="p-${phase}"><span class="sign" aria-hidden="true">${phaseSigns[phase]}</span> ${phase} <b>${number(counts[phase])}</b></li>`,
    )}</ul>`;
}
