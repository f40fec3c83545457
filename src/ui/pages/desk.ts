/**
 * What a page is made from: the outputs, the words, the clock, and the addresses of the other pages. It holds no state of its own and
 * knows no request but for what was asked.
 */
import type { ScopeId } from "../../autopilot/model.ts";
import { html, type Markup } from "../../picture/html/markup.ts";
import type { Clock } from "../../system/clock.ts";
import type { Control, FoundRun, Words } from "../model.ts";
import type { Outputs } from "../reading/outputs.ts";
import type { Pictures } from "../reading/pictures.ts";

export interface Desk {
  readonly outputs: Outputs;
  readonly pictures: Pictures;
  readonly words: Words;
  readonly clock: Pick<Clock, "nowMs">;
  /** `/…/`, where every address begins. */
  readonly base: string;
  /** Absent: nothing may be said, and no form is shown. */
  readonly control?: Control | undefined;
  /** What each form brings back. */
  readonly formWord: string;
}

export interface Asked {
  /** Parts of the path below the base, decoded. */
  readonly path: readonly string[];
  readonly params: URLSearchParams;
}

export function scopeText({ tenantId, repoId }: ScopeId): string {
  return `${tenantId}/${repoId}`;
}

export const runViews = ["", "steps", "outputs", "events", "decisions", "evidence", "verification"] as const;
export type RunView = (typeof runViews)[number];

/** Address of a run, or of one view of it. */
export function runHref(
  { base }: Pick<Desk, "base">,
  { row }: Pick<FoundRun, "row">,
  view: RunView | "step" | "file" = "",
): string {
  const { scope, runtimeRunId } = row.context;
  const parts = ["runs", scope.tenantId, scope.repoId, runtimeRunId, ...(view === "" ? [] : [view])];
  return base + parts.map(encodeURIComponent).join("/");
}

/** A form that says one word; the page it is on is where it leads back to. */
export function wordForm(
  { base, formWord }: Pick<Desk, "base" | "formWord">,
  to: "answer" | "autopilot" | "rollout",
  hidden: Readonly<Record<string, string>>,
  content: Markup,
): Markup {
  const fields = Object.entries({ ...hidden, word_of_form: formWord });
  return html`<form method="post" action="${`${base}say/${to}`}" class="say">${fields.map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}${content}</form>`;
}
