/**
 * The time line of a run as part of a page: a row a step, with what it waited for and when it worked. Rows of a small run are shapes
 * that work without script; those of a large one are drawn on a canvas from the page's data.
 */
import { criticalLegs } from "../critical-path.ts";
import type { RunPicture } from "../model.ts";
import { axisTicks, type Stretch, type StretchKind, type Timeline, timelineOf } from "../timeline.ts";
import { isDrawnStatic } from "./graph.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { counted, elapsed, phaseSigns } from "./words.ts";

export type Timed = Pick<RunPicture, "run" | "steps" | "edges" | "criticalPath" | "asOfMs">;

/** @param stepHref where a step's row is */
export function timelineFigure(
  picture: Timed,
  stepHref: (step: number) => string = (step) => `#step-${step}`,
): Markup {
  const timeline = timelineOf(picture);
  if (timeline.rows.length === 0) return html`<p class="none">No step has begun.</p>`;
  const drawing = isDrawnStatic(picture) ? staticRows(picture, timeline, stepHref) : canvasRows(timeline);
  return html`<figure class="timeline">${drawing}<figcaption>${pathWords(picture)}${key(timeline)}</figcaption></figure>`;
}

function canvasRows({ rows }: Timeline): Markup {
  const label = `The time line of ${counted(rows.length, "step")}. Up and down go from step to step, left and right move in time, plus and minus zoom, 0 shows all, Enter opens the step's row.`;
  return html`<div class="canvas-tools" hidden data-for="timeline">
<button type="button" data-do="in">Zoom in</button><button type="button" data-do="out">Zoom out</button><button type="button" data-do="fit">Show all</button>
<label><input type="checkbox" data-do="path"> Critical path only</label>
</div>
<div class="timeline-scroll"><canvas class="timeline-canvas" id="timeline" tabindex="0" role="application" aria-label="${label}" aria-describedby="timeline-said"></canvas><div class="timeline-space"></div></div>
<p class="said" id="timeline-said" role="status"><noscript>A time line of this size needs the page's script. The table of steps has all of it.</noscript></p>`;
}

function staticRows(picture: Timed, timeline: Timeline, stepHref: (step: number) => string): Markup {
  const length = Math.max(1, timeline.toMs - timeline.fromMs);
  const critical = new Set(picture.criticalPath);
  const part = (ms: number) => `${Math.round(((ms - timeline.fromMs) / length) * 100_000) / 1_000}%`;
  const ticks = axisTicks(length, 6);
  const grid = ticks.map(
    (at) =>
      html`<line class="tick" x1="${part(timeline.fromMs + at)}" x2="${part(timeline.fromMs + at)}" y1="0" y2="100%"/>`,
  );
  const labels = ticks
    .filter((at) => at <= length * 0.94)
    .map(
      (at) =>
        html`<text x="${part(timeline.fromMs + at)}" dx="${at === 0 ? 0 : 3}" y="12">${elapsed(at)}</text>`,
    );
  const rows = timeline.rows.map(({ step: number, stretches }) => {
    const step = picture.steps[number];
    const last = stretches.at(-1);
    if (step === undefined || last === undefined) return nothing;
    const first = step.attempts[0]?.startedAtMs ?? last.fromMs;
    const bars = stretches.map((stretch) => bar(stretch, timeline, length));
    const title = stretches.map(stretchWords).join("\n");
    return html`<li class="p-${step.phase}${critical.has(number) ? " critical" : ""}"><a href="${stepHref(number)}"><span class="sign" aria-hidden="true">${phaseSigns[step.phase]}</span> ${step.name}</a><svg class="track" aria-hidden="true" focusable="false"><title>${title}</title>${grid}${bars}</svg><span class="took">${elapsed(last.toMs - first)}</span></li>`;
  });
  return html`<ol class="rows"><li class="axis" aria-hidden="true"><span></span><svg class="track">${grid}${labels}</svg><span></span></li>${rows}</ol>`;
}

function bar({ kind, fromMs, toMs, end }: Stretch, { fromMs: start }: Timeline, length: number): Markup {
  const x = ((fromMs - start) / length) * 100;
  const wide = Math.max(((toMs - fromMs) / length) * 100, kind === "work" ? 0.25 : 0);
  const thin = kind !== "work";
  const ended = kind === "work" ? ` e-${end ?? "open"}` : "";
  return html`<rect class="bar b-${kind}${ended}" x="${Math.min(x, 100 - wide).toFixed(3)}%" y="${thin ? 9 : 4}" width="${wide.toFixed(3)}%" height="${thin ? 4 : 14}" rx="${thin ? 2 : 3}"/>`;
}

const kindWords: Readonly<Record<StretchKind, string>> = {
  ready: "waited for a place",
  work: "worked",
  retry: "waited for its next try",
  wait: "waited for a signal or a clock",
};

function stretchWords({ kind, fromMs, toMs, end }: Stretch): string {
  return `${kindWords[kind]} ${elapsed(toMs - fromMs)}${kind === "work" ? `, ${end ?? "goes on"}` : ""}`;
}

function key({ rows }: Timeline): Markup {
  const kinds = new Set(rows.flatMap(({ stretches }) => stretches.map(({ kind }) => kind)));
  const items = [...kinds].map((kind) => html`<li class="k-${kind}">${kindWords[kind]}</li>`);
  return html`<ul class="legend">${items}<li class="critical-key">critical path</li></ul>`;
}

/** Where the time went: of the chain of steps that the run's length came from. */
function pathWords({ run, steps, criticalPath, asOfMs }: Timed): Markup {
  const legs = criticalLegs(criticalPath, steps, run.startedAtMs, asOfMs);
  const [worked, waited] = legs.reduce(
    ([work, wait], { step, readyAtMs, startedAtMs, endedAtMs }) => {
      const attempts = steps[step]?.attempts ?? [];
      const own = attempts.reduce(
        (sum, attempt) =>
          sum + Math.max(0, (attempt.waitedFromMs ?? attempt.endedAtMs ?? asOfMs) - attempt.startedAtMs),
        0,
      );
      return [
        work + own,
        wait + Math.max(0, startedAtMs - readyAtMs) + Math.max(0, endedAtMs - startedAtMs - own),
      ];
    },
    [0, 0],
  );
  if (legs.length === 0) return nothing;
  const shown = legs.length <= 12 ? legs : [...legs.slice(0, 6), ...legs.slice(-5)];
  const names = shown.map(({ step, startedAtMs, endedAtMs }) => {
    return html`<li><a href="#step-${step}">${steps[step]?.name ?? ""}</a> <span class="took">${elapsed(endedAtMs - startedAtMs)}</span></li>`;
  });
  if (legs.length > shown.length) names.splice(6, 0, html`<li>${legs.length - shown.length} more</li>`);
  return html`<p class="path-words"><b>Critical path</b>: ${counted(legs.length, "step")}, ${elapsed(worked)} of work, ${elapsed(waited)} of waiting.</p><ol class="path">${names}</ol>`;
}
