/** Whether all that is kept of a run is what its events say, asked anew each time the page is opened. Changes and mends nothing. */

import { html, type Markup } from "../../picture/html/markup.ts";
import { verifyRun } from "../../replay/verify.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, facts, table } from "../table.ts";
import { badge, number } from "../words.ts";
import type { Desk } from "./desk.ts";
import { runPage } from "./run-frame.ts";

type Found = Awaited<ReturnType<typeof verifyRun>>;

const divergencesShown = 20;

export async function verificationPage(desk: Desk, run: FoundRun): Promise<Page> {
  const found = await withRun(run, (reader, store) =>
    verifyRun(reader, {
      scopeRoot: run.scopeRoot,
      stored: { scopeRoot: run.scopeRoot, runtimeRunId: run.row.context.runtimeRunId },
      deployment: store.deployment,
      divergencesMax: divergencesShown,
    }),
  );
  return runPage(desk, run, {
    view: "verification",
    live: false,
    parts: [{ id: "verification", body: shown(found) }],
  });
}

function shown(found: Found): Markup {
  const isWhole = found.verdict === "verified";
  return html`<div class="standing">${badge(isWhole ? "verified" : "diverged", isWhole ? "good" : "bad")}<span class="of">${isWhole ? "All that is kept is what the events say." : `${number(found.divergenceCount)} found`}</span></div>
${facts([
  ["Events", number(found.events)],
  ["Actions", number(found.actions)],
  ["Decisions", number(found.decisions)],
  ["Artifacts", number(found.artifacts)],
  ["Evidence files", number(found.evidenceFiles)],
  ["Evidence", found.evidence],
  ["Head of the chain", html`<code class="path">${found.chainSha256}</code>`],
  ["Goes on", found.moved ? "the run went on meanwhile: what it did was not looked at" : undefined],
])}
${isWhole ? html`<p class="faint">Note the head of the chain somewhere else: with it this history can be held to account later.</p>` : table(found.divergences, columns, { caption: "What is not as the events say", empty: "" })}`;
}

const columns: readonly Column<Found["divergences"][number]>[] = [
  { title: "Where", cell: ({ place }) => place },
  { title: "Event", align: "end", cell: ({ event_seq: seq }) => (seq === null ? "" : number(seq)) },
  { title: "What", isHead: true, cell: ({ name }) => html`<code>${name}</code>` },
  { title: "Expected", cell: ({ expected }) => expected },
  { title: "Found", cell: ({ found }) => found },
];
