/**
 * The canonical form of params, which is what fingerprints are taken of: equal meanings give equal forms. Pure.
 * It leaves out what is not set and adds no default, so that params without keys of akc's own keep their documented fingerprint.
 *
 * Source: spec reconcile §0.1, §7.1 ("Canonical form"), §12.
 */
import { doubleValue } from "../../json/number.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Bounds } from "./number.ts";
import type { Comparison, Composite, MetricSelector, Params, Signal } from "./params.ts";

/** What is hashed: nothing that is unset, nothing null, thresholds and targets as floats, whole numbers as such. */
export function canonicalParams(params: Params): JsonObject {
  const { predicate, rolling, comparison } = params;
  return {
    spec_version: params.specVersion,
    window: rolling === undefined ? "single_run" : "rolling_ms",
    predicate_kind: predicate.kind,
    signals: params.signals.map(canonicalSignal),
    expected_evidence_types: params.expectedEvidenceTypes,
    ...(rolling === undefined
      ? {}
      : { rolling_window_ms: rolling.windowMs, evidence_rollup_rel_path: rolling.rollupPath }),
    ...(predicate.kind === "presence"
      ? {}
      : { threshold: doubleValue(predicate.threshold), threshold_comparator: predicate.comparator }),
    ...set("bundle_schema_version", params.bundleSchemaVersion),
    ...(params.phase === "compile" ? { evaluation_phase: "compile" } : {}),
    ...set("max_resync_attempts_bound", params.resyncAttemptsMax),
    ...(params.rejectFailedHealth ? { reject_failed_aggregate_terminal_health: true } : {}),
    ...(params.metricSignals.length === 0
      ? {}
      : { otel_metric_signals: params.metricSignals.map(canonicalSelector) }),
    ...(params.composites.length === 0
      ? {}
      : { composite_predicates: params.composites.map(canonicalComposite) }),
    ...set("min_samples", params.minSamples),
    ...set("consecutive", params.consecutive),
    ...(comparison === undefined ? {} : { compare: canonicalComparison(comparison) }),
    ...(params.dryRun ? { dry_run: true } : {}),
  };
}

function canonicalSignal({ evidenceType, payloadPath, stub }: Signal): JsonObject {
  return {
    evidence_type: evidenceType,
    ...set("payload_path", payloadPath),
    ...set("validator_stub", stub),
  };
}

function canonicalSelector({ metricName, attributes }: MetricSelector): JsonObject {
  return { metric_name: metricName, ...(Object.keys(attributes).length === 0 ? {} : { attributes }) };
}

function canonicalComposite(composite: Composite): JsonObject {
  const { kind, comparator } = composite;
  const compared = { kind, comparator, target: doubleValue(composite.target) };
  if (composite.kind === "metric_counter_ratio") {
    return {
      ...compared,
      numerator: canonicalSelector(composite.numerator),
      denominator: canonicalSelector(composite.denominator),
      max_metric_points: composite.maxMetricPoints,
      max_metric_series: composite.maxMetricSeries,
    };
  }
  const { spanAttributes } = composite;
  return {
    ...compared,
    status_good_value: composite.statusGoodValue,
    max_spans: composite.maxSpans,
    ...set("span_name", composite.spanName),
    ...(Object.keys(spanAttributes).length === 0 ? {} : { span_attributes: spanAttributes }),
  };
}

function canonicalComparison({ rollupPath, ratio, absolute }: Comparison): JsonObject {
  return {
    baseline_evidence_rollup_rel_path: rollupPath,
    ...(ratio === undefined ? {} : { ratio: boundsJson(ratio) }),
    ...(absolute === undefined ? {} : { absolute: boundsJson(absolute) }),
  };
}

/** As floats. */
export function boundsJson(bounds: Bounds): JsonObject {
  return Object.fromEntries(Object.entries(bounds).map(([key, bound]) => [key, doubleValue(bound)]));
}

function set(key: string, value: JsonValue | undefined): JsonObject {
  return value === undefined ? {} : { [key]: value };
}
