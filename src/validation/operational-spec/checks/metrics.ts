/**
 * Metric signals: the points of the metric sidecar that a selector means, and their sum. Pure.
 * No sidecar and no point is no data, and never a sum of zero.
 *
 * Source: spec reconcile §7.4 (13, 14), §7.6; reconcile:W-29.
 */
import { member, objectAt, textAt } from "../../../bundle/member.ts";
import { asDouble, type JsonObject } from "../../../json/value.ts";
import type { Check, MetricLines } from "../model.ts";
import { floatJson } from "../number.ts";
import { metricPoints } from "../otel.ts";
import type { MetricSelector, Params } from "../params.ts";
import { broken, checkOf, type Outcome, passed, unknown } from "../verdict.ts";
import { enough, thresholdOutcome } from "./signals.ts";

/** The points that it names, with all of its attributes. */
export function pointsOf(selector: MetricSelector, metrics: MetricLines | undefined): readonly JsonObject[] {
  return metricPoints(metrics).filter((metric) => isPointOf(selector, metric));
}

export function isPointOf({ metricName, attributes }: MetricSelector, metric: JsonObject): boolean {
  return textAt(metric, "name") === metricName && hasAttributes(objectAt(metric, "attributes"), attributes);
}

export function hasAttributes(object: JsonObject, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => member(object, key) === value);
}

/** `as_double`, else `as_int`; undefined for a point without a number. */
export function pointValue(metric: JsonObject): number | undefined {
  const value = asDouble(member(metric, "as_double")) ?? asDouble(member(metric, "as_int"));
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

export interface MetricSum {
  /** Undefined where `outcome` is no pass. */
  readonly value: number | undefined;
  readonly outcome: Outcome;
  readonly matched: number;
}

/** The sum of floats depends on their order: it is that of the lines, which are sorted before anybody looks. */
export function sumOf(selector: MetricSelector, metrics: MetricLines | undefined): MetricSum {
  const points = pointsOf(selector, metrics);
  const matched = points.length;
  const without = (reason: Outcome): MetricSum => ({ value: undefined, outcome: reason, matched });
  const rejected = metrics?.rejectedReason ?? null;
  if (rejected !== null) return without(broken("malformed", `the metric lines were refused: ${rejected}`));
  if (matched === 0) return without(unknown("no-data", `there is no point of ${selector.metricName}`));
  const value = sumOfAll(points.map(pointValue));
  if (value === undefined)
    return without(unknown("no-data", `a point of ${selector.metricName} has no number`));
  return { value, outcome: passed, matched };
}

/** Undefined when one of them is no number, or their sum is none. */
export function sumOfAll(values: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    sum += value;
  }
  return Number.isFinite(sum) ? sum : undefined;
}

export function metricChecks(params: Params, metrics: MetricLines | undefined): readonly Check[] {
  const rejected = metrics?.rejectedReason ?? null;
  const refusal = broken("malformed", `the metric lines were refused: ${rejected}`);
  return [
    ...(rejected === null
      ? []
      : [checkOf("otel_metrics_ndjson_parse", refusal, { rejected_reason: rejected })]),
    ...params.metricSignals.map((selector, at) => metricCheck(selector, at, params, metrics)),
  ];
}

function metricCheck(
  selector: MetricSelector,
  at: number,
  { predicate, minSamples }: Params,
  metrics: MetricLines | undefined,
): Check {
  const { metricName, attributes } = selector;
  const name = `otel_metric_signal:${at}:${metricName}`;
  const sum = sumOf(selector, metrics);
  const count = { seen: sum.matched, wanted: minSamples, what: "points" };
  const shared = { metric_name: metricName, matched_points: sum.matched };
  const least = minSamples === undefined ? {} : { min_samples: minSamples };
  if (predicate.kind === "presence") {
    // What is there is there, with a number or without.
    const outcome = sum.matched > 0 ? passed : sum.outcome;
    return checkOf(name, enough(outcome, count), { ...shared, selector_attributes: attributes, ...least });
  }
  const outcome = sum.value === undefined ? sum.outcome : thresholdOutcome(sum.value, predicate);
  return checkOf(name, enough(outcome, count), {
    ...shared,
    aggregated_value: sum.value === undefined ? null : floatJson(sum.value),
    threshold: floatJson(predicate.threshold),
    comparator: predicate.comparator,
    ...least,
  });
}
