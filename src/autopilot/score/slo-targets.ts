/**
 * The documented targets of scoreboards: which KPI must be how large, in how many windows one after the other. Reads text into what
 * is checked, and knows the targets that hold where no file says anything else.
 *
 * Source: spec cli §16.3; spec reconcile §11.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";

export const comparators = ["gte", "lte", "gt", "lt"] as const;
export type Comparator = (typeof comparators)[number];

export interface SloTarget {
  readonly metric: string;
  readonly comparator: Comparator;
  readonly expected: number;
}

export interface SloTargets {
  readonly requiredWindows: number;
  readonly targets: readonly SloTarget[];
}

const windowsUsual = 2;
const windowsMax = 1_000;

const Bound = v.strictObject(
  {
    gte: v.optional(v.number("must be a number")),
    lte: v.optional(v.number("must be a number")),
    gt: v.optional(v.number("must be a number")),
    lt: v.optional(v.number("must be a number")),
  },
  `must be a map of ${comparators.join(", ")}`,
);

/** Keys beside these are left to others: the file of the old runtime has some. */
const File = v.object({
  window: v.optional(
    v.object({
      required_consecutive_windows: v.nullish(
        v.pipe(
          v.number("must be a number"),
          v.safeInteger("must be whole"),
          v.minValue(0),
          v.maxValue(windowsMax),
        ),
      ),
    }),
  ),
  kpi_targets: v.record(v.string(), Bound, "must be a map of KPIs"),
});

/**
 * A count of windows that is absent, null or 0 means 2, as it always did.
 * @throws AkcError USAGE with every fault and its place; JSON_* for what is no JSON
 */
export function readSloTargets(text: string | Uint8Array, path: string): SloTargets {
  const read = v.safeParse(
    File,
    toPlain(parseJson(text, { textBytesMax: limits.autopilotScoreboardBytesMax })),
  );
  if (!read.success) {
    throw new AkcError("USAGE", {
      message: "the targets are not valid",
      details: { path },
      hint: "Compare them with configs/slo/reliability_scoreboard_targets.json.",
      issues: read.issues.map((issue) => ({
        path: `/${(issue.path ?? []).map(({ key }) => String(key)).join("/")}`,
        message: issue.message,
      })),
    });
  }
  const { window, kpi_targets: kpis } = read.output;
  return {
    requiredWindows: window?.required_consecutive_windows || windowsUsual,
    targets: Object.entries(kpis).flatMap(([metric, bound]) =>
      comparators.flatMap((comparator) => {
        const expected = bound[comparator];
        return expected === undefined ? [] : [{ metric, comparator, expected }];
      }),
    ),
  };
}

/** Those that akc ships as `configs/slo/reliability_scoreboard_targets.json`. */
export const usualTargets: SloTargets = {
  requiredWindows: windowsUsual,
  targets: [
    { metric: "policy_compliance_rate", comparator: "gte", expected: 0.95 },
    { metric: "rollbacks_total", comparator: "lte", expected: 0 },
    { metric: "convergence_latency_ms_avg", comparator: "lte", expected: 60_000 },
    { metric: "mttr_like_repair_latency_ms_avg", comparator: "lte", expected: 60_000 },
    { metric: "compression_factor_vs_baseline_avg", comparator: "gte", expected: 1 },
    { metric: "failed_promotions_prevented", comparator: "gte", expected: 0 },
  ],
};
