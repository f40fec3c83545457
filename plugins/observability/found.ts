/**
 * The verdict where things were looked for: on a search for traces, which tells only whether there are any, and wherever nothing
 * was found. To find nothing is no count of zero: nobody knows whether anything was written.
 */
import type { Expectation, Verdict } from "akc/sdk";
import type { QueryBinding } from "./binding.ts";
import type { Seen } from "./dialect.ts";
import { malformed } from "./refused.ts";

type Traces = Extract<Seen, { readonly kind: "traces" }>;

/** `observed.value` is 1 where there are any. @throws Refused */
export function foundOf(
  { count, newestMs }: Traces,
  { expect, compare, consecutive, minSamples, maxAgeMs, noData }: QueryBinding,
  nowMs: number,
): Pick<Verdict, "verdict" | "reason" | "message" | "observed"> {
  if (compare !== undefined || consecutive !== undefined || minSamples !== undefined) {
    throw malformed(
      "a search tells whether there are traces; take count_over_time() of them to compare or count",
    );
  }
  if (count === 0) return noneFound("trace", noData);
  const observed = { value: 1 };
  if (maxAgeMs !== undefined && !(nowMs - newestMs <= maxAgeMs)) {
    const message = `the newest trace began more than ${maxAgeMs} ms ago`;
    return { verdict: "inconclusive", reason: "stale", message, observed: {} };
  }
  const verdict = underAnyCount(expect);
  if (verdict === "pass") return { verdict, message: "there are traces", observed };
  if (verdict === "fail") {
    return { verdict, reason: "threshold", message: "there are traces where none is expected", observed };
  }
  const message = "a search does not tell how many traces there are; take count_over_time() of them";
  return { verdict: "inconclusive", reason: "limited", message, observed: {} };
}

/** @param thing what was looked for, e.g. `line` */
export function noneFound(
  thing: string,
  noData: QueryBinding["noData"],
): Pick<Verdict, "verdict" | "reason" | "message" | "observed"> {
  const message = `no data: no ${thing} was found`;
  const observed = {};
  switch (noData) {
    case "pass":
      return { verdict: "pass", message: `${message}; that is taken for a pass`, observed };
    case "fail":
      return {
        verdict: "fail",
        reason: "no-data",
        message: `${message}; that is taken for a failure`,
        observed,
      };
    default:
      return {
        verdict: "inconclusive",
        reason: "no-data",
        message: `${message} (where that is as it should be, say \`no_data: pass\`)`,
        observed,
      };
  }
}

/** Whether one trace or more meet the expectation, however many they are; undefined where that depends. */
function underAnyCount({ gte, gt, lte, lt, eq }: Expectation = {}): "pass" | "fail" | undefined {
  const neverMet =
    (lte !== undefined && lte < 1) || (lt !== undefined && lt <= 1) || (eq !== undefined && eq < 1);
  if (neverMet) return "fail";
  const hasUpper = lte !== undefined || lt !== undefined || eq !== undefined;
  const alwaysMet = !hasUpper && (gte === undefined || gte <= 1) && (gt === undefined || gt < 1);
  return alwaysMet ? "pass" : undefined;
}
