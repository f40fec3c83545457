/**
 * The scoreboard of a window: the documented KPIs and akc's own measures, and the JSON that they are written as.
 * Pure; the same entries always give the same bytes.
 *
 * Source: spec cli §14.14.
 */
import { doubleValue } from "../../json/number.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Tally } from "../contract.ts";
import type { Entry, ScopeId } from "../model.ts";
import { historyRowsOf } from "./history-row.ts";
import { type DocumentedKpi, documentedKpi, kpiCounts, kpiFloats, type ScoreWindow } from "./kpi.ts";
import { type Measures, measureCounts, measureFloats, measuresOf } from "./measures.ts";

export type Kpi = { readonly decision_window_id: string } & DocumentedKpi & Measures;

export interface Scoreboard {
  readonly window: ScoreWindow;
  readonly kpi: Kpi;
}

/** What a scope is scored by. */
export interface Scored {
  /**
   * Of one scope in their order: from the window's start, or before it, at least to the end of every attempt that started within.
   * An attempt belongs to the window in which it started; what has not ended is not counted yet.
   */
  readonly entries: readonly Entry[];
  readonly tallies: readonly Tally[];
}

/** Of one scope. */
export function scoreboardOf(
  entries: readonly Entry[],
  window: ScoreWindow,
  tallies: readonly Tally[] = [],
): Scoreboard {
  return totalOf([{ entries, tallies }], window);
}

/** Of several scopes together: as if all had happened in one. */
export function totalOf(scopes: readonly Scored[], window: ScoreWindow): Scoreboard {
  const rows = scopes.flatMap(({ entries }) => historyRowsOf(entries));
  const entries = scopes.flatMap((scope) => scope.entries);
  const tallies = scopes.flatMap((scope) => scope.tallies);
  return {
    window,
    kpi: {
      decision_window_id: `${window.startMs}-${window.endMs}`,
      ...documentedKpi(rows, window),
      ...measuresOf(entries, rows, tallies, window),
    },
  };
}

/** The artifact `reliability_scoreboard` v1. `more` are keys beside the documented ones. */
export function scoreboardJson(
  scope: ScopeId,
  { window, kpi }: Scoreboard,
  more: JsonObject = {},
): JsonObject {
  return {
    ...more,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    window_start_ms: window.startMs,
    window_end_ms: window.endMs,
    kpi: kpiJson(kpi),
    schema_version: 1,
    schema_id: "akc:reliability_scoreboard:v1",
  };
}

/** Rates and milliseconds are floats there, counts are not. */
export function kpiJson(kpi: Kpi): JsonObject {
  const number = (value: number | null): JsonValue => (value === null ? null : doubleValue(value));
  return {
    decision_window_id: kpi.decision_window_id,
    ...Object.fromEntries([...kpiCounts, ...measureCounts].map((key) => [key, kpi[key]])),
    ...Object.fromEntries([...kpiFloats, ...measureFloats].map((key) => [key, number(kpi[key])])),
    delivery_improvement_signals_note: note,
  };
}

const note =
  "Delivery figures are estimates from this scope's own rollouts; compare windows of one scope, not scopes with each other.";
