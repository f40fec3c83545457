/**
 * How the autopilot's scopes stand: phases, budgets, who looks after them, and how rollouts and objectives did, as a picture and as words.
 * Reads only; a person's word is said from here where words are allowed.
 */
import type { ScopeId } from "../../autopilot/model.ts";
import type { Burn } from "../../autopilot/score/burn.ts";
import { chartSvg } from "../../autopilot/score/chart/chart.ts";
import { leftWords, percent, rateWords } from "../../autopilot/score/chart/objectives.ts";
import { limits } from "../../limits.ts";
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { Page, SeenAutopilot, SeenScope, SeenScores } from "../model.ts";
import { type Column, facts, table } from "../table.ts";
import { badge, elapsed, moment, number } from "../words.ts";
import { type Asked, type Desk, scopeText, wordForm } from "./desk.ts";

const dayMs = 86_400_000;
const windows = { "1d": dayMs, "7d": 7 * dayMs, "30d": 30 * dayMs } as const;
type Window = keyof typeof windows;

function windowOf(params: URLSearchParams): Window {
  const asked = params.get("window");
  return asked === "1d" || asked === "30d" ? asked : "7d";
}

export async function autopilotPage(desk: Desk, { params }: Asked): Promise<Page> {
  const seen = await desk.words.autopilot();
  const window = windowOf(params);
  const common = { title: "Autopilot", place: "autopilot", path: [], live: true } as const;
  if (seen === undefined) {
    return {
      ...common,
      parts: [
        {
          id: "scopes",
          body: html`<p class="empty">No autopilot has worked below this outputs root. <code>akc runtime autopilot --mode observe</code> lets it look.</p>`,
        },
      ],
    };
  }
  const scores = await desk.words.scores(windows[window]);
  const nowMs = desk.clock.nowMs();
  return {
    ...common,
    parts: [
      {
        id: "scopes",
        body: html`${table(seen.scopes, scopeColumns(nowMs), { caption: "Scopes of the autopilot", empty: "It knows no scope yet." })}`,
      },
      { id: "words", body: html`${seen.scopes.map((scope) => words(desk, scope))}` },
      { id: "budgets", body: budgets(seen) },
      { id: "score", body: score(desk, scores, window) },
      { id: "objectives", body: objectives(scores) },
      {
        id: "controllers",
        body: html`<h2>Controllers</h2>${table(seen.controllers, controllerColumns(nowMs), { caption: "Controllers", empty: "None was ever here." })}`,
      },
    ],
  };
}

/** The picture that `akc autopilot scoreboard --svg` writes. */
export async function chartOf(desk: Desk, { params }: Asked): Promise<string> {
  const { scopes, bars } = await desk.words.scores(windows[windowOf(params)]);
  const [only] = scopes;
  const alone = scopes.length === 1 && only !== undefined;
  return chartSvg({
    about: alone ? scopeText(only.scope) : `${scopes.length} scopes`,
    windows: bars,
    objectives: scopes.flatMap(({ scope, burns }) =>
      burns.map((burn) => ({ scope: alone ? "" : scopeText(scope), burn })),
    ),
  });
}

function scopeColumns(nowMs: number): readonly Column<SeenScope>[] {
  return [
    { title: "Scope", isHead: true, cell: ({ scope }) => scopeText(scope) },
    { title: "Stands", cell: ({ phase }) => badge(phase) },
    { title: "Why", cell: ({ why }) => why },
    { title: "Mode", cell: ({ mode }) => mode ?? "", isWide: true },
    {
      title: "Held by",
      cell: ({ holder }) =>
        holder === undefined
          ? "nobody"
          : html`${holder.name}${holder.beatAgeMs === undefined ? nothing : html` <span class="faint">${elapsed(holder.beatAgeMs)} ago</span>`}`,
    },
    {
      title: "Next",
      cell: ({ next }) => (next === undefined ? "" : html`${next.do} <span class="faint">${next.why}</span>`),
      isWide: true,
    },
    {
      title: "Next visit",
      align: "end",
      cell: ({ nextVisitAtMs }) =>
        nextVisitAtMs === undefined ? "" : `in ${elapsed(Math.max(0, nextVisitAtMs - nowMs))}`,
      isWide: true,
    },
  ];
}

/** What a person may say to a scope that stands so. */
function offered(phase: string): readonly string[] {
  switch (phase) {
    case "escalated":
      return ["ack"];
    case "paused":
      return ["resume"];
    case "proposed":
    case "held":
      return ["approve", "deny", "pause"];
    default:
      return phase === "damaged" ? [] : ["pause"];
  }
}

