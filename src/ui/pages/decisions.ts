/** What the policy decided in a run, with the rule that made each decision; all, or only what was denied. Reads only. */
import { redactText } from "../../evidence/redact.ts";
import { limits } from "../../limits.ts";
import { html } from "../../picture/html/markup.ts";
import type { DecisionRow, RunReader } from "../../store/contract.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, choices, paged, table } from "../table.ts";
import { badge, instant, number } from "../words.ts";
import { type Asked, type Desk, runHref } from "./desk.ts";
import { runPage } from "./run-frame.ts";

type Decision = DecisionRow & { readonly row: number };

export async function decisionsPage(desk: Desk, run: FoundRun, { params }: Asked): Promise<Page> {
  const deniedOnly = params.get("show") === "denied";
  const path = runHref(desk, run, "decisions");
  const all = await withRun(run, allDecisions);
  const denied = all.filter(({ allowed }) => !allowed);
  const { rows, pager } = paged(deniedOnly ? denied : all, path, params);
  const filter = choices(
    "Which decisions",
    { path, params, name: "show" },
    [
      { value: undefined, words: "all", count: all.length },
      { value: "denied", words: "denied", count: denied.length },
    ],
    deniedOnly ? "denied" : undefined,
  );
  return runPage(desk, run, {
    view: "decisions",
    live: true,
    parts: [
      { id: "filter", body: html`<div class="filter">${filter}</div>` },
      {
        id: "decisions",
        body: html`${table(rows, columns, { caption: "Decisions of the policy, in order", empty: deniedOnly ? "Nothing was denied." : "Nothing was decided yet." })}${pager}`,
      },
    ],
  });
}

async function allDecisions(reader: RunReader): Promise<readonly Decision[]> {
  const found: Decision[] = [];
  for (let after = 0; ; ) {
    const page = await reader.decisions(after, limits.eventsPageMax);
    found.push(...page);
    after = page.at(-1)?.row ?? after;
    if (page.length < limits.eventsPageMax) return found;
  }
}

const columns: readonly Column<Decision>[] = [
  { title: "No.", align: "end", cell: ({ row }) => number(row) },
  {
    title: "At (UTC)",
    cell: ({ atMs }) => html`<time datetime="${instant(atMs)}">${instant(atMs).slice(11, 23)}</time>`,
    isWide: true,
  },
  { title: "Action", isHead: true, cell: ({ action }) => html`<code>${action}</code>` },
  { title: "Decided", cell: ({ allowed }) => badge(allowed ? "allowed" : "denied") },
  { title: "Why", cell: ({ reason }) => redactText(reason, []) },
  { title: "Rule", cell: ({ rule, source }) => html`${rule} <span class="faint">${source}</span>` },
];
