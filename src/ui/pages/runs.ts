/** The list of runs of all scopes, newest first: what goes on, what waits, what went wrong. Reads only. */
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { PhaseCounts } from "../../store/contract.ts";
import { countPhases, standing } from "../../store/sqlite/standing.ts";
import type { FoundRun, LeftOut, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, choices, paged, table } from "../table.ts";
import { badge, counted, elapsed, moment, shortId } from "../words.ts";
import { type Asked, type Desk, runHref, scopeText } from "./desk.ts";
import { countsBar } from "./phases.ts";

interface ShownRun extends FoundRun {
  readonly standing: string;
  /** Of runs that go on. */
  readonly counts?: PhaseCounts;
}

/** In this order; those that no run has are not offered. */
const standings = [
  "running",
  "waiting",
  "stopping",
  "failed",
  "blocked",
  "exhausted",
  "abandoned",
  "stopped",
  "succeeded",
] as const;

export async function runsPage(desk: Desk, { params }: Asked): Promise<Page> {
  const nowMs = desk.clock.nowMs();
  const { runs, leftOut } = await desk.outputs.runs();
  const chosen = params.get("standing") ?? "";
  const wanted = (params.get("q") ?? "").trim().toLowerCase();
  const all = await withStandings(runs, nowMs);
  const named = all.filter((run) => wanted === "" || wordsOf(run).includes(wanted));
  const shown = named.filter((run) => chosen === "" || run.standing === chosen);
  const { rows, pager } = paged(shown, desk.base, params);
  return {
    title: "Runs",
    place: "runs",
    path: [],
    live: true,
    parts: [
      { id: "filter", body: filter(desk, params, named, wanted) },
      {
        id: "list",
        body: html`${table(rows, columns(desk, nowMs), {
          caption: "Runs, newest first",
          empty:
            all.length === 0
              ? "No run was started below this outputs root yet. It will appear here."
              : "No run is like this.",
        })}${pager}`,
      },
      { id: "left-out", body: leftOutNote(leftOut) },
    ],
  };
}

function wordsOf({ row: { context } }: FoundRun): string {
  return `${context.runtimeRunId} ${context.runId} ${scopeText(context.scope)}`.toLowerCase();
}

/** A run that waits for days looks like one that runs until its actions are counted. */
async function withStandings(runs: readonly FoundRun[], nowMs: number): Promise<readonly ShownRun[]> {
  const found: ShownRun[] = [];
  for (const run of runs) {
    const word = standing(run.row, nowMs);
    if (word !== "running") {
      found.push({ ...run, standing: word });
      continue;
    }
    const counts = await withRun(run, async (reader) => countPhases(await reader.actions()));
    found.push({ ...run, standing: standing(run.row, nowMs, counts), counts });
  }
  return found;
}

function filter({ base }: Desk, params: URLSearchParams, runs: readonly ShownRun[], wanted: string): Markup {
  const chosen = params.get("standing") ?? "";
  const offered = standings
    .map((word) => ({
      value: word,
      words: word,
      count: runs.filter(({ standing }) => standing === word).length,
    }))
    .filter(({ value, count }) => count > 0 || value === chosen);
  const all = { value: "", words: "all", count: runs.length };
  return html`<div class="filter">${choices("How they stand", { path: base, params, name: "standing" }, [all, ...offered], chosen)}
<form method="get" action="${base}" role="search">${chosen === "" ? nothing : html`<input type="hidden" name="standing" value="${chosen}">`}<label><span class="unseen">Part of a run's id or of its scope</span><input type="search" name="q" value="${wanted}" placeholder="Run or scope" autocomplete="off" spellcheck="false"></label><button>Find</button></form></div>`;
}

function columns(desk: Desk, nowMs: number): readonly Column<ShownRun>[] {
  return [
    {
      title: "Run",
      isHead: true,
      cell: (run) => html`<a href="${runHref(desk, run)}">${run.row.context.runtimeRunId}</a>`,
    },
    {
      title: "Stands",
      cell: ({ standing, counts }) =>
        html`${badge(standing)}${counts === undefined ? nothing : countsBar(counts)}`,
    },
    { title: "Scope", cell: ({ row }) => scopeText(row.context.scope) },
    { title: "Mode", cell: ({ row }) => row.context.mode, isWide: true },
    { title: "Bundle", cell: ({ row }) => shortId(row.bundleSha256), isWide: true },
    { title: "Started (UTC)", cell: ({ row }) => moment(row.startedAtMs) },
    {
      title: "Took",
      align: "end",
      cell: ({ row }) => elapsed((row.finishedAtMs ?? nowMs) - row.startedAtMs),
    },
  ];
}

export function leftOutNote(leftOut: readonly LeftOut[]): Markup {
  if (leftOut.length === 0) return nothing;
  return html`<aside class="note warn"><h2>${counted(leftOut.length, "scope")} cannot be read</h2><ul>${leftOut.map(
    ({ scopeRoot, code, message }) => html`<li><code>${scopeRoot}</code>: ${message} [${code}]</li>`,
  )}</ul></aside>`;
}
