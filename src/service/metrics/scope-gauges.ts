/**
 * What a look at the controller shows of each of its scopes, as gauges. Pure: the same status gives the same families; it holds
 * nothing between two looks.
 */
import type { ControllerPhase, ControllerStatus, ScopeStatus } from "../../autopilot/contract.ts";
import { type Budgets, modes, type ScopeId, scopeName } from "../../autopilot/model.ts";
import { limits } from "../../limits.ts";
import { gauge } from "./instruments.ts";
import type { Family, Series } from "./model.ts";

/** How fast the error budget of one objective is used up in one window; 1 uses it up exactly at its end. */
export interface BurnReading {
  readonly scope: ScopeId;
  readonly slo: string;
  /** e.g. `5m`. */
  readonly window: string;
  readonly burnRate: number;
}

/** What is left of the error budget of one objective: 1 all, 0 none, below it is overdrawn. */
export interface ErrorBudgetReading {
  readonly scope: ScopeId;
  readonly slo: string;
  readonly left: number;
}

export interface ScopeGaugeInput {
  readonly status: ControllerStatus;
  readonly monotonicMs: number;
  budgets(scope: ScopeId): Budgets | undefined;
  deniedStreak(scope: ScopeId): number;
  readonly burns: readonly BurnReading[];
  readonly errorBudgets: readonly ErrorBudgetReading[];
}

const phases: readonly ControllerPhase[] = ["starting", "running", "reloading", "draining", "stopped"];
const dayMs = 24 * 60 * 60 * 1_000;

export function controllerFamilies({ status, monotonicMs }: ScopeGaugeInput): readonly Family[] {
  const seconds = (ms: number) => Math.max(0, ms) / 1_000;
  const one = (value: number) => [{ labels: {}, value }];
  return [
    {
      name: "akc.controller.turns",
      help: "Turns of the loop.",
      unit: "1",
      kind: "counter",
      series: one(status.turns),
    },
    gauge(
      { name: "akc.controller.turn_age", help: "Time since the last turn of the loop ended.", unit: "s" },
      one(seconds(monotonicMs - status.lastTurnMonotonicMs)),
    ),
    gauge(
      {
        name: "akc.controller.store_proof_age",
        help: "Time since the store last took a write, or as a standby answered a read.",
        unit: "s",
      },
      one(seconds(monotonicMs - status.lastStoreProofMonotonicMs)),
    ),
    gauge(
      { name: "akc.controller.phase", help: "1 for the phase that the controller is in." },
      phases.map((phase) => ({ labels: { phase }, value: Number(status.phase === phase) })),
    ),
    gauge(
      { name: "akc.config.reload_ok", help: "1 while the configuration on disk is the one in force." },
      one(Number(status.config.reloadFault === undefined)),
    ),
    gauge(
      {
        name: "akc.config.loaded_timestamp",
        help: "When the configuration in force was read, since the epoch.",
        unit: "s",
      },
      one(status.config.loadedAtMs / 1_000),
    ),
    gauge(
      {
        name: "akc.scopes",
        help: "Scopes that are watched, by mode and by whether this controller holds them.",
      },
      modes.flatMap((mode) =>
        [true, false].map((holding) => ({
          labels: { mode, held: String(holding) },
          value: status.scopes.filter((scope) => scope.mode === mode && scope.holding === holding).length,
        })),
      ),
    ),
    gauge(
      {
        name: "akc.scopes_not_shown",
        help: "Scopes beyond the bound of series that have no gauges of their own.",
      },
      one(Math.max(0, status.scopes.length - limits.metricScopesMax)),
    ),
  ];
}

