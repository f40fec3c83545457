/** The steps of a run as a table, in the order of the plan and by how they stand. Reads only. */
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { PicturedStep } from "../../picture/model.ts";
import { tookMs } from "../../picture/timeline.ts";
import { type ActionPhase, actionPhases } from "../../store/contract.ts";
import type { FoundRun, Page } from "../model.ts";
import { type Column, choices, paged, table } from "../table.ts";
import { elapsed, moment, number, phaseBadge } from "../words.ts";
import { type Asked, type Desk, runHref } from "./desk.ts";
import { runPage } from "./run-frame.ts";

export async function stepsPage(desk: Desk, run: FoundRun, { params }: Asked): Promise<Page> {
  const phase = actionPhases.find((known) => known === params.get("phase"));
  const wanted = (params.get("q") ?? "").trim().toLowerCase();
  const path = runHref(desk, run, "steps");
  const { steps, asOfMs } = await desk.pictures.of(run);
  const named = steps.filter(
    ({ name, label }) => wanted === "" || `${name} ${label}`.toLowerCase().includes(wanted),
  );
  const chosen = named.filter((step) => phase === undefined || step.phase === phase);
  const { rows, pager } = paged(chosen, path, params);
  return runPage(desk, run, {
    view: "steps",
    live: true,
    parts: [
      { id: "filter", body: filter(path, params, named, phase, wanted) },
      {
        id: "steps",
        body: html`${table(rows, stepColumns(desk, run, asOfMs), {
          caption: "Steps, in the order of the plan",
          empty: steps.length === 0 ? "Nothing was planned yet." : "No step is like this.",
        })}${pager}`,
      },
    ],
  });
}

function filter(
  path: string,
  params: URLSearchParams,
  steps: readonly PicturedStep[],
  chosen: ActionPhase | undefined,
  wanted: string,
): Markup {
  const offered = actionPhases
    .map((phase) => ({
      value: phase,
      words: phase,
      count: steps.filter((step) => step.phase === phase).length,
    }))
    .filter(({ value, count }) => count > 0 || value === chosen);
  const all = { value: undefined, words: "all", count: steps.length };
  return html`<div class="filter">${choices("How they stand", { path, params, name: "phase" }, [all, ...offered], chosen)}<form method="get" action="${path}" role="search">${chosen === undefined ? nothing : html`<input type="hidden" name="phase" value="${chosen}">`}<label><span class="unseen">Part of a step's name</span><input type="search" name="q" value="${wanted}" placeholder="Step" autocomplete="off" spellcheck="false"></label><button>Find</button></form></div>`;
}

export function stepColumns(desk: Desk, run: FoundRun, asOfMs: number): readonly Column<PicturedStep>[] {
  return [
    {
      title: "Step",
      isHead: true,
      cell: ({ actionId, name, label }) =>
        html`<a href="${stepHref(desk, run, actionId)}">${name}</a>${label === name ? nothing : html` <span class="faint">${label}</span>`}`,
    },
    { title: "Stands", cell: ({ phase }) => phaseBadge(phase) },
    { title: "Layer", align: "end", cell: ({ layer }) => number(layer + 1), isWide: true },
    { title: "Role", cell: ({ role }) => role ?? "", isWide: true },
    {
      title: "Tries",
      align: "end",
      cell: ({ attempts }) => (attempts.length === 0 ? "" : number(attempts.length)),
    },
    { title: "Began (UTC)", cell: ({ attempts }) => moment(attempts[0]?.startedAtMs ?? null), isWide: true },
    { title: "Took", align: "end", cell: (step) => tookOf(step, asOfMs) },
    {
      title: "Why",
      cell: ({ reason, code }) =>
        html`${reason}${code === undefined ? nothing : html` <code>${code}</code>`}`,
    },
  ];
}

/** From its first begin to its last end, waits between tries among it. */
export function tookOf(step: PicturedStep, asOfMs: number): string {
  const took = tookMs(step, asOfMs);
  return took === undefined ? "" : elapsed(took);
}

export function stepHref(desk: Desk, run: FoundRun, actionId: string): string {
  return `${runHref(desk, run, "step")}?${new URLSearchParams({ id: actionId })}`;
}
