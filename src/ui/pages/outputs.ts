/** What the steps of a run put out, those that did not go well first, a page at a time; all of one output is on its step's page. Reads only. */
import { html, nothing } from "../../picture/html/markup.ts";
import { type PicturedStep, phaseOrder } from "../../picture/model.ts";
import type { FoundRun, Page } from "../model.ts";
import { type Column, paged, table } from "../table.ts";
import { phaseBadge, shortId } from "../words.ts";
import { type Asked, type Desk, runHref } from "./desk.ts";
import { runPage } from "./run-frame.ts";
import { stepHref } from "./steps.ts";

export async function outputsPage(desk: Desk, run: FoundRun, { params }: Asked): Promise<Page> {
  const { steps } = await desk.pictures.of(run);
  const found = steps
    .filter(({ outputs, outputSha256 }) => outputs !== undefined || outputSha256 !== undefined)
    .toSorted((one, other) => phaseOrder.indexOf(one.phase) - phaseOrder.indexOf(other.phase));
  const { rows, pager } = paged(found, runHref(desk, run, "outputs"), params);
  return runPage(desk, run, {
    view: "outputs",
    live: true,
    parts: [
      {
        id: "outputs",
        body: html`${table(rows, columns(desk, run), { caption: "What the steps put out", empty: "No step has put out anything yet." })}${pager}`,
      },
    ],
  });
}

function columns(desk: Desk, run: FoundRun): readonly Column<PicturedStep>[] {
  return [
    {
      title: "Step",
      isHead: true,
      cell: ({ actionId, name }) => html`<a href="${stepHref(desk, run, actionId)}">${name}</a>`,
    },
    { title: "Stands", cell: ({ phase }) => phaseBadge(phase) },
    {
      title: "Output",
      cell: ({ outputs = [] }) =>
        html`<dl class="put-out">${outputs.map(({ key, text, isCut }) => html`<div><dt>${key}</dt><dd><code>${text}${isCut ? "…" : nothing}</code></dd></div>`)}</dl>`,
    },
    {
      title: "SHA-256",
      cell: ({ outputSha256 }) => (outputSha256 === undefined ? nothing : shortId(outputSha256)),
      isWide: true,
    },
  ];
}
