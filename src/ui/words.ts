/**
 * Times, lengths of time and counts as people read them on a page, and marks for how things stand. Pure; it says what it is given and
 * judges nothing.
 */
import { html, type Markup, nothing } from "../picture/html/markup.ts";
import { type Tone, toneOf, toneSigns } from "../picture/html/tones.ts";
import { phaseSigns } from "../picture/html/words.ts";
import type { ActionPhase } from "../store/contract.ts";
import { instant } from "../system/figures.ts";

export { toneOf } from "../picture/html/tones.ts";
export { counted, grouped as number } from "../picture/html/words.ts";
export { elapsed, instant } from "../system/figures.ts";

/** In UTC, to the second; the whole moment is there for machines. */
export function moment(ms: number | null): Markup {
  if (ms === null) return nothing;
  const whole = instant(ms);
  return html`<time datetime="${whole}">${whole.slice(0, 19).replace("T", " ")}</time>`;
}

/** How something stands: sign, colour and word. */
export function badge(word: string, tone: Tone = toneOf(word)): Markup {
  return html`<span class="badge t-${tone}"><span aria-hidden="true">${toneSigns[tone]}</span> ${word.replaceAll("_", " ")}</span>`;
}

export function phaseBadge(phase: ActionPhase): Markup {
  return html`<span class="badge p-${phase}"><span aria-hidden="true">${phaseSigns[phase]}</span> ${phase}</span>`;
}

/** The beginning of a hash or an id; all of it is there on a pointer's rest and for a reader. */
export function shortId(id: string, chars = 12): Markup {
  return id.length <= chars
    ? html`<code>${id}</code>`
    : html`<code title="${id}">${id.slice(0, chars)}…</code>`;
}
