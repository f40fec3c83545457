/** What happened in a run, the newest first, a page at a time; each event whole where somebody opens it. Reads only. */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import { stepIn } from "../../picture/read/told.ts";
import type { StoredEvent } from "../../store/contract.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { type Column, table } from "../table.ts";
import { instant, number, toneOf } from "../words.ts";
import { type Asked, type Desk, runHref } from "./desk.ts";
import { payloadText } from "./payload.ts";
import { runPage } from "./run-frame.ts";
import { stepHref } from "./steps.ts";

export async function eventsPage(desk: Desk, run: FoundRun, { params }: Asked): Promise<Page> {
  const { lastSeq } = run.row;
  const asked = Number(params.get("to") ?? lastSeq);
  const isNewest = !params.has("to");
  const to = Number.isSafeInteger(asked) ? Math.min(Math.max(1, asked), Math.max(1, lastSeq)) : lastSeq;
  const after = Math.max(0, to - limits.uiRowsPerPage);
  const events = await withRun(run, (reader) => reader.events(after, to - after));
  const path = runHref(desk, run, "events");
  const newer = to + limits.uiRowsPerPage;
  return runPage(desk, run, {
    view: "events",
    live: isNewest,
    parts: [
      {
        id: "events",
        body: html`${table(events.toReversed(), columns(desk, run), { caption: "Events, newest first", empty: "Nothing has happened yet." })}
<nav class="pager" aria-label="Pages">${
          isNewest
            ? html`<span class="off">Newest</span>`
            : html`<a href="${path}">Newest</a><a href="${newer >= lastSeq ? path : `${path}?to=${newer}`}">Newer</a>`
        }<span>${number(Math.min(after + 1, lastSeq))} to ${number(Math.min(to, lastSeq))} of ${number(lastSeq)}</span>${
          after === 0
            ? html`<span class="off">Oldest</span>`
            : html`<a href="${`${path}?to=${after}`}">Older</a><a href="${`${path}?to=${limits.uiRowsPerPage}`}">Oldest</a>`
        }</nav>`,
      },
    ],
  });
}

const About = v.object({
  action_id: v.optional(v.string()),
  node_id: v.optional(v.string()),
  graph_step_id: v.optional(v.string()),
  action: v.optional(
    v.object({
      action_id: v.optional(v.string()),
      node_ref: v.optional(v.object({ node_id: v.optional(v.string()) })),
    }),
  ),
});

function columns(desk: Desk, run: FoundRun): readonly Column<StoredEvent>[] {
  return [
    { title: "No.", align: "end", isHead: true, cell: ({ seq }) => number(seq) },
    {
      title: "At (UTC)",
      cell: ({ atMs }) => html`<time datetime="${instant(atMs)}">${instant(atMs).slice(11, 23)}</time>`,
    },
    { title: "What", cell: ({ type }) => eventName(type) },
    { title: "About", cell: (event) => aboutOf(desk, run, event) },
    {
      title: "Whole",
      cell: ({ payload, seq }) =>
        html`<details id="${`event-${seq}`}"><summary>${number(payload.length)} characters</summary><pre tabindex="0">${payloadText(payload)}</pre></details>`,
    },
  ];
}

function aboutOf(desk: Desk, run: FoundRun, { payload }: StoredEvent): Markup {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), About), payload);
  if (!parsed.success) return nothing;
  const { action, action_id: own, graph_step_id: step, node_id: node } = parsed.output;
  const actionId = own ?? action?.action_id;
  if (actionId === undefined) return nothing;
  const name = step ?? stepIn(actionId) ?? node ?? action?.node_ref?.node_id ?? actionId;
  return html`<a href="${stepHref(desk, run, actionId)}">${name}</a>`;
}

const endings: Readonly<Record<string, string>> = {
  completed: "succeeded",
  dead_lettered: "failed",
  blocked: "blocked",
  step_blocked: "blocked",
  retried: "retrying",
  wait_started: "suspended",
  cancelled: "cancelled",
  failed: "failed",
};

/** `action` stays faint before what happened to it. */
function eventName(type: string): Markup {
  const parts = type.replace(/^runtime\./, "").split(".");
  const last = parts.at(-1) ?? type;
  return html`<span class="${`event ${toneOf(endings[last] ?? "")}`}"><span class="faint">${parts.slice(0, -1).join(" ")}</span> ${last.replaceAll("_", " ")}</span>`;
}
