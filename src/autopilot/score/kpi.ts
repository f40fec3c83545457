/**
 * The documented KPIs of a window, computed from rows of the history by the documented formulas and nothing else.
 * What akc measures beyond them is in `measures.ts`.
 *
 * Source: spec cli §14.14.
 */
import type { HistoryRow } from "./history-row.ts";

/** From `startMs` up to and without `endMs`. */
export interface ScoreWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/** Counts and sums. */
export const kpiCounts = [
  "rollouts_total",
  "rollouts_with_rollback",
  "rollbacks_total",
  "rollbacks_succeeded_total",
  "failed_promotions_prevented",
  "mutation_attempts_blocked_by_policy",
  "compile_scoped_apply_rollouts_total",
  "compile_apply_gate_prevented_total",
  "manual_touch_count_total",
] as const;

/** Rates, ratios and milliseconds: written as floats. */
export const kpiFloats = [
  "rollback_success_rate",
  "policy_compliance_rate",
  "convergence_latency_ms_avg",
  "mttr_like_repair_latency_ms_avg",
  "intent_to_healthy_runtime_ms_p50",
  "intent_to_healthy_runtime_ms_p90",
  "compile_to_healthy_runtime_ms_p50",
  "compression_factor_vs_baseline_avg",
  "delivery_throughput_rollouts_per_week_est",
  "delivery_change_instability_proxy",
  "delivery_lead_time_ms_p50",
  "delivery_lead_time_ms_p90",
  "intent_to_staging_ms_p50",
  "staging_to_prod_latency_ms_p50",
  "approval_wait_ms_p50",
] as const;

export type DocumentedKpi = Readonly<Record<(typeof kpiCounts)[number] | (typeof kpiFloats)[number], number>>;

/** What a row is counted by; rows of the old runtime's history have it as well. */
export type ScoredRow = Omit<HistoryRow, "entry_seq" | "verdict" | "bundle_sha256" | "runtime_run_id">;

/** Over rows that started within the window; the others are left out. */
export function documentedKpi(rows: readonly ScoredRow[], window: ScoreWindow): DocumentedKpi {
  const within = rows.filter(({ started_at_ms: at }) => at >= window.startMs && at < window.endMs);
  const rollouts = within.filter(({ event_kind: kind }) => kind === "runtime_rollout");
  const prevented = within.filter(({ event_kind: kind }) => kind === "promotion_prevented");
  const withRollback = rollouts.filter(({ rollback_count: count }) => count > 0);
  const rollbacks = sum(rollouts.map((row) => row.rollback_count));
  const succeeded = sum(rollouts.map((row) => row.rollback_success_count));
  const of = (key: NumberKey) => sorted(rollouts, key);
  return {
    rollouts_total: rollouts.length,
    rollouts_with_rollback: withRollback.length,
    rollbacks_total: rollbacks,
    rollbacks_succeeded_total: succeeded,
    rollback_success_rate: ratio(succeeded, rollbacks, 1),
    policy_compliance_rate: ratio(
      rollouts.filter((row) => row.promotion_policy_allow).length,
      rollouts.length,
      1,
    ),
    convergence_latency_ms_avg: mean(of("convergence_latency_ms")),
    mttr_like_repair_latency_ms_avg: mean(sorted(withRollback, "convergence_latency_ms")),
    intent_to_healthy_runtime_ms_p50: middle(of("intent_to_healthy_runtime_ms")),
    intent_to_healthy_runtime_ms_p90: quantile(of("intent_to_healthy_runtime_ms"), 0.9),
    compile_to_healthy_runtime_ms_p50: middle(of("compile_to_healthy_runtime_ms")),
    compression_factor_vs_baseline_avg: mean(of("compression_factor_vs_baseline")),
    failed_promotions_prevented: prevented.length,
    mutation_attempts_blocked_by_policy: prevented.filter(
      ({ prevented_reason: reason }) => reason !== null && blockedByPolicy.has(reason),
    ).length,
    compile_scoped_apply_rollouts_total: rollouts.filter(
      ({ compile_realization_mode: mode }) => mode === "scoped_apply",
    ).length,
    compile_apply_gate_prevented_total: prevented.filter(
      ({ prevented_reason: reason }) => reason?.includes("compile_apply_denied:") === true,
    ).length,
    delivery_throughput_rollouts_per_week_est: ratio(
      rollouts.length,
      (window.endMs - window.startMs) / weekMs,
      0,
    ),
    delivery_change_instability_proxy: ratio(withRollback.length, rollouts.length, 0),
    delivery_lead_time_ms_p50: quantile(of("intent_to_prod_ms"), 0.5),
    delivery_lead_time_ms_p90: quantile(of("intent_to_prod_ms"), 0.9),
    intent_to_staging_ms_p50: quantile(of("intent_to_staging_ms"), 0.5),
    staging_to_prod_latency_ms_p50: quantile(of("staging_to_prod_ms"), 0.5),
    approval_wait_ms_p50: quantile(of("approval_wait_ms"), 0.5),
    manual_touch_count_total: sum(of("manual_touch_count")),
  };
}

/** Reasons by which the documented KPI tells that a policy refused. */
export const blockedByPolicy: ReadonlySet<string> = new Set([
  "policy_denied",
  "promotion_policy_not_allowed",
]);

/** `sorted[round((n - 1) * q)]`, half to even; 0 of nothing. */
export function quantile(ascending: readonly number[], q: number): number {
  return ascending[halfEven((ascending.length - 1) * q)] ?? 0;
}

/** A half goes to the even neighbour. */
export function halfEven(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  if (over !== 0.5) return over < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** `sorted[n div 2]`: the upper one of two in the middle; 0 of nothing. */
function middle(ascending: readonly number[]): number {
  return ascending[Math.floor(ascending.length / 2)] ?? 0;
}

export function mean(values: readonly number[]): number {
  return ratio(sum(values), values.length, 0);
}

function ratio(part: number, whole: number, ofNothing: number): number {
  return whole === 0 ? ofNothing : part / whole;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

type NumberKey = {
  [Key in keyof ScoredRow]: ScoredRow[Key] extends number | null ? Key : never;
}[keyof ScoredRow];

/** The values that are there, smallest first. */
function sorted(rows: readonly ScoredRow[], key: NumberKey): number[] {
  return rows
    .map((row) => row[key])
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
}

const weekMs = 7 * 86_400_000;
