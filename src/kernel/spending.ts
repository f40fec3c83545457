/**
 * What all actions of a run have used together, against what they may. Pure; the first bound that is passed cuts the run.
 *
 * Source: spec bundle §4.1 (operating_bounds); kernel:W-13, bundle:W-36.
 */
import type { ActionResult } from "../adapters/contract.ts";
import type { JsonObject } from "../json/value.ts";
import type { Exhausted } from "./outcome.ts";

/** Absent bounds nothing. */
export interface RunBudget {
  /** Attempts that may be started. */
  readonly dispatches?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

/** What was used so far. */
export interface Spent {
  dispatches: number;
  inputTokens: number;
  outputTokens: number;
}

export const nothingSpent: Readonly<Spent> = { dispatches: 0, inputTokens: 0, outputTokens: 0 };

/** Adds what an attempt reports to have cost. */
export function addCost(spent: Spent, cost: JsonObject | undefined): void {
  if (cost === undefined) return;
  const { input_tokens: input, output_tokens: output } = cost;
  if (typeof input === "number") spent.inputTokens += input;
  if (typeof output === "number") spent.outputTokens += output;
}

export interface Spending {
  /** Counts one attempt; the cut says that it may not start any more. */
  dispatch(): Exhausted | undefined;
  /** Counts what an attempt reports to have cost. */
  account(result: ActionResult): Exhausted | undefined;
}

/** @param before what earlier processes of the run used */
export function createSpending(budget: RunBudget, before: Readonly<Spent> = nothingSpent): Spending {
  const used = { ...before };
  return {
    dispatch() {
      if (used.dispatches >= (budget.dispatches ?? Number.POSITIVE_INFINITY)) {
        const why = `the run may start ${budget.dispatches} actions and no more`;
        return { kind: "exhausted", code: "RUN_BUDGET_EXCEEDED", why };
      }
      used.dispatches += 1;
      return undefined;
    },
    account({ cost }) {
      if (cost === undefined) return undefined;
      addCost(used, cost);
      for (const kind of ["inputTokens", "outputTokens"] as const) {
        if (used[kind] > (budget[kind] ?? Number.POSITIVE_INFINITY)) {
          const why = `the run used more than its ${budget[kind]} ${kind}`;
          return { kind: "exhausted", code: "RUN_BUDGET_EXCEEDED", why };
        }
      }
      return undefined;
    },
  };
}
