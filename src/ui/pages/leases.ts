/** Who may write in which run, and who deploys in which scope. Reads only, and takes nothing from anybody. */
import { html } from "../../picture/html/markup.ts";
import type { FoundRun, Page } from "../model.ts";
import { withStore } from "../reading/outputs.ts";
import { type Column, table } from "../table.ts";
import { badge, moment, number } from "../words.ts";
import { type Desk, runHref, scopeText } from "./desk.ts";
import { leftOutNote } from "./runs.ts";

export async function leasesPage(desk: Desk): Promise<Page> {
  const nowMs = desk.clock.nowMs();
  const { runs, leftOut } = await desk.outputs.runs();
  const shown = runs.filter(
    ({ row }) => row.lease !== null && (row.outcome === null || desk.words.holder(row.lease, nowMs).isHeld),
  );
  const deploying = new Set<string>();
  for (const scopeRoot of new Set(shown.map((run) => run.scopeRoot))) {
    const lease = await withStore(scopeRoot, (store) => store.scopeLease());
    if (lease !== null && desk.words.holder(lease, nowMs).isHeld) deploying.add(lease.runtimeRunId);
  }
  return {
    title: "Leases",
    place: "leases",
    path: [],
    live: true,
    parts: [
      {
        id: "leases",
        body: html`<p class="lead">Each run has one writer at a time. Its token grows with every holder, and a write under an old one is refused.</p>${table(shown, columns(desk, deploying, nowMs), { caption: "Leases", empty: "Nobody holds a run now." })}`,
      },
      { id: "left-out", body: leftOutNote(leftOut) },
    ],
  };
}

function columns(desk: Desk, deploying: ReadonlySet<string>, nowMs: number): readonly Column<FoundRun>[] {
  return [
    {
      title: "Run",
      isHead: true,
      cell: (run) => html`<a href="${runHref(desk, run)}">${run.row.context.runtimeRunId}</a>`,
    },
    { title: "Scope", cell: ({ row }) => scopeText(row.context.scope) },
    {
      title: "Holder",
      cell: ({ row }) => {
        const { isHeld, text } = desk.words.holder(row.lease, nowMs);
        return html`${badge(isHeld ? "held" : "gone", isHeld ? "good" : "bad")} ${text}`;
      },
    },
    { title: "Token", align: "end", cell: ({ row }) => number(row.lease?.token ?? 0) },
    { title: "Deploys", cell: ({ row }) => (deploying.has(row.context.runtimeRunId) ? "yes" : "") },
    {
      title: "Until (UTC)",
      cell: ({ row }) =>
        row.lease === null || row.lease.expiresAtMs === 0 ? "let go" : moment(row.lease.expiresAtMs),
    },
  ];
}
