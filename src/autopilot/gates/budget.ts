/**
 * The scope's budgets, as a gate: what may still be done, by the rules of `../budget.ts`. Pure.
 */
import { limits } from "../../limits.ts";
import { budgetGuard } from "../budget.ts";
import type { GateQuestion } from "../contract.ts";
import { closed, open } from "./answer.ts";
import type { GateAnswer } from "./model.ts";

export function budgetGate({ state, scope, openAttempts, openIn = [], nowMs }: GateQuestion): GateAnswer {
  const verdict = budgetGuard(state, scope.budgets, openAttempts, nowMs);
  if (verdict.open) return open("budget", "allowed", "the budgets allow it");
  if (verdict.reason !== "max_concurrent_rollouts_exceeded" || openIn.length === 0)
    return closed("budget", verdict);
  const scopes = openIn.slice(0, limits.autopilotNamedMax);
  return closed("budget", {
    ...verdict,
    message: `${verdict.message}: ${scopes.join(", ")}`,
    // One that nobody visits any more, or that is paused, ends by itself no more than these words do.
    opens: `${verdict.opens}; a scope that is paused has to be resumed for that, and one that is not watched any more watched once again`,
    details: { scopes },
  });
}
