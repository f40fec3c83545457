/**
 * What a scope may still do, and when a person is needed: budgets over a window that slides, cool-downs, limits of failure.
 * Never looks at a clock: the moment comes in as an argument.
 *
 * Source: spec cli §14.10, in its order and with its words; the window slides where the old one was cut at midnight.
 */
import type { JsonObject } from "../json/value.ts";
import type { Budgets, EscalationReason, ScopeState } from "./model.ts";

/** Budgets look back so far, from any moment. */
export const budgetWindowMs = 86_400_000;

/** Of times in order, those that count at `nowMs`. The same array when all of them do. */
export function inWindow(timesMs: readonly number[], nowMs: number): readonly number[] {
  const first = timesMs.findIndex((time) => time > nowMs - budgetWindowMs);
  if (first === 0) return timesMs;
  return first < 0 ? [] : timesMs.slice(first);
}

export type BudgetReason =
  | "human_escalation_required"
  | "cooldown_active"
  | "max_concurrent_rollouts_exceeded"
  | "max_mutations_per_day_exceeded"
  | "rollback_budget_exceeded";

export type BudgetVerdict =
  | { readonly open: true }
  | {
      readonly open: false;
      readonly reason: BudgetReason;
      /** One line for people. */
      readonly message: string;
      /** What would open it, for people. */
      readonly opens: string;
      /** When it opens by itself; absent where a person or another scope has to act. */
      readonly opensAtMs?: number;
    };

export type BudgetedState = Pick<
  ScopeState,
  | "escalated"
  | "attempt"
  | "mutationsAtMs"
  | "rollbacksAtMs"
  | "consecutiveFailures"
  | "consecutiveCompileFailures"
  | "lastFailureAtMs"
  | "lastPolicyDenyAtMs"
  | "ackedAtMs"
>;

/** Whether an attempt may begin. @param openAttempts in all scopes of the outputs root */
export function budgetGuard(
  state: BudgetedState,
  budgets: Budgets,
  openAttempts: number,
  nowMs: number,
): BudgetVerdict {
  if (state.escalated !== undefined) {
    return {
      open: false,
      reason: "human_escalation_required",
      message: `the scope is held: ${state.escalated.message}`,
      opens: "a person's `akc autopilot ack`",
    };
  }
  const cooldown = cooldownOf(state, budgets);
  if (cooldown !== undefined && nowMs < cooldown.untilMs) {
    return {
      open: false,
      reason: "cooldown_active",
      message: `the cool-down after ${cooldown.after} is not over`,
      opens: "the end of the cool-down",
      opensAtMs: cooldown.untilMs,
    };
  }
  if (openAttempts >= budgets.concurrentRollouts) {
    return {
      open: false,
      reason: "max_concurrent_rollouts_exceeded",
      message: `${openAttempts} of at most ${budgets.concurrentRollouts} are under way`,
      opens: "the end of one that is under way",
    };
  }
  const mutations = inWindow(state.mutationsAtMs, nowMs);
  if (mutations.length >= budgets.mutationsPerDay) {
    return {
      open: false,
      reason: "max_mutations_per_day_exceeded",
      message: `${mutations.length} of at most ${budgets.mutationsPerDay} were made in the last 24 hours`,
      opens: "the time when the oldest are 24 hours old",
      ...leaves(mutations[mutations.length - budgets.mutationsPerDay]),
    };
  }
  const rollbacks = inWindow(state.rollbacksAtMs, nowMs);
  if (rollbacks.length > budgets.rollbacksPerDay) {
    return {
      open: false,
      reason: "rollback_budget_exceeded",
      message: `${rollbacks.length} rollbacks in the last 24 hours are more than ${budgets.rollbacksPerDay}`,
      opens: "the time when the oldest are 24 hours old",
      ...leaves(rollbacks[rollbacks.length - budgets.rollbacksPerDay - 1]),
    };
  }
  return { open: true };
}

/** The later of both cool-downs, whether or not it is over; a success ends that of a failure alone (cli:W-66). */
export function cooldownOf(
  { lastFailureAtMs, lastPolicyDenyAtMs }: Pick<ScopeState, "lastFailureAtMs" | "lastPolicyDenyAtMs">,
  { cooldownAfterFailureMs, cooldownAfterPolicyDenyMs }: Budgets,
): { readonly untilMs: number; readonly after: "a failure" | "a refusal" } | undefined {
  const failure = lastFailureAtMs === undefined ? undefined : lastFailureAtMs + cooldownAfterFailureMs;
  const denial =
    lastPolicyDenyAtMs === undefined ? undefined : lastPolicyDenyAtMs + cooldownAfterPolicyDenyMs;
  if (failure !== undefined && failure >= (denial ?? 0)) return { untilMs: failure, after: "a failure" };
  return denial === undefined ? undefined : { untilMs: denial, after: "a refusal" };
}

function inARow(failures: number): string {
  return failures === 1 ? "the last attempt failed" : `the last ${failures} attempts failed`;
}

/** Whether a person has to look before anything more is done. What was acknowledged does not count again. */
export function escalationDue(
  state: BudgetedState,
  budgets: Budgets,
  nowMs: number,
): { readonly reason: EscalationReason; readonly message: string } | undefined {
  if (state.escalated !== undefined) return undefined;
  const { consecutiveFailures, consecutiveCompileFailures } = state;
  if (reached(consecutiveFailures, budgets.consecutiveFailures)) {
    return { reason: "consecutive_failures", message: inARow(consecutiveFailures) };
  }
  const since = state.ackedAtMs ?? Number.NEGATIVE_INFINITY;
  const rollbacks = inWindow(state.rollbacksAtMs, nowMs).filter((time) => time > since).length;
  if (reached(rollbacks, budgets.rollbacksPerDayBeforeEscalation)) {
    return { reason: "rollbacks_per_day", message: `${rollbacks} rollbacks in the last 24 hours` };
  }
  if (reached(consecutiveCompileFailures, budgets.consecutiveFailures)) {
    return {
      reason: "compile_failures",
      message: `the recompile hook failed ${consecutiveCompileFailures} times in a row`,
    };
  }
  return undefined;
}

/**
 * The seven documented keys of `budget_state` (spec cli §14.5), for artifacts.
 * Without `budgets` nobody can say how long a cool-down lasts, and `cooldown_until_ms` is 0.
 */
export function budgetState(state: BudgetedState, nowMs: number, budgets?: Budgets): JsonObject {
  const cooldown = budgets === undefined ? undefined : cooldownOf(state, budgets);
  return {
    window_start_ms: nowMs - budgetWindowMs,
    mutations_count: inWindow(state.mutationsAtMs, nowMs).length,
    rollbacks_count: inWindow(state.rollbacksAtMs, nowMs).length,
    consecutive_failures: state.consecutiveFailures,
    active_rollouts: state.attempt === undefined ? 0 : 1,
    cooldown_until_ms: cooldown?.untilMs ?? 0,
    human_escalation_required: state.escalated !== undefined,
  };
}

/** A limit of zero asks for a person at the first one, not before any. */
function reached(count: number, limit: number): boolean {
  return count > 0 && count >= limit;
}

function leaves(timeMs: number | undefined): { readonly opensAtMs?: number } {
  return timeMs === undefined ? {} : { opensAtMs: timeMs + budgetWindowMs };
}
