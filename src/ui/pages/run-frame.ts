/** What every view of one run has: its title, the way to it, and the links to its other views. Pure. */
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { FoundRun, Page, Part } from "../model.ts";
import { type Desk, type RunView, runHref, runViews, scopeText } from "./desk.ts";

const labels: Readonly<Record<RunView, string>> = {
  "": "Overview",
  steps: "Steps",
  outputs: "Outputs",
  events: "Events",
  decisions: "Decisions",
  evidence: "Evidence",
  verification: "Verification",
};

/** @param view which entry is current; a page below one names that one */
export function runPage(
  desk: Desk,
  run: FoundRun,
  {
    view,
    parts,
    live,
    title,
  }: {
    readonly view: RunView;
    readonly parts: readonly Part[];
    readonly live: boolean;
    readonly title?: string;
  },
): Page {
  const { runtimeRunId } = run.row.context;
  return {
    title: title ?? runtimeRunId,
    place: "runs",
    path: [
      { label: "Runs", href: desk.base },
      ...(title === undefined ? [] : [{ label: runtimeRunId, href: runHref(desk, run) }]),
    ],
    live,
    isPicture: view === "" && title === undefined,
    parts: [{ id: "views", body: views(desk, run, view) }, ...parts],
  };
}

function views(desk: Desk, run: FoundRun, current: RunView): Markup {
  return html`<p class="scope">${scopeText(run.row.context.scope)}</p><nav class="views" aria-label="Views of the run"><ul>${runViews.map(
    (view) =>
      html`<li><a href="${runHref(desk, run, view)}"${view === current ? html` aria-current="page"` : nothing}>${labels[view]}</a></li>`,
  )}</ul></nav>`;
}
