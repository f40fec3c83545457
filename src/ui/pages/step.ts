/** One step with all that is known of it: its tries, what it needs, what it put out, what was said of it last. Reads only. */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { PicturedAttempt, PicturedStep, RunPicture } from "../../picture/model.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, facts, table } from "../table.ts";
import { badge, elapsed, moment, number, phaseBadge, shortId } from "../words.ts";
import type { Asked, Desk } from "./desk.ts";
import { payloadText } from "./payload.ts";
import { runPage } from "./run-frame.ts";
import { stepHref, tookOf } from "./steps.ts";

/** By its id, or by its place in the plan. @throws AkcError RUN_NOT_FOUND for a step that the run has not */
export async function stepPage(desk: Desk, run: FoundRun, { params }: Asked): Promise<Page> {
  const picture = await desk.pictures.of(run);
  const at = params.has("at")
    ? Number(params.get("at"))
    : picture.steps.findIndex(({ actionId }) => actionId === params.get("id"));
  const step = picture.steps[at];
  if (step === undefined) {
    throw new AkcError("RUN_NOT_FOUND", {
      message: "the run has no such step",
      hint: "Its steps are listed on its page.",
    });
  }
  const output = await outputOf(run, step);
  const { label, name } = step;
  return runPage(desk, run, {
    view: "steps",
    live: true,
    title: name,
    parts: [
      {
        id: "step",
        body: html`<div class="standing">${phaseBadge(step.phase)}${step.reason === undefined ? nothing : html`<span>${step.reason}</span>`}${step.code === undefined ? nothing : html`<code>${step.code}</code>`}<span class="took">${tookOf(step, picture.asOfMs)}</span></div>
${facts([
  ["Called", label === name ? undefined : label],
  ["Action", html`<code class="path">${step.actionId}</code>`],
  ["Role", step.role],
  ["Carried out by", step.route],
  ["Layer", number(step.layer + 1)],
  ["Needs", neighbours(desk, run, picture, at, "needs")],
  ["Needed by", neighbours(desk, run, picture, at, "needed")],
  ["Output's hash", step.outputSha256 === undefined ? undefined : shortId(step.outputSha256, 16)],
])}`,
      },
      {
        id: "tries",
        body:
          step.attempts.length === 0
            ? nothing
            : html`<h2>Tries</h2>${table(step.attempts, triesColumns(picture.asOfMs), { caption: "Tries", empty: "" })}`,
      },
      {
        id: "output",
        body:
          output === undefined
            ? nothing
            : html`<h2>Output</h2><pre tabindex="0" aria-label="Output of the step">${output}</pre>`,
      },
    ],
  });
}

const neighboursShown = 24;

function neighbours(
  desk: Desk,
  run: FoundRun,
  { edges, steps }: RunPicture,
  at: number,
  which: "needs" | "needed",
): Markup | undefined {
  const found = edges.flatMap(({ from, to }) => {
    const other = which === "needs" ? (to === at ? from : undefined) : from === at ? to : undefined;
    const step = other === undefined ? undefined : steps[other];
    return step === undefined ? [] : [step];
  });
  if (found.length === 0) return undefined;
  const more = found.length - neighboursShown;
  return html`<ul class="inline">${found
    .slice(0, neighboursShown)
    .map(
      ({ actionId, name }) => html`<li><a href="${stepHref(desk, run, actionId)}">${name}</a></li>`,
    )}${more > 0 ? html`<li>and ${number(more)} more</li>` : nothing}</ul>`;
}

function triesColumns(asOfMs: number): readonly Column<PicturedAttempt>[] {
  return [
    { title: "Try", align: "end", isHead: true, cell: (attempt) => number(attempt.number) },
    { title: "Ended", cell: ({ end }) => badge(end ?? "running") },
    { title: "Began (UTC)", cell: ({ startedAtMs }) => moment(startedAtMs) },
    {
      title: "Took",
      align: "end",
      cell: ({ startedAtMs, endedAtMs }) => elapsed((endedAtMs ?? asOfMs) - startedAtMs),
    },
    {
      title: "Why",
      cell: ({ message, code }) =>
        html`${message}${code === undefined ? nothing : html` <code>${code}</code>`}`,
    },
  ];
}

/** As it is kept; undefined where there is none. */
async function outputOf(run: FoundRun, { outputSha256 }: PicturedStep): Promise<string | undefined> {
  if (outputSha256 === undefined) return undefined;
  return withRun(run, async ({ artifacts }) => {
    try {
      const size = await artifacts.sizeOf(outputSha256);
      if (size > limits.uiOutputBytesMax) return `${number(size)} bytes: too many to show here`;
      return payloadText(new TextDecoder().decode(await artifacts.read(outputSha256)));
    } catch (cause) {
      if (cause instanceof AkcError) return `it cannot be read: ${cause.message} [${cause.code}]`;
      throw cause;
    }
  });
}
