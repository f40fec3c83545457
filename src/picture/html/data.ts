/**
 * What the page's script draws large runs from: numbers in rows, as short as JSON allows. Names and times only, no output; the
 * script looks at nothing else.
 */
import { layoutGraph, pageSizes } from "../layout.ts";
import type { RunPicture } from "../model.ts";
import { phaseOrder } from "../model.ts";
import { type StretchKind, timelineOf } from "../timeline.ts";
import { isDrawnStatic } from "./graph.ts";
import { html, jsonMarkup, type Markup, nothing } from "./markup.ts";
import { phaseSigns } from "./words.ts";

const kinds: readonly StretchKind[] = ["ready", "work", "retry", "wait"];
const ends = ["open", "succeeded", "failed", "denied", "cancelled", "suspended", "lost"];

type Drawn = Pick<RunPicture, "run" | "steps" | "edges" | "criticalPath" | "asOfMs">;

/** Goes before the script. Nothing where the page draws the run itself. */
export function pictureData(picture: Drawn): Markup {
  if (isDrawnStatic(picture)) return nothing;
  return html`<script type="application/json" id="picture-data">${jsonMarkup(dataOf(picture))}</script>`;
}

/** Also what a live page sends when the run has moved. */
export function dataOf(picture: Drawn) {
  const { steps, edges, criticalPath } = picture;
  const layout = layoutGraph(steps, edges);
  const timeline = timelineOf(picture);
  return {
    phases: phaseOrder.map((phase) => [phase, phaseSigns[phase]]),
    kinds,
    ends,
    names: steps.map(({ name }) => name),
    /** Of each step: number of its phase. */
    stands: steps.map(({ phase }) => phaseOrder.indexOf(phase)),
    box: [pageSizes.width, pageSizes.height],
    width: layout.width,
    height: layout.height,
    places: layout.places.flatMap(({ x, y }) => [Math.round(x), Math.round(y)]),
    edges: edges.flatMap(({ from, to }) => [from, to]),
    path: criticalPath,
    lengthMs: timeline.toMs - timeline.fromMs,
    /** Of each step that began, in order: its number, then kind, beginning, length and end of each stretch. */
    rows: timeline.rows.map(({ step, stretches }) => [
      step,
      ...stretches.flatMap(({ kind, fromMs, toMs, end }) => [
        kinds.indexOf(kind),
        fromMs - timeline.fromMs,
        toMs - fromMs,
        Math.max(0, ends.indexOf(end ?? "open")),
      ]),
    ]),
  };
}
