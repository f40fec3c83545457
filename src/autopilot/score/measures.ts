/**
 * What akc counts and measures beyond the documented KPIs: refused attempts, repairs, recompiles, escalations and how long all
 * stood as it should. A rate of nothing is null here, never 1.
 *
 * Source: cli:W-16; docs/autopilot.md "Score".
 */
import type { Tally } from "../contract.ts";
import type { AttemptVerdict, Entry } from "../model.ts";
import { type EndedAttempt, endedAttempts, type HistoryRow } from "./history-row.ts";
import { blockedByPolicy, mean, quantile, type ScoreWindow } from "./kpi.ts";
import { refusalOf } from "./refusal.ts";

export const measureCounts = [
  "rollouts_kept_total",
  "rollouts_failed_total",
  "rollouts_rolled_back_total",
  "rollouts_rollback_failed_total",
  "rollouts_cut_off_total",
  "repairs_total",
  "repairs_kept_total",
  "recompiles_total",
  "recompiles_failed_total",
  "holds_waiting_total",
  "escalations_total",
] as const;

/** Null where there was nothing to take them of. */
export const measureFloats = [
  "policy_compliance_rate_all_attempts",
  "standing_rate",
  "time_to_repair_ms_avg",
  "time_to_repair_ms_p90",
] as const;

export type Measures = Readonly<Record<(typeof measureCounts)[number], number>> &
  Readonly<Record<(typeof measureFloats)[number], number | null>>;

/** @param rows those of the entries */
export function measuresOf(
  entries: readonly Entry[],
  rows: readonly HistoryRow[],
  tallies: readonly Tally[],
  window: ScoreWindow,
): Measures {
  const within = (atMs: number) => atMs >= window.startMs && atMs < window.endMs;
  const attempts = endedAttempts(entries).filter(({ startedAtMs }) => within(startedAtMs));
  const rollouts = attempts.filter(({ started }) => started.attempt.kind === "rollout");
  const repairs = attempts.filter(
    ({ started, ended }) => started.attempt.kind === "repair" && ended.verdict !== "not_started",
  );
  const kept = repairs.filter(({ ended }) => ended.verdict === "kept");
  const ends = (verdict: AttemptVerdict) => rollouts.filter(({ ended }) => ended.verdict === verdict).length;
  const facts = entries.filter(({ atMs }) => within(atMs)).map(({ fact }) => fact);
  const recompiles = facts.filter((fact) => fact.type === "recompile_ended");
  const repairTimes = timesToRepair(kept, entries);
  return {
    rollouts_kept_total: ends("kept"),
    rollouts_failed_total: ends("failed"),
    rollouts_rolled_back_total: ends("rolled_back"),
    rollouts_rollback_failed_total: ends("rollback_failed"),
    rollouts_cut_off_total: ends("stopped"),
    repairs_total: repairs.length,
    repairs_kept_total: kept.length,
    recompiles_total: recompiles.filter(({ result }) => result !== "cut_off").length,
    recompiles_failed_total: recompiles.filter(({ result }) => result === "failed").length,
    holds_waiting_total: facts.filter(
      (fact) => fact.type === "held" && refusalOf(fact.answers)?.word === "rollout_waiting",
    ).length,
    escalations_total: facts.filter(({ type }) => type === "escalated").length,
    policy_compliance_rate_all_attempts: complianceOf(rows.filter((row) => within(row.started_at_ms))),
    standing_rate: standingRate(tallies.filter(({ fromMs }) => within(fromMs))),
    time_to_repair_ms_avg: repairTimes.length === 0 ? null : mean(repairTimes),
    time_to_repair_ms_p90: repairTimes.length === 0 ? null : quantile(repairTimes, 0.9),
  };
}

/** Of all that wanted to go out, how much no policy refused, before its start or in its run. */
function complianceOf(rows: readonly HistoryRow[]): number | null {
  const asked = rows.filter(
    ({ event_kind: kind, prevented_reason: reason }) =>
      kind === "runtime_rollout" || (reason !== null && refusedByPolicy(reason)),
  );
  const allowed = asked.filter((row) => row.event_kind === "runtime_rollout" && row.promotion_policy_allow);
  return asked.length === 0 ? null : allowed.length / asked.length;
}

/** A budget, a poor score or a run that never began says nothing of the policy. */
function refusedByPolicy(reason: string): boolean {
  if (blockedByPolicy.has(reason)) return true;
  return (
    reason !== "not_started" && !reason.startsWith("slo_gate:") && !reason.startsWith("budget_prevented:")
  );
}

/** From the first notice of what was wrong to the end of the repair, smallest first. */
function timesToRepair(kept: readonly EndedAttempt[], entries: readonly Entry[]): readonly number[] {
  const noticed = new Map(
    entries.flatMap(({ fact, atMs }) =>
      fact.type === "triggered" ? [[fact.trigger.id, atMs] as const] : [],
    ),
  );
  return kept
    .map(({ started, startedAtMs, endedAtMs }) => {
      const first = started.attempt.triggerIds.map((id) => noticed.get(id) ?? startedAtMs);
      return endedAtMs - Math.min(startedAtMs, ...first);
    })
    .sort((a, b) => a - b);
}

function standingRate(tallies: readonly Tally[]): number | null {
  const standing = tallies.reduce((total, tally) => total + tally.standing, 0);
  const seen = tallies.reduce((total, tally) => total + tally.drifted, standing);
  return seen === 0 ? null : standing / seen;
}
