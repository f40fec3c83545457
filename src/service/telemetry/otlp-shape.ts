/**
 * Spans and measurements in the JSON of OTLP: ids in hex, whole numbers of 64 bits as text, enumerations as numbers, keys in lower camel
 * case. Pure.
 *
 * Source: OTLP 1.x, "JSON Protobuf Encoding"; opentelemetry-proto trace/v1, metrics/v1.
 */
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Family, Labels } from "../metrics/model.ts";
import type { Attributes, AttributeValue, OtelSpan } from "./spans.ts";

export interface OtlpResource {
  /** `service.name` and the like. */
  readonly attributes: Attributes;
  /** Name and version of what measures. */
  readonly scope: { readonly name: string; readonly version: string };
}

const spanKinds = { internal: 1, server: 2 } as const;
const statusCodes = { unset: 0, ok: 1, error: 2 } as const;
const cumulative = 2;

/** The body of `POST /v1/traces`. */
export function tracesBody(spans: readonly OtelSpan[], { attributes, scope }: OtlpResource): JsonObject {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributeList(attributes) },
        scopeSpans: [{ scope: { ...scope }, spans: spans.map(spanJson) }],
      },
    ],
  };
}

/** The body of `POST /v1/metrics`; sums and histograms count from `startedMs`. */
export function metricsBody(
  families: readonly Family[],
  startedMs: number,
  nowMs: number,
  { attributes, scope }: OtlpResource,
): JsonObject {
  const times = { startTimeUnixNano: nano(startedMs), timeUnixNano: nano(nowMs) };
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributeList(attributes) },
        scopeMetrics: [
          {
            scope: { ...scope },
            metrics: families
              .filter(({ series }) => series.length > 0)
              .map((family) => metricJson(family, times)),
          },
        ],
      },
    ],
  };
}

function spanJson(span: OtelSpan): JsonObject {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, status } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nano(startMs),
    endTimeUnixNano: nano(endMs),
    attributes: attributeList(attributes),
    status: {
      code: statusCodes[status.code],
      ...(status.message === undefined ? {} : { message: status.message }),
    },
  };
}

function metricJson(family: Family, times: Readonly<Record<string, string>>): JsonObject {
  const { name, help, unit, kind } = family;
  const about = { name, description: help, unit };
  if (kind === "histogram") {
    const dataPoints = family.series.map(({ labels, counts, sum, count }) => ({
      attributes: attributeList(labelAttributes(labels)),
      ...times,
      count: String(count),
      sum: double(sum),
      bucketCounts: counts.map(String),
      explicitBounds: [...family.bounds],
    }));
    return { ...about, histogram: { dataPoints, aggregationTemporality: cumulative } };
  }
  const dataPoints = family.series.map(({ labels, value }) => ({
    attributes: attributeList(labelAttributes(labels)),
    ...times,
    ...(unit !== "s" && Number.isSafeInteger(value) ? { asInt: String(value) } : { asDouble: double(value) }),
  }));
  return kind === "gauge"
    ? { ...about, gauge: { dataPoints } }
    : { ...about, sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic: kind === "counter" } };
}

/** Labels of akc's own get its prefix; those of the conventions have theirs. An empty one says nothing. */
function labelAttributes(labels: Labels): Attributes {
  const own: Readonly<Record<string, string>> = { tenant: "akc.tenant_id", repo: "akc.repo_id" };
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) =>
      value === "" ? [] : [[own[name] ?? (name.includes(".") ? name : `akc.${name}`), value]],
    ),
  );
}

function attributeList(attributes: Attributes): JsonValue {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueJson(value) }],
  );
}

function valueJson(value: AttributeValue): JsonObject {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: double(value) };
}

/** JSON has no number for them; the encoding has words. */
function double(value: number): JsonValue {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function nano(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}