export function scopeFamilies(input: ScopeGaugeInput): readonly Family[] {
  const { status, budgets, deniedStreak, burns, errorBudgets } = input;
  const scopes = status.scopes.slice(0, limits.metricScopesMax);
  const shown = new Set(scopes.map(({ scope }) => scopeName(scope)));
  const each = (name: string, help: string, value: (scope: ScopeStatus) => number | undefined): Family =>
    gauge(
      { name: `akc.scope.${name}`, help },
      scopes.flatMap((scope) => {
        const found = value(scope);
        return found === undefined ? [] : [{ labels: labelsOf(scope.scope), value: found }];
      }),
    );
  const flag = (name: string, help: string, holds: (scope: ScopeStatus) => boolean) =>
    each(name, help, (scope) => Number(holds(scope)));
  return [
    flag("lease_held", "1 where this controller holds the scope.", ({ holding }) => holding),
    each("lease_denied_streak", "How often in a row the scope was somebody else's.", ({ scope }) =>
      deniedStreak(scope),
    ),
    flag("paused", "1 while a person has paused the scope.", ({ state }) => state.paused !== undefined),
    flag(
      "escalated",
      "1 while the scope waits for a person's ack.",
      ({ state }) => state.escalated !== undefined,
    ),
    flag("fault", "1 while visits of the scope fail.", ({ state }) => state.fault !== undefined),
    flag(
      "drifted",
      "1 where the last look found that not all stands as it should.",
      (scope) => scope.sighting === "drifted",
    ),
    flag("unseen", "1 where at the last look nobody could tell.", (scope) => scope.sighting === "unseen"),
    flag("attempt_open", "1 while an attempt has not ended.", ({ state }) => state.attempt !== undefined),
    flag(
      "proposal_waiting",
      "1 while a proposal waits for approve or deny.",
      ({ state }) => state.proposal !== undefined,
    ),
    each("open_triggers", "Triggers that are not settled.", ({ state }) => state.openTriggers.length),
    gauge(
      {
        name: "akc.scope.last_visit_timestamp",
        help: "When the scope was last visited, since the epoch.",
        unit: "s",
      },
      scopes.flatMap(({ scope, lastVisitAtMs }) =>
        lastVisitAtMs === undefined ? [] : [{ labels: labelsOf(scope), value: lastVisitAtMs / 1_000 }],
      ),
    ),
    gauge(
      {
        name: "akc.scope.budget_used",
        help: "What is used of a budget; those of a day within the last 24 hours.",
      },
      scopes.flatMap((scope) => budgetSeries(scope, status.observedAtMs, budgets, ({ used }) => used)),
    ),
    gauge(
      { name: "akc.scope.budget_left", help: "What is left of a budget." },
      scopes.flatMap((scope) =>
        budgetSeries(scope, status.observedAtMs, budgets, ({ used, limit }) => Math.max(0, limit - used)),
      ),
    ),
    gauge(
      {
        name: "akc.scope.slo_burn_rate",
        help: "How fast the error budget is used up; 1 just lasts the period.",
      },
      burns
        .filter(({ scope }) => shown.has(scopeName(scope)))
        .map(({ scope, slo, window, burnRate }) => ({
          labels: { ...labelsOf(scope), slo, window },
          value: burnRate,
        })),
    ),
    gauge(
      {
        name: "akc.scope.slo_error_budget_left_ratio",
        help: "What is left of the error budget of the period.",
      },
      errorBudgets
        .filter(({ scope }) => shown.has(scopeName(scope)))
        .map(({ scope, slo, left }) => ({ labels: { ...labelsOf(scope), slo }, value: left })),
    ),
  ];
}

/** What a scope has used of its budgets, by the documented names of their flags. */
export function budgetsUsed(
  { state }: Pick<ScopeStatus, "state">,
  budgets: Budgets,
  nowMs: number,
): readonly { readonly budget: string; readonly used: number; readonly limit: number }[] {
  const today = (times: readonly number[]) => times.filter((atMs) => atMs > nowMs - dayMs).length;
  return [
    { budget: "mutations_per_day", used: today(state.mutationsAtMs), limit: budgets.mutationsPerDay },
    { budget: "rollbacks_per_day", used: today(state.rollbacksAtMs), limit: budgets.rollbacksPerDay },
    { budget: "consecutive_failures", used: state.consecutiveFailures, limit: budgets.consecutiveFailures },
  ];
}

function budgetSeries(
  scope: ScopeStatus,
  nowMs: number,
  budgets: ScopeGaugeInput["budgets"],
  value: (budget: { readonly used: number; readonly limit: number }) => number,
): readonly Series[] {
  const limitsOfScope = budgets(scope.scope);
  if (limitsOfScope === undefined) return [];
  return budgetsUsed(scope, limitsOfScope, nowMs).map((one) => ({
    labels: { ...labelsOf(scope.scope), budget: one.budget },
    value: value(one),
  }));
}

function labelsOf({ tenantId, repoId }: ScopeId): { readonly tenant: string; readonly repo: string } {
  return { tenant: tenantId, repo: repoId };
}
