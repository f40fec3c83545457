/**
 * Composite predicates: the share of good spans, and the ratio of two counters. Pure.
 * Nothing below the line, a counter without points, and more than may be looked at tell nothing, and never pass.
 *
 * Source: spec reconcile §7.5; reconcile:W-29; anchors §1.9 (a least number of requests).
 */
import { objectAt, textAt } from "../../../bundle/member.ts";
import { fingerprint } from "../../../json/fingerprint.ts";
import type { JsonObject } from "../../../json/value.ts";
import type { Check, MetricLines } from "../model.ts";
import { floatJson, holds } from "../number.ts";
import { metricPoints } from "../otel.ts";
import type { Composite, Params } from "../params.ts";
import { broken, checkOf, failed, type Outcome, passed, unknown } from "../verdict.ts";
import { hasAttributes, isPointOf, pointValue, sumOfAll } from "./metrics.ts";
import { enough } from "./signals.ts";
import type { Traces } from "./spans.ts";

export function compositeChecks(
  { composites, minSamples }: Params,
  traces: Traces,
  metrics: MetricLines | undefined,
): readonly Check[] {
  return composites.map((composite, at) =>
    composite.kind === "span_status_fraction"
      ? checkOf(`composite_span_status_fraction:${at}`, ...spanFraction(composite, minSamples, traces))
      : checkOf(`composite_metric_counter_ratio:${at}`, ...counterRatio(composite, minSamples, metrics)),
  );
}

type Judged = readonly [Outcome, JsonObject];
type SpanFraction = Extract<Composite, { kind: "span_status_fraction" }>;
type CounterRatio = Extract<Composite, { kind: "metric_counter_ratio" }>;

function spanFraction(composite: SpanFraction, minSamples: number | undefined, traces: Traces): Judged {
  const { statusGoodValue, maxSpans, spanName, spanAttributes } = composite;
  const matched = traces.records
    .map((line) => objectAt(line, "span"))
    .filter((span) => spanName === undefined || textAt(span, "name") === spanName)
    .filter((span) => hasAttributes(objectAt(span, "attributes"), spanAttributes));
  const good = matched.filter((span) => textAt(span, "status") === statusGoodValue).length;
  const total = matched.length;
  const fraction = total === 0 ? undefined : good / total;
  const evidence = {
    good_spans: good,
    matched_spans: total,
    fraction: fraction === undefined ? null : floatJson(fraction),
    target: floatJson(composite.target),
    comparator: composite.comparator,
    status_good_value: statusGoodValue,
    ...(minSamples === undefined ? {} : { min_samples: minSamples }),
  };
  if (traces.rejectedReason !== null) {
    return [broken("malformed", `the trace lines were refused: ${traces.rejectedReason}`), evidence];
  }
  if (fraction === undefined) return [unknown("no-data", "there is no such span"), evidence];
  if (total > maxSpans) {
    return [
      unknown("limited", `${total} spans are more than the ${maxSpans} that may be looked at`),
      evidence,
    ];
  }
  const count = { seen: total, wanted: minSamples, what: "spans" };
  return [enough(targetOutcome(fraction, composite), count), evidence];
}

function counterRatio(
  composite: CounterRatio,
  minSamples: number | undefined,
  metrics: MetricLines | undefined,
): Judged {
  const rejected = metrics?.rejectedReason ?? null;
  const points = metricPoints(metrics);
  const seriesDistinct = seriesOf(points, composite.maxMetricSeries);
  const above = points.filter((metric) => isPointOf(composite.numerator, metric));
  const below = points.filter((metric) => isPointOf(composite.denominator, metric));
  const numerator = above.length === 0 ? undefined : sumOfAll(above.map(pointValue));
  const denominator = below.length === 0 ? undefined : sumOfAll(below.map(pointValue));
  const ratio =
    numerator === undefined || denominator === undefined || denominator === 0
      ? undefined
      : numerator / denominator;
  const evidence = {
    numerator_sum: numerator === undefined ? null : floatJson(numerator),
    denominator_sum: denominator === undefined ? null : floatJson(denominator),
    ratio: ratio === undefined ? null : floatJson(ratio),
    target: floatJson(composite.target),
    comparator: composite.comparator,
    points_considered: points.length,
    series_distinct: seriesDistinct,
    ...(minSamples === undefined ? {} : { min_samples: minSamples }),
  };
  if (rejected !== null) return [broken("malformed", `the metric lines were refused: ${rejected}`), evidence];
  if (points.length > composite.maxMetricPoints) {
    return [unknown("limited", `more than ${composite.maxMetricPoints} points`), evidence];
  }
  if (seriesDistinct > composite.maxMetricSeries) {
    return [unknown("limited", `more than ${composite.maxMetricSeries} series`), evidence];
  }
  if (ratio === undefined || denominator === undefined) {
    return [unknown("no-data", "there are not two counters with a ratio"), evidence];
  }
  const count = { seen: denominator, wanted: minSamples, what: "counted below the line" };
  return [enough(targetOutcome(ratio, composite), count), evidence];
}

/** Of all metrics, not only the two. One more than the most is enough to know. */
function seriesOf(points: readonly JsonObject[], most: number): number {
  const series = new Set<string>();
  for (const metric of points) {
    series.add(
      fingerprint({ name: textAt(metric, "name") ?? "", attributes: objectAt(metric, "attributes") }),
    );
    if (series.size > most) break;
  }
  return series.size;
}

function targetOutcome(
  value: number,
  { comparator, target }: Pick<Composite, "comparator" | "target">,
): Outcome {
  return holds(value, comparator, target)
    ? passed
    : failed("threshold", `${value} is not ${comparator} ${target}`);
}
