/** What a scope may still do, in the documented order and words, and when it may again. */
import { expect, test } from "bun:test";
import { budgets } from "../../test/autopilot/made-facts.ts";
import { backoffMs, recompileBackoffMs } from "./backoff.ts";
import { budgetGuard, budgetState, budgetWindowMs, escalationDue } from "./budget.ts";
import { emptyState } from "./machine.ts";
import type { ScopeState } from "./model.ts";

const now = 10 * budgetWindowMs;
const state = (more: Partial<ScopeState>): ScopeState => ({ ...emptyState(), ...more });
const times = (count: number, firstMs: number) =>
  Array.from({ length: count }, (_, index) => firstMs + index);

test("the first reason of the documented order is the one that is told", () => {
  const all = state({
    escalated: { reason: "consecutive_failures", message: "two", atMs: 1 },
    lastFailureAtMs: now - 1,
    mutationsAtMs: times(4, now - 1_000),
    rollbacksAtMs: times(3, now - 1_000),
  });
  const reasons = [
    budgetGuard(all, budgets, 9, now),
    budgetGuard({ ...all, escalated: undefined }, budgets, 9, now),
    budgetGuard({ ...all, escalated: undefined, lastFailureAtMs: undefined }, budgets, 1, now),
    budgetGuard({ ...all, escalated: undefined, lastFailureAtMs: undefined }, budgets, 0, now),
    budgetGuard(state({ rollbacksAtMs: all.rollbacksAtMs }), budgets, 0, now),
    budgetGuard(state({}), budgets, 0, now),
  ].map((verdict) => (verdict.open ? "allowed" : verdict.reason));
  expect(reasons).toEqual([
    "human_escalation_required",
    "cooldown_active",
    "max_concurrent_rollouts_exceeded",
    "max_mutations_per_day_exceeded",
    "rollback_budget_exceeded",
    "allowed",
  ]);
});

test("the window slides: it opens at the very moment that it says, and not before", () => {
  const first = now - 5_000;
  for (const used of [
    state({ mutationsAtMs: times(6, first) }),
    state({ rollbacksAtMs: times(5, first) }),
    state({ lastFailureAtMs: now - 10 }),
    state({ lastPolicyDenyAtMs: now - 10, lastFailureAtMs: now - 10 }),
  ]) {
    const verdict = budgetGuard(used, budgets, 0, now);
    if (verdict.open || verdict.opensAtMs === undefined)
      throw new Error("it is open, or says not when it opens");
    expect(budgetGuard(used, budgets, 0, verdict.opensAtMs - 1).open).toBe(false);
    expect(budgetGuard(used, budgets, 0, verdict.opensAtMs).open).toBe(true);
  }
});

test("a budget of nothing allows nothing, and a limit of nothing asks for a person at the first failure alone", () => {
  expect(budgetGuard(state({}), { ...budgets, mutationsPerDay: 0 }, 0, now)).toMatchObject({ open: false });
  const strict = { ...budgets, consecutiveFailures: 0, rollbacksPerDayBeforeEscalation: 0 };
  expect(escalationDue(state({}), strict, now)).toBeUndefined();
  expect(escalationDue(state({ consecutiveFailures: 1 }), strict, now)?.reason).toBe("consecutive_failures");
});

test("limits ask for a person, and what was acknowledged does not ask twice", () => {
  const rolledBack = state({ rollbacksAtMs: times(3, now - 1_000) });
  expect(escalationDue(rolledBack, budgets, now)?.reason).toBe("rollbacks_per_day");
  expect(escalationDue({ ...rolledBack, ackedAtMs: now - 500 }, budgets, now)).toBeUndefined();
  expect(escalationDue(rolledBack, budgets, now + budgetWindowMs)).toBeUndefined();
  expect(escalationDue(state({ consecutiveCompileFailures: 2 }), budgets, now)?.reason).toBe(
    "compile_failures",
  );
});

test("artifacts have the seven documented keys", () => {
  const shown = budgetState(state({ mutationsAtMs: [1, now - 1], lastFailureAtMs: now }), now, budgets);
  expect(shown).toEqual({
    window_start_ms: now - budgetWindowMs,
    mutations_count: 1,
    rollbacks_count: 0,
    consecutive_failures: 0,
    active_rollouts: 0,
    cooldown_until_ms: now + budgets.cooldownAfterFailureMs,
    human_escalation_required: false,
  });
});

test("errors are waited out longer each time, up to a bound, and by each scope otherwise", () => {
  for (const wait of [backoffMs, recompileBackoffMs]) {
    expect(wait("acme/shop", 0)).toBe(0);
    const waits = Array.from({ length: 60 }, (_, index) => wait("acme/shop", index + 1));
    expect(waits.slice(1, 8).every((ms, index) => ms > (waits[index] ?? 0))).toBe(true);
    expect(Math.max(...waits)).toBeLessThanOrEqual(6 * 3_600_000);
    expect(new Set(["a", "b", "c", "d"].map((key) => wait(key, 5))).size).toBeGreaterThan(1);
  }
});
