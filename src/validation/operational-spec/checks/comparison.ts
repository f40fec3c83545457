/**
 * Comparison with a baseline: the same signal, or the same metric, over a window of runs before. Pure.
 * Without a number on both sides, or with a baseline of zero for a ratio, nothing can be told.
 *
 * Source: anchors §1.2, §1.9; the meaning is that of `sdk/measure.ts`.
 */
import type { JsonObject } from "../../../json/value.ts";
import { boundsJson } from "../canonical-params.ts";
import type { Check, MetricLines, Rollup } from "../model.ts";
import { floatJson, numericValue, violatedBounds } from "../number.ts";
import type { Comparison, MetricSelector, Params, Signal } from "../params.ts";
import { EvidenceIndex } from "../records.ts";
import { broken, checkOf, failed, type Outcome, passed, unknown, worstOutcome } from "../verdict.ts";
import { type MetricSum, sumOf } from "./metrics.ts";
import { enough, selectRecords, signalName, valueAt } from "./signals.ts";
import { outsideWindow } from "./window.ts";

export interface ComparisonInputs {
  readonly index: EvidenceIndex;
  readonly metrics: MetricLines | undefined;
  /** Undefined: nobody loaded it. */
  readonly baseline: Rollup | undefined;
}

/** Rows after the documented ones: one for each signal and each metric signal. */
export function comparisonChecks(
  comparison: Comparison,
  params: Params,
  { index, metrics, baseline }: ComparisonInputs,
): readonly Check[] {
  if (baseline?.kind !== "loaded") {
    const { reason, message } = baseline ?? { reason: "missing", message: "the baseline was not loaded" };
    return [checkOf(loadCheck, broken(reason, message), null)];
  }
  const outside = outsideWindow(baseline);
  if (outside.length > 0) {
    const evidence = { out_of_window_records: outside };
    return [checkOf(loadCheck, failed("window", "records lie outside the window of the baseline"), evidence)];
  }
  const before = new EvidenceIndex(baseline.records);
  const { minSamples } = params;
  return [
    ...params.signals.map((signal) => {
      const current = sideOfSignal(signal, index);
      const { outcome, evidence } = compared(comparison, minSamples, current, sideOfSignal(signal, before));
      const check = checkOf(`compare_signal:${signalName(signal)}`, outcome, evidence);
      return current.dryRun ? { ...check, dryRun: true } : check;
    }),
    ...params.metricSignals.map((selector, at) => {
      const sides = [sideOfMetric(selector, metrics), sideOfMetric(selector, baseline.metrics)] as const;
      const { outcome, evidence } = compared(comparison, minSamples, ...sides);
      return checkOf(`compare_metric_signal:${at}:${selector.metricName}`, outcome, evidence);
    }),
  ];
}

const loadCheck = "operational_evidence_baseline_load";

interface Side {
  /** Undefined where `outcome` is no pass. */
  readonly value: number | undefined;
  readonly outcome: Outcome;
  readonly samples: number;
  readonly dryRun: boolean;
}

function sideOfSignal(signal: Signal, index: EvidenceIndex): Side {
  const { entries, dryRun } = selectRecords(signal, index);
  const samples = entries.filter(({ standing }) => standing.outcome.verdict === "pass").length;
  const latest = entries.at(-1);
  const own = latest?.standing.outcome ?? unknown("no-data", `there is no record ${signal.evidenceType}`);
  if (latest === undefined || own.verdict !== "pass") {
    return { value: undefined, outcome: own, samples, dryRun };
  }
  const value = numericValue(valueAt(latest.record.payload, signal.payloadPath));
  const outcome =
    value === undefined ? unknown("no-data", `there is no number at ${signalName(signal)}`) : passed;
  return { value, outcome, samples, dryRun };
}

function sideOfMetric(selector: MetricSelector, metrics: MetricLines | undefined): Side {
  const { value, outcome, matched }: MetricSum = sumOf(selector, metrics);
  return { value, outcome, samples: matched, dryRun: false };
}

function compared(
  { ratio, absolute }: Comparison,
  minSamples: number | undefined,
  current: Side,
  baseline: Side,
): { readonly outcome: Outcome; readonly evidence: JsonObject } {
  const known = current.value !== undefined && baseline.value !== undefined;
  const difference = known ? finite((current.value ?? 0) - (baseline.value ?? 0)) : undefined;
  const quotient = known ? finite((current.value ?? 0) / (baseline.value ?? 1)) : undefined;
  const evidence = {
    current: current.value === undefined ? null : floatJson(current.value),
    baseline: baseline.value === undefined ? null : floatJson(baseline.value),
    ...(ratio === undefined ? {} : { ratio: jsonOf(quotient), expected_ratio: boundsJson(ratio) }),
    ...(absolute === undefined
      ? {}
      : { difference: jsonOf(difference), expected_difference: boundsJson(absolute) }),
  };
  const fewer = Math.min(current.samples, baseline.samples);
  const sides = worstOutcome([current.outcome, prefixed(baseline.outcome)]);
  if (!known || sides.verdict !== "pass") return { outcome: sides, evidence };
  const outcome = worstOutcome([
    ratio === undefined ? passed : within(quotient, ratio, "ratio"),
    absolute === undefined ? passed : within(difference, absolute, "difference"),
  ]);
  return { outcome: enough(outcome, { seen: fewer, wanted: minSamples, what: "samples" }), evidence };
}

function within(
  value: number | undefined,
  bounds: Parameters<typeof violatedBounds>[1],
  what: string,
): Outcome {
  if (value === undefined) return unknown("no-data", `there is no ${what} to this baseline`);
  const [violated] = violatedBounds(value, bounds);
  return violated === undefined
    ? passed
    : failed("threshold", `the ${what} to the baseline, ${value}, is not ${violated}`);
}

/** A baseline that is broken or fails is no failure of the run: against it nothing can be told. */
function prefixed(outcome: Outcome): Outcome {
  if (outcome.verdict === "pass") return outcome;
  const message = `baseline: ${outcome.message}`;
  return outcome.verdict === "fail" ? unknown("no-data", message) : { ...outcome, message };
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function jsonOf(value: number | undefined) {
  return value === undefined ? null : floatJson(value);
}
