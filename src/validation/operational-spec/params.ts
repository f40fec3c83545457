/**
 * Reads the params of an operational criterion into what they mean, and into the canonical form that is hashed. Pure.
 * It never drops a criterion: params that break a rule are told with every fault.
 *
 * Source: spec reconcile §7.1, §7.2, §7.5; reconcile:W-04c; the rules stand in `bundle/intent/operational-params.ts`.
 */
import { boundKeys, operationalParams, type predicateKinds } from "../../bundle/intent/operational-params.ts";
import { member, objectAt, objectsAt, requiredText, textAt, textsAt } from "../../bundle/member.ts";
import { issuesOf } from "../../bundle/shape/rule.ts";
import type { Issue } from "../../errors.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { canonicalParams } from "./canonical-params.ts";
import type { Bounds, Comparator } from "./number.ts";

export interface Signal {
  readonly evidenceType: string;
  /** Absent: the whole payload. */
  readonly payloadPath?: string;
  /** Id of the binding whose records alone count. */
  readonly stub?: string;
}

export interface MetricSelector {
  readonly metricName: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Compared {
  readonly comparator: Comparator;
  /** 0 to 1. */
  readonly target: number;
}

export type Composite =
  | (Compared & {
      readonly kind: "span_status_fraction";
      readonly statusGoodValue: string;
      readonly maxSpans: number;
      readonly spanName?: string;
      readonly spanAttributes: Readonly<Record<string, string>>;
    })
  | (Compared & {
      readonly kind: "metric_counter_ratio";
      readonly numerator: MetricSelector;
      readonly denominator: MetricSelector;
      readonly maxMetricPoints: number;
      readonly maxMetricSeries: number;
    });

export type Predicate =
  | { readonly kind: "presence" }
  | { readonly kind: "threshold"; readonly threshold: number; readonly comparator: Comparator };

export interface Comparison {
  readonly rollupPath: string;
  /** Of current / baseline. */
  readonly ratio?: Bounds;
  /** Of current − baseline. */
  readonly absolute?: Bounds;
}

export interface Params {
  readonly specVersion: number;
  readonly phase: "compile" | "post_runtime";
  /** Absent: the run alone. */
  readonly rolling?: { readonly windowMs: number; readonly rollupPath: string };
  readonly predicate: Predicate;
  readonly signals: readonly Signal[];
  readonly expectedEvidenceTypes: readonly string[];
  readonly metricSignals: readonly MetricSelector[];
  readonly composites: readonly Composite[];
  readonly bundleSchemaVersion?: number;
  readonly resyncAttemptsMax?: number;
  readonly rejectFailedHealth: boolean;
  /** Fewer are too few to tell: records of a signal, points of a metric, spans, and the count below a ratio's line. */
  readonly minSamples?: number;
  /** So many newest records of each signal must hold. */
  readonly consecutive?: number;
  readonly comparison?: Comparison;
  readonly dryRun: boolean;
}

export type ParamsReading =
  /** Documented as "no params": there is nothing to judge by, which is no pass. */
  | { readonly kind: "none" }
  | { readonly kind: "malformed"; readonly faults: readonly Issue[] }
  | { readonly kind: "read"; readonly params: Params; readonly canonical: JsonObject };

export function readParams(source: JsonValue | undefined): ParamsReading {
  if (source === undefined || source === null) return { kind: "none" };
  if (isJsonObject(source) && Object.keys(source).length === 0) return { kind: "none" };
  const faults = issuesOf(source, operationalParams);
  if (faults.length > 0 || !isJsonObject(source)) return { kind: "malformed", faults };
  const params = paramsOf(source);
  return { kind: "read", params, canonical: canonicalParams(params) };
}

function paramsOf(source: JsonObject): Params {
  const rolling = requiredText(source, "window") === "rolling_ms";
  return {
    specVersion: count(source, "spec_version"),
    phase: textAt(source, "evaluation_phase") === "compile" ? "compile" : "post_runtime",
    ...(rolling
      ? {
          rolling: {
            windowMs: count(source, "rolling_window_ms"),
            rollupPath: requiredText(source, "evidence_rollup_rel_path"),
          },
        }
      : {}),
    predicate: predicateOf(source),
    signals: objectsAt(source, "signals").map(signalOf),
    expectedEvidenceTypes: textsAt(source, "expected_evidence_types"),
    metricSignals: objectsAt(source, "otel_metric_signals").map(selectorOf),
    composites: objectsAt(source, "composite_predicates").map(compositeOf),
    ...optionalCount(source, "bundle_schema_version", "bundleSchemaVersion"),
    ...optionalCount(source, "max_resync_attempts_bound", "resyncAttemptsMax"),
    rejectFailedHealth: member(source, "reject_failed_aggregate_terminal_health") === true,
    ...optionalCount(source, "min_samples", "minSamples"),
    ...optionalCount(source, "consecutive", "consecutive"),
    ...(isJsonObject(member(source, "compare"))
      ? { comparison: comparisonOf(objectAt(source, "compare")) }
      : {}),
    dryRun: member(source, "dry_run") === true,
  };
}

function predicateOf(source: JsonObject): Predicate {
  const kind: (typeof predicateKinds)[number] =
    requiredText(source, "predicate_kind") === "threshold" ? "threshold" : "presence";
  if (kind === "presence") return { kind };
  return {
    kind,
    threshold: decimal(source, "threshold"),
    comparator: comparatorOf(source, "threshold_comparator"),
  };
}

function signalOf(source: JsonObject): Signal {
  const payloadPath = textAt(source, "payload_path");
  const stub = textAt(source, "validator_stub") ?? textAt(source, "otel_query_stub");
  return {
    evidenceType: requiredText(source, "evidence_type"),
    ...(payloadPath === undefined ? {} : { payloadPath }),
    ...(stub === undefined ? {} : { stub }),
  };
}

function selectorOf(source: JsonObject): MetricSelector {
  return {
    metricName: requiredText(source, "metric_name"),
    attributes: attributesOf(source, "attributes"),
  };
}

function compositeOf(source: JsonObject): Composite {
  const compared = {
    comparator: comparatorOf(source, "comparator"),
    target: decimal(source, "target"),
  };
  const spanName = textAt(source, "span_name");
  return requiredText(source, "kind") === "span_status_fraction"
    ? {
        kind: "span_status_fraction",
        ...compared,
        statusGoodValue: requiredText(source, "status_good_value"),
        maxSpans: count(source, "max_spans"),
        ...(spanName === undefined ? {} : { spanName }),
        spanAttributes: attributesOf(source, "span_attributes"),
      }
    : {
        kind: "metric_counter_ratio",
        ...compared,
        numerator: selectorOf(objectAt(source, "numerator")),
        denominator: selectorOf(objectAt(source, "denominator")),
        maxMetricPoints: count(source, "max_metric_points"),
        maxMetricSeries: count(source, "max_metric_series"),
      };
}

function comparisonOf(source: JsonObject): Comparison {
  const bounds = (key: "ratio" | "absolute") => {
    const given = member(source, key);
    if (!isJsonObject(given)) return {};
    const entries = boundKeys.flatMap((name) => {
      const bound = asDouble(member(given, name));
      return bound === undefined ? [] : [[name, bound] as const];
    });
    return { [key]: Object.fromEntries(entries) };
  };
  return {
    rollupPath: requiredText(source, "baseline_evidence_rollup_rel_path"),
    ...bounds("ratio"),
    ...bounds("absolute"),
  };
}

function comparatorOf(source: JsonObject, key: string): Comparator {
  const word = requiredText(source, key);
  return word === "gte" || word === "lte" ? word : "eq";
}

/** A whole number that the rules found safe. */
function count(source: JsonObject, key: string): number {
  return Math.trunc(decimal(source, key));
}

function decimal(source: JsonObject, key: string): number {
  return asDouble(member(source, key)) ?? Number.NaN;
}

function optionalCount<Name extends string>(
  source: JsonObject,
  key: string,
  name: Name,
): Partial<Record<Name, number>> {
  const value = asDouble(member(source, key));
  // A computed key widens to a string, so the record is told what it has.
  const named: Partial<Record<Name, number>> = {};
  if (value !== undefined) named[name] = value;
  return named;
}

function attributesOf(source: JsonObject, key: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(objectAt(source, key)).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}
