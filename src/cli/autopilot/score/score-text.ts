/** Scores for people: what happened in each scope and in all, then how its objectives stand. */
import { scopeName } from "../../../autopilot/model.ts";
import type { Burn } from "../../../autopilot/score/burn.ts";
import { leftWords, lengthOf, percent, rateWords } from "../../../autopilot/score/chart/objectives.ts";
import type { Kpi } from "../../../autopilot/score/scoreboard.ts";
import type { Place } from "../../io.ts";
import { styleOf } from "../../render/style.ts";
import { type Column, table } from "../../render/table.ts";
import { printable } from "../../render/text.ts";
import { elapsed, instant } from "../../render/time.ts";
import { noLongerWatched } from "../watches.ts";
import type { Scores } from "./read-scores.ts";

export function scoresText({ scopes, total }: Scores, place: Place): string {
  const wide = place.isTerminal ? place.columns() : undefined;
  const { startMs, endMs } = total.window;
  const rows = [
    ...scopes.map(({ scope, watched, board }) => ({
      name: watched === false ? `${scopeName(scope)} (${noLongerWatched})` : scopeName(scope),
      kpi: board.kpi,
    })),
    ...(scopes.length > 1 ? [{ name: "total", kpi: total.kpi }] : []),
  ];
  const objectives = scopes.flatMap(({ scope, burns }) =>
    burns.map((burn) => ({ name: scopeName(scope), burn })),
  );
  return [
    `${short(startMs)} to ${short(endMs)} (${lengthOf(endMs - startMs)})`,
    ...(rows.length === 0 ? [] : [table(rows, kpiColumns, wide)]),
    ...(objectives.length === 0 ? [] : [table(objectives, burnColumns(place.color), wide)]),
  ].join("\n\n");
}

function short(ms: number): string {
  return instant(ms).replace(/:\d\d\.\d+Z$/, "Z");
}

interface KpiRow {
  readonly name: string;
  readonly kpi: Kpi;
}

const kpiColumns: readonly Column<KpiRow>[] = [
  { title: "SCOPE", value: ({ name }) => printable(name), narrowest: 10 },
  { title: "ROLLOUTS", value: ({ kpi }) => String(kpi.rollouts_total), align: "end" },
  { title: "KEPT", value: ({ kpi }) => String(kpi.rollouts_kept_total), align: "end" },
  {
    title: "FAILED",
    value: ({ kpi }) => String(kpi.rollouts_failed_total + kpi.rollouts_rollback_failed_total),
    align: "end",
  },
  { title: "ROLLED BACK", value: ({ kpi }) => String(kpi.rollouts_rolled_back_total), align: "end" },
  {
    title: "PREVENTED",
    value: ({ kpi }) => String(kpi.failed_promotions_prevented),
    align: "end",
    optional: true,
  },
  {
    title: "ALLOWED",
    value: ({ kpi }) => rate(kpi.policy_compliance_rate_all_attempts),
    align: "end",
    optional: true,
  },
  {
    title: "CONVERGED IN",
    value: ({ kpi }) => (kpi.rollouts_kept_total === 0 ? "–" : elapsed(kpi.convergence_latency_ms_avg)),
    align: "end",
    optional: true,
  },
  { title: "REPAIRS", value: ({ kpi }) => `${kpi.repairs_kept_total}/${kpi.repairs_total}`, align: "end" },
  {
    title: "REPAIRED IN",
    value: ({ kpi }) => (kpi.time_to_repair_ms_avg === null ? "–" : elapsed(kpi.time_to_repair_ms_avg)),
    align: "end",
    optional: "sooner",
  },
  { title: "STANDING", value: ({ kpi }) => rate(kpi.standing_rate), align: "end" },
  {
    title: "ESCALATIONS",
    value: ({ kpi }) => String(kpi.escalations_total),
    align: "end",
    optional: "sooner",
  },
];

function rate(share: number | null): string {
  return share === null ? "–" : percent(share);
}

interface BurnRow {
  readonly name: string;
  readonly burn: Burn;
}

function burnColumns(color: boolean): readonly Column<BurnRow>[] {
  const style = styleOf(color);
  const paint = { ok: style.good, burning: style.warn, exhausted: style.bad, inconclusive: style.faint };
  return [
    { title: "SCOPE", value: ({ name }) => printable(name), narrowest: 10 },
    { title: "OBJECTIVE", value: ({ burn }) => printable(burn.slo.id), narrowest: 8 },
    {
      title: "PROMISED",
      value: ({ burn: { slo } }) => `${percent(slo.objective)} over ${lengthOf(slo.periodMs)}`,
      align: "end",
      optional: true,
    },
    { title: "MEASURED", value: ({ burn }) => measured(burn), align: "end" },
    {
      title: "BUDGET",
      value: ({ burn }) => (burn.budgetLeft === null ? "–" : leftWords(burn.budgetLeft)),
      align: "end",
    },
    {
      title: "GONE IN",
      value: ({ burn: { exhaustedInMs: ms } }) => (ms === null ? "–" : ms === 0 ? "gone" : lengthOf(ms)),
      align: "end",
      optional: true,
    },
    {
      title: "STANDS",
      value: ({ burn }) => standing(burn),
      paint: (cell, { burn }) => paint[burn.verdict](cell),
    },
  ];
}

function measured({ seen: { good, bad } }: Burn): string {
  return good + bad === 0 ? "–" : `${percent(good / (good + bad))} of ${good + bad}`;
}

/** The fastest tier that burns stands for the slower ones. */
function standing({ verdict, tiers, seen, slo }: Burn): string {
  if (verdict === "inconclusive") return `inconclusive: ${seen.good + seen.bad} of ${slo.minSamples} seen`;
  const fastest = tiers.find((tier) => tier.verdict === "burning");
  if (fastest === undefined) return verdict;
  return `${verdict}, ${rateWords(fastest.long.rate ?? 0)} in ${fastest.name} (${fastest.severity})`;
}
