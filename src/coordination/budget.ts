/**
 * Adds up what a run has used and says when that is too much: steps, tokens, seconds.
 * Pure: whoever runs the steps tells it what they cost, and decides what to do about the answer.
 *
 * Source: spec kernel §12.8; kernel:W-13.
 */
import { asDouble, type JsonObject } from "../json/value.ts";

/** What is absent is not limited. */
export interface Budget {
  readonly maxSteps?: number;
  /** Input and output together. */
  readonly maxTokens?: number;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
  readonly maxSeconds?: number;
}

export interface Usage {
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly seconds: number;
}

export const nothingUsed: Usage = { steps: 0, inputTokens: 0, outputTokens: 0, seconds: 0 };

export function addUsage(used: Usage, more: Partial<Usage>): Usage {
  return {
    steps: used.steps + (more.steps ?? 0),
    inputTokens: used.inputTokens + (more.inputTokens ?? 0),
    outputTokens: used.outputTokens + (more.outputTokens ?? 0),
    seconds: used.seconds + (more.seconds ?? 0),
  };
}

/** Tokens from an action's `cost`; what is no positive number counts as nothing. */
export function usageOfCost(cost: JsonObject | undefined): Partial<Usage> {
  return {
    inputTokens: positive(cost, "input_tokens") ?? 0,
    outputTokens: positive(cost, "output_tokens") ?? 0,
  };
}

/** The budget that an intent's `operating_bounds_effective` or a contract's `runtime_budget` states. */
export function budgetOf(bounds: JsonObject | undefined): Budget {
  return narrowest({
    maxSteps: positive(bounds, "max_steps"),
    maxTokens: positive(bounds, "max_tokens"),
    maxInputTokens: positive(bounds, "max_input_tokens"),
    maxOutputTokens: positive(bounds, "max_output_tokens"),
    maxSeconds: positive(bounds, "max_seconds"),
  });
}

type Stated = { readonly [Name in keyof Budget]?: Budget[Name] | null | undefined };

/** The smallest of each limit that any of `budgets` states: a budget can only be narrowed by another. */
export function narrowest(...budgets: readonly Stated[]): Budget {
  const narrow: { -readonly [Name in keyof Budget]: Budget[Name] } = {};
  for (const budget of budgets) {
    for (const { limit } of limited) {
      const stated = budget[limit];
      if (stated !== undefined && stated !== null) narrow[limit] = Math.min(stated, narrow[limit] ?? stated);
    }
  }
  return narrow;
}

/** What is over its limit, in a clause for people; undefined while all is within. Using a limit up is within it. */
export function overBudget(budget: Budget, used: Usage): string | undefined {
  for (const { limit, name, amount } of limited) {
    const max = budget[limit];
    if (max !== undefined && amount(used) > max) return `${amount(used)} ${name} used, ${max} allowed`;
  }
  return undefined;
}

const limited: readonly {
  readonly limit: keyof Budget;
  readonly name: string;
  readonly amount: (used: Usage) => number;
}[] = [
  { limit: "maxSteps", name: "steps", amount: (used) => used.steps },
  { limit: "maxTokens", name: "tokens", amount: (used) => used.inputTokens + used.outputTokens },
  { limit: "maxInputTokens", name: "input tokens", amount: (used) => used.inputTokens },
  { limit: "maxOutputTokens", name: "output tokens", amount: (used) => used.outputTokens },
  { limit: "maxSeconds", name: "seconds", amount: (used) => used.seconds },
];

function positive(source: JsonObject | undefined, key: string): number | undefined {
  const value = asDouble(source?.[key]);
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}
