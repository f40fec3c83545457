/**
 * Rollouts of all scopes, newest first, and one with its resources. Reads only; a word to one that is open is said from here where words
 * are allowed, and taken by whoever drives it.
 */
import { AkcError } from "../../errors.ts";
import { redactText } from "../../evidence/redact.ts";
import { limits } from "../../limits.ts";
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import { keptRollout } from "../../reconciler/kept.ts";
import { endedPhases, type Rollout, type Unit } from "../../reconciler/rollout/model.ts";
import { type Page, rolloutWords } from "../model.ts";
import { type Scope, withStore } from "../reading/outputs.ts";
import { type Column, facts, paged, table } from "../table.ts";
import { badge, elapsed, moment, number, shortId } from "../words.ts";
import { type Asked, type Desk, scopeText, wordForm } from "./desk.ts";

interface FoundRollout {
  readonly scope: Scope;
  readonly rollout: Rollout;
}

export async function rolloutsPage(desk: Desk, { params }: Asked): Promise<Page> {
  const found: FoundRollout[] = [];
  const leftOut: string[] = [];
  for (const scope of await desk.outputs.scopes()) {
    try {
      const rows = await withStore(scope.scopeRoot, (store) =>
        store.deployment.rollouts(limits.uiRowsPerPage),
      );
      for (const row of rows) found.push({ scope, rollout: keptRollout(row).rollout });
    } catch (cause) {
      if (!(cause instanceof AkcError)) throw cause;
      leftOut.push(`${scopeText(scope)}: ${cause.message} [${cause.code}]`);
    }
  }
  const all = found.sort((one, other) => other.rollout.startedMs - one.rollout.startedMs);
  const { rows, pager } = paged(all, `${desk.base}rollouts`, params);
  const nowMs = desk.clock.nowMs();
  return {
    title: "Rollouts",
    place: "rollouts",
    path: [],
    live: true,
    parts: [
      {
        id: "rollouts",
        body: html`${table(rows, columns(desk, nowMs), { caption: "Rollouts, newest first", empty: "There was no rollout here yet." })}${pager}`,
      },
      {
        id: "left-out",
        body:
          leftOut.length === 0
            ? nothing
            : html`<aside class="note warn"><ul>${leftOut.map((line) => html`<li>${line}</li>`)}</ul></aside>`,
      },
    ],
  };
}

function columns(desk: Desk, nowMs: number): readonly Column<FoundRollout>[] {
  return [
    {
      title: "Rollout",
      isHead: true,
      cell: ({ scope, rollout }) =>
        html`<a href="${rolloutHref(desk, scope, rollout.rolloutId)}">${rollout.rolloutId}</a>`,
    },
    { title: "Stands", cell: ({ rollout }) => html`${badge(rollout.phase)} ${rollout.reason ?? ""}` },
    { title: "Scope", cell: ({ scope }) => scopeText(scope) },
    { title: "Strategy", cell: ({ rollout }) => rollout.strategy.kind.replaceAll("_", " "), isWide: true },
    {
      title: "Step",
      align: "end",
      cell: ({ rollout }) => `${rollout.step + 1} of ${rollout.strategy.steps.length}`,
    },
    { title: "Started (UTC)", cell: ({ rollout }) => moment(rollout.startedMs) },
    {
      title: "So since",
      align: "end",
      cell: ({ rollout }) => elapsed(nowMs - rollout.phaseSinceMs),
      isWide: true,
    },
  ];
}

function rolloutHref({ base }: Desk, { tenantId, repoId }: Scope, rolloutId: string): string {
  return `${base}rollouts/${[tenantId, repoId, rolloutId].map(encodeURIComponent).join("/")}`;
}

/** @throws AkcError ROLLOUT_NOT_FOUND */
export async function rolloutPage(desk: Desk, { path }: Asked): Promise<Page> {
  const [, tenantId, repoId, rolloutId = ""] = path;
  const scope = (await desk.outputs.scopes()).find(
    (one) => one.tenantId === tenantId && one.repoId === repoId,
  );
  const row =
    scope === undefined
      ? null
      : await withStore(scope.scopeRoot, (store) => store.deployment.rollout(rolloutId));
  if (scope === undefined || row === null || row.rolloutId !== rolloutId)
    throw new AkcError("ROLLOUT_NOT_FOUND", { details: { rollout: rolloutId } });
  const { rollout } = keptRollout(row);
  const nowMs = desk.clock.nowMs();
  const runPath = `${desk.base}runs/${[scope.tenantId, scope.repoId, rollout.runtimeRunId].map(encodeURIComponent).join("/")}`;
  return {
    title: rollout.rolloutId,
    place: "rollouts",
    path: [{ label: "Rollouts", href: `${desk.base}rollouts` }],
    live: true,
    parts: [
      {
        id: "rollout",
        body: html`<div class="standing">${badge(rollout.phase)}<span class="of">${rollout.reason ?? ""}</span><span class="took">${elapsed(nowMs - rollout.phaseSinceMs)}</span></div>
${rollout.message === undefined ? nothing : html`<p>${redactText(rollout.message, [])}</p>`}${facts([
  ["Scope", scopeText(scope)],
  ["Run", html`<a href="${runPath}">${rollout.runtimeRunId}</a>`],
  ["Strategy", rollout.strategy.kind.replaceAll("_", " ")],
  ["Step", `${rollout.step + 1} of ${rollout.strategy.steps.length}`],
  ["Bundle's hash", shortId(rollout.bundleSha256, 16)],
  ["Started", moment(rollout.startedMs)],
  ["Ends by itself", rollout.deadlineMs === null ? undefined : moment(rollout.deadlineMs)],
])}`,
      },
      { id: "words", body: endedPhases.has(rollout.phase) ? nothing : words(desk, scope, rollout) },
      {
        id: "resources",
        body: html`<h2>Resources</h2>${table(rollout.units.slice(0, limits.uiResourcesMax), unitColumns, { caption: "Resources of the rollout", empty: "It has none." })}${rollout.units.length > limits.uiResourcesMax ? html`<p class="faint">and ${number(rollout.units.length - limits.uiResourcesMax)} more</p>` : nothing}`,
      },
    ],
  };
}

function words(desk: Desk, { tenantId, repoId }: Scope, { rolloutId, phase }: Rollout): Markup {
  if (desk.control === undefined) return nothing;
  const offered = rolloutWords.filter((word) => (phase === "paused" ? word !== "pause" : word !== "resume"));
  return html`<section class="note" aria-labelledby="words-head"><h2 id="words-head">Steer it</h2>${wordForm(
    desk,
    "rollout",
    { tenant: tenantId, repo: repoId, rollout: rolloutId },
    html`${offered.map((word) => html`<button name="answer" value="${word}" class="${word === "abort" ? "bad" : ""}">${word}</button>`)}`,
  )}<p class="faint">The word is kept for whoever drives the rollout. Where nobody does, it waits.</p></section>`;
}

const unitColumns: readonly Column<Unit>[] = [
  { title: "Resource", isHead: true, cell: ({ resourceId }) => resourceId },
  { title: "Change", cell: ({ operation }) => operation },
  { title: "Stands", cell: ({ state }) => badge(state) },
  {
    title: "Copies",
    align: "end",
    cell: ({ replicas, updated }) =>
      replicas === null ? "" : updated === null ? String(replicas) : `${updated} of ${replicas}`,
  },
  { title: "Health", cell: ({ health }) => (health === null ? "" : badge(health)) },
  {
    title: "Why",
    cell: ({ reason, message }) =>
      html`${reason ?? ""} <span class="faint">${redactText(message ?? "", [])}</span>`,
  },
];