function words(desk: Desk, { scope, phase, why, wayOut }: SeenScope): Markup {
  const needed = ["escalated", "paused", "proposed", "held", "damaged", "failing"].includes(phase);
  if (desk.control === undefined) {
    return !needed || wayOut === undefined
      ? nothing
      : html`<section class="note warn"><h2>${scopeText(scope)}</h2><p>${why}</p><p class="faint">What ends this: <code>${wayOut}</code></p></section>`;
  }
  const said = offered(phase);
  if (said.length === 0) return nothing;
  return html`<section class="note${needed ? " warn" : ""}"><h2>${scopeText(scope)} <span class="faint">${phase}</span></h2>${needed ? html`<p>${why}</p>` : nothing}${wordForm(
    desk,
    "autopilot",
    { tenant: scope.tenantId, repo: scope.repoId },
    html`<label>Why <input name="reason" required maxlength="1000" autocomplete="off"></label>${said.map(
      (word) =>
        html`<button name="answer" value="${word}" class="${word === "deny" ? "bad" : word === "approve" ? "good" : ""}" aria-label="${`${word} ${scopeText(scope)}`}">${word}</button>`,
    )}`,
  )}</section>`;
}

function budgets({ scopes }: SeenAutopilot): Markup {
  const rows = scopes.flatMap(({ scope, budgets: all }) => all.map((one) => ({ scope, ...one })));
  return html`<h2>Budgets</h2>${table(rows, budgetColumns, { caption: "Budgets of the autopilot", empty: "None is known." })}`;
}

const budgetColumns: readonly Column<SeenScope["budgets"][number] & { readonly scope: ScopeId }>[] = [
  { title: "Scope", isHead: true, cell: ({ scope }) => scopeText(scope) },
  { title: "Budget", cell: ({ budget }) => budget.replaceAll("_", " ") },
  {
    title: "Used",
    align: "end",
    cell: ({ used, limit }) => (limit === undefined ? number(used) : `${number(used)} of ${number(limit)}`),
  },
  {
    title: "",
    cell: ({ used, limit }) => {
      if (limit === undefined || limit === 0) return nothing;
      const share = Math.min(1, used / limit);
      return html`<svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="room" width="100" height="10"/><rect class="${share >= 1 ? "full" : "part"}" width="${Math.round(share * 100)}" height="10"/></svg>`;
    },
  },
];

function score(desk: Desk, scores: SeenScores, window: Window): Markup {
  const { kpi } = scores.total;
  const latest = scores.bars.at(-1)?.endMs ?? 0;
  const chart = `${desk.base}autopilot/chart.svg?${new URLSearchParams({ window, at: String(Math.floor(latest / limits.uiChartMs)) })}`;
  return html`<h2>Score</h2><ul class="chips" aria-label="Window">${Object.keys(windows).map(
    (one) =>
      html`<li><a class="chip" href="${`${desk.base}autopilot?window=${one}`}"${one === window ? html` aria-current="true"` : nothing}>${one}</a></li>`,
  )}</ul>
<img class="chart" src="${chart}" width="960" height="420" alt="Rollouts by window and objectives; the same is told in words below.">
${facts([
  ["Rollouts", number(kpi.rollouts_total)],
  ["Kept", number(kpi.rollouts_kept_total)],
  ["Failed", number(kpi.rollouts_failed_total)],
  ["Rolled back", number(kpi.rollouts_rolled_back_total)],
  ["Rollbacks that succeeded", percent(kpi.rollback_success_rate)],
  ["Policy kept to", percent(kpi.policy_compliance_rate)],
  ["Touched by hand", number(kpi.manual_touch_count_total)],
])}`;
}

function objectives({ scopes }: SeenScores): Markup {
  const rows = scopes.flatMap(({ scope, burns }) => burns.map((burn) => ({ scope, burn })));
  return html`<h2>Objectives</h2>${table(rows, objectiveColumns, { caption: "Objectives and how their budgets burn", empty: "None is configured." })}`;
}

const objectiveColumns: readonly Column<{ readonly scope: ScopeId; readonly burn: Burn }>[] = [
  { title: "Scope", isHead: true, cell: ({ scope }) => scopeText(scope) },
  {
    title: "Objective",
    cell: ({ burn: { slo } }) => html`${slo.id} <span class="faint">${percent(slo.objective)}</span>`,
  },
  { title: "Stands", cell: ({ burn }) => badge(burn.verdict) },
  {
    title: "Error budget",
    cell: ({ burn: { budgetLeft, seen } }) =>
      budgetLeft === null ? `too little seen: ${number(seen.good + seen.bad)}` : leftWords(budgetLeft),
  },
  {
    title: "Burns",
    isTight: true,
    cell: ({ burn: { tiers } }) =>
      tiers
        .map(
          ({ name, long, verdict }) =>
            `${name} ${verdict === "inconclusive" || long.rate === null ? "–" : rateWords(long.rate)}`,
        )
        .join(", "),
  },
];

function controllerColumns(nowMs: number): readonly Column<SeenAutopilot["controllers"][number]>[] {
  return [
    { title: "Controller", isHead: true, cell: ({ holder }) => holder },
    { title: "Process", cell: ({ host, pid }) => `${pid} on ${host}` },
    { title: "Scopes held", align: "end", cell: ({ scopesHeld }) => number(scopesHeld) },
    {
      title: "Last beat (UTC)",
      cell: ({ beatAtMs }) =>
        html`${moment(beatAtMs)} <span class="faint">${elapsed(Math.max(0, nowMs - beatAtMs))} ago</span>`,
    },
    { title: "Version", cell: ({ version }) => version, isWide: true },
  ];
}
