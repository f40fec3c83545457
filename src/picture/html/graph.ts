/**
 * The graph of a run as part of a page: shapes that work without script where the run is small, a canvas where it is large. It draws
 * what `layout.ts` has placed and decides nothing about a run.
 */
import { limits } from "../../limits.ts";
import { type Layout, layoutGraph, type Point, pageSizes } from "../layout.ts";
import type { PicturedStep, RunPicture } from "../model.ts";
import { tookMs } from "../timeline.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { counted, elapsed, phaseCounts, phaseSigns, phaseWords } from "./words.ts";

export type Graphed = Pick<RunPicture, "steps" | "edges" | "criticalPath" | "asOfMs">;

/** Whether the page draws it itself: then it works without script. */
export function isDrawnStatic({ steps }: Pick<RunPicture, "steps">): boolean {
  return steps.length <= limits.drawnStepsMax;
}

/** @param stepHref where a step's row is; the data of a canvas come from `pictureData` */
export function graphFigure(
  picture: Graphed,
  stepHref: (step: number) => string = (step) => `#step-${step}`,
): Markup {
  const { steps } = picture;
  if (steps.length === 0) return html`<p class="none">No step is known of this run.</p>`;
  const drawing = isDrawnStatic(picture) ? staticGraph(picture, stepHref) : canvasGraph(picture);
  return html`<figure class="graph">${drawing}${legend(picture)}</figure>`;
}

function canvasGraph({ steps }: Graphed): Markup {
  const label = `The graph of ${counted(steps.length, "step")}. Arrow keys move, plus and minus zoom, 0 shows all, N and P go from step to step, Enter opens the step's row.`;
  return html`<div class="canvas-tools" hidden data-for="graph">
<button type="button" data-do="in">Zoom in</button><button type="button" data-do="out">Zoom out</button><button type="button" data-do="fit">Show all</button>
<label>Find a step <input type="search" data-do="find" autocomplete="off" spellcheck="false"></label>
</div>
<canvas class="graph-canvas" id="graph" tabindex="0" role="application" aria-label="${label}" aria-describedby="graph-said"></canvas>
<p class="said" id="graph-said" role="status"><noscript>A graph of this size needs the page's script. The table of steps has all of it.</noscript></p>`;
}

function staticGraph(picture: Graphed, stepHref: (step: number) => string): Markup {
  const { steps, edges, criticalPath } = picture;
  const layout = layoutGraph(steps, edges);
  const critical = new Set(criticalPath);
  const legs = new Set(criticalPath.slice(1).map((to, at) => `${criticalPath[at]}-${to}`));
  const lines = edges.map(({ from, to, kinds }, at) => {
    const on = legs.has(`${from}-${to}`) ? " critical" : "";
    const names = `${steps[from]?.name ?? ""} → ${steps[to]?.name ?? ""}: ${kinds.join(", ")}`;
    return html`<path class="edge${on}${kinds.includes("handoff") ? " handoff" : ""}" data-from="${from}" data-to="${to}" d="${curve(layout.routes[at] ?? [])}"><title>${names}</title></path>`;
  });
  const boxes = steps.map((step, number) =>
    box({ step, number, layout, href: stepHref(number), on: critical.has(number), asOfMs: picture.asOfMs }),
  );
  const margin = 8;
  const [width, height] = [layout.width + 2 * margin, layout.height + 2 * margin];
  return html`<div class="scroll" tabindex="0" role="group" aria-label="The graph of ${counted(steps.length, "step")}">
<svg class="graph-shapes" width="${width}" height="${height}" viewBox="${-margin} ${-margin} ${width} ${height}" role="group" aria-label="Steps and what they need">
<g aria-hidden="true">${lines}</g>${boxes}</svg></div>`;
}

interface Box {
  readonly step: PicturedStep;
  readonly number: number;
  readonly layout: Layout;
  readonly href: string;
  readonly on: boolean;
  readonly asOfMs: number;
}

const { width: boxWidth, height: boxHeight } = pageSizes;

function box({ step, number, layout, href, on, asOfMs }: Box): Markup {
  const { x, y } = layout.places[number] ?? { x: 0, y: 0 };
  const took = tookMs(step, asOfMs);
  const tries = step.attempts.length;
  const below = [
    took === undefined ? step.phase : elapsed(took),
    ...(tries > 1 ? [counted(tries, "try", "tries")] : []),
    ...(step.role === undefined ? [] : [step.role]),
  ].join(" · ");
  const said = `${step.name}: ${phaseWords[step.phase]}${took === undefined ? "" : `, ${elapsed(took)}`}${on ? ", on the critical path" : ""}`;
  const title = [step.label === step.name ? "" : step.label, said, step.reason ?? ""].filter(
    (line) => line !== "",
  );
  return html`<a class="step p-${step.phase}${on ? " critical" : ""}" href="${href}" data-step="${number}" aria-label="${said}" transform="translate(${x} ${y})">
<title>${title.join("\n")}</title><rect width="${boxWidth}" height="${boxHeight}" rx="8"/><text class="sign" x="16" y="26">${phaseSigns[step.phase]}</text><text class="name" x="32" y="18">${fitted(step.name, 18)}</text><text class="note" x="32" y="33">${fitted(below, 24)}</text></a>`;
}

/** A smooth line through the points, level at each. */
export function curve(points: readonly Point[]): string {
  const [first, ...others] = points;
  if (first === undefined) return "";
  let path = `M${first.x} ${first.y}`;
  let before = first;
  for (const point of others) {
    const half = (before.x + point.x) / 2;
    path +=
      before.y === point.y
        ? `L${point.x} ${point.y}`
        : `C${half} ${before.y} ${half} ${point.y} ${point.x} ${point.y}`;
    before = point;
  }
  return path;
}

/** The words below the drawing: what its signs mean, of those that are in it. */
export function legend({ steps, criticalPath }: Pick<Graphed, "steps" | "criticalPath">): Markup {
  const items = [...phaseCounts(steps)].map(
    ([phase, count]) =>
      html`<li class="p-${phase}"><span class="sign" aria-hidden="true">${phaseSigns[phase]}</span> ${phase} <b>${count}</b></li>`,
  );
  const path = criticalPath.length === 0 ? nothing : html`<li class="critical-key">critical path</li>`;
  return html`<figcaption><ul class="legend">${items}${path}</ul></figcaption>`;
}

function fitted(text: string, chars: number): string {
  const letters = [...text];
  return letters.length <= chars ? text : `${letters.slice(0, chars - 1).join("")}…`;
}
