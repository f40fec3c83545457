/**
 * What all actions of a run have used together, against what they may. Pure; the first bound that is passed cuts the run.
 *
 * Source: spec bundle §4.1 (operating_bounds); kernel:W-13, bundle:W-36.
 */
import type { ActionResult } from "../adapters/contract.ts";
import type { Cut } from "./outcome.ts";

/** Absent bounds nothing. */
export interface RunBudget {
  /** Attempts that may be started. */
  readonly dispatches?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
}

export interface Spending {
  /** Counts one attempt; the cut says that it may not start any more. */
  dispatch(): Cut | undefined;
  /** Counts what an attempt reports to have cost. */
  account(result: ActionResult): Cut | undefined;
}

export function createSpending(budget: RunBudget): Spending {
  const used = { dispatches: 0, inputTokens: 0, outputTokens: 0 };
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
      const { input_tokens: input, output_tokens: output } = cost;
      if (typeof input === "number") used.inputTokens += input;
      if (typeof output === "number") used.outputTokens += output;
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
