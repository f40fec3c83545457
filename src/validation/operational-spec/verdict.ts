/**
 * How verdicts are told and folded: a check that passes, a check that does not and why, and the worst of many. Pure.
 * Nothing here turns what is not known into a pass.
 *
 * Source: spec reconcile §7.3; reconcile:W-29.
 */
import type { JsonObject } from "../../json/value.ts";
import type { Verdict } from "../../validators/contract.ts";
import type { Check } from "./model.ts";

const severity: Readonly<Record<Verdict, number>> = { pass: 0, inconclusive: 1, fail: 2, error: 3 };

/** `error` before `fail` before `inconclusive` before `pass`; of none of them `pass`. */
export function worstVerdict(verdicts: Iterable<Verdict>): Verdict {
  let worst: Verdict = "pass";
  for (const verdict of verdicts) if (severity[verdict] > severity[worst]) worst = verdict;
  return worst;
}

/** Negative where `left` is the better one. */
export function compareVerdicts(left: Verdict, right: Verdict): number {
  return severity[left] - severity[right];
}

/** What came of looking at one thing. */
export type Outcome =
  | { readonly verdict: "pass" }
  | { readonly verdict: Exclude<Verdict, "pass">; readonly reason: string; readonly message: string };

export const passed: Outcome = { verdict: "pass" };

export function failed(reason: string, message: string): Outcome {
  return { verdict: "fail", reason, message };
}

export function unknown(reason: string, message: string): Outcome {
  return { verdict: "inconclusive", reason, message };
}

export function broken(reason: string, message: string): Outcome {
  return { verdict: "error", reason, message };
}

/** The first of the worst. */
export function worstOutcome(outcomes: Iterable<Outcome>): Outcome {
  let worst = passed;
  for (const outcome of outcomes) {
    if (compareVerdicts(outcome.verdict, worst.verdict) > 0) worst = outcome;
  }
  return worst;
}

/** @param evidence what was looked at; null where there is nothing to show */
export function checkOf(name: string, outcome: Outcome, evidence: JsonObject | null): Check {
  return { name, ...outcome, evidence };
}
