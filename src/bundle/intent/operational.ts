/**
 * Which observability bindings the criteria of an intent name. A criterion whose parameters break a rule names none:
 * it is judged elsewhere, here it only contributes nothing.
 *
 * Source: spec bundle §4.4 (a), (b).
 */
import { sortedByCodePoint } from "../../json/order.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { listAt, member, objectAt, objectsAt, textAt } from "../member.ts";
import {
  all,
  anything,
  decimal,
  fault,
  filledText,
  flag,
  integer,
  issuesOf,
  listOf,
  oneOf,
  orNull,
  type Rule,
  record,
  text,
} from "../shape/rule.ts";

export interface Observability {
  readonly otelQueryStubs: readonly string[];
  readonly intentTraceTags: readonly string[];
}

const stubPattern = /^[-A-Za-z0-9_.]{1,128}$/;
const closed = { closed: true };

/** The bindings of all criteria, sorted and without repetition; undefined when there are none. */
export function observabilityOf(criteria: readonly JsonObject[]): Observability | undefined {
  const stubs: string[] = [];
  const tags: string[] = [];
  for (const criterion of criteria) {
    const params = objectAt(criterion, "params");
    const mode = textAt(criterion, "evaluation_mode");
    if (mode === "operational_spec") {
      for (const stub of operationalStubs(params)) {
        stubs.push(stub);
        tags.push(`intent.oteld_stub:${stub}`);
      }
    }
    const stub = member(params, "otel_query_stub");
    if (mode === "metric_threshold" && typeof stub === "string" && stubPattern.test(stub)) {
      stubs.push(stub);
      tags.push(`intent.metric_oteld_stub:${stub}`);
    }
  }
  if (stubs.length === 0) return undefined;
  return {
    otelQueryStubs: sortedByCodePoint([...new Set(stubs)]),
    intentTraceTags: sortedByCodePoint([...new Set(tags)]),
  };
}

function operationalStubs(params: JsonObject): readonly string[] {
  if (issuesOf(params, operationalParams).length > 0) return [];
  return objectsAt(params, "signals").flatMap((signal) => {
    const stub = textAt(signal, "validator_stub") ?? textAt(signal, "otel_query_stub");
    return stub === undefined ? [] : [stub];
  });
}

const credential = /authorization|bearer[ :]|:\/\/|api_key|password|secret/i;
const payloadPath: Rule = (value, report) => {
  if (typeof value !== "string") return fault(report, "must be a string");
  if (credential.test(value)) fault(report, "must not look like a credential");
};
const stub = orNull(text({ pattern: stubPattern }));

const oneStub: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const validator = textAt(value, "validator_stub");
  const query = textAt(value, "otel_query_stub");
  if (validator !== undefined && query !== undefined && validator !== query) {
    fault(report, "validator_stub and otel_query_stub must agree");
  }
};

const signal = all(
  record(
    { evidence_type: filledText },
    { payload_path: orNull(payloadPath), otel_query_stub: stub, validator_stub: stub },
    closed,
  ),
  oneStub,
);

const rollupPath: Rule = (value, report) => {
  const sound =
    typeof value === "string" && value.startsWith(".akc/verification/") && !value.split("/").includes("..");
  if (!sound) fault(report, "must be a relative path under .akc/verification/");
};

const consistent: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const has = (key: string) => (member(value, key) ?? null) !== null;
  const threshold = textAt(value, "predicate_kind") === "threshold";
  const rolling = textAt(value, "window") === "rolling_ms";
  if (!threshold && (has("threshold") || has("threshold_comparator")))
    fault(report, "is no threshold predicate");
  if (threshold && !(has("threshold") && has("threshold_comparator"))) fault(report, "lacks its threshold");
  const rollingKeys = has("rolling_window_ms") && has("evidence_rollup_rel_path");
  if (rolling && !rollingKeys) fault(report, "lacks its rolling window");
  if (!rolling && (has("rolling_window_ms") || has("evidence_rollup_rel_path")))
    fault(report, "has no rolling window");
  const lists = ["signals", "expected_evidence_types", "otel_metric_signals", "composite_predicates"];
  if (lists.every((key) => listAt(value, key).length === 0)) fault(report, "looks at nothing");
};

const operationalParams: Rule = all(
  record(
    {},
    {
      spec_version: integer({ min: 1 }),
      window: oneOf(["single_run", "rolling_ms"]),
      predicate_kind: oneOf(["threshold", "presence"]),
      signals: listOf(signal),
      rolling_window_ms: orNull(integer({ min: 1 })),
      threshold: orNull(decimal()),
      threshold_comparator: orNull(oneOf(["gte", "lte", "eq"])),
      bundle_schema_version: orNull(integer({ min: 1 })),
      expected_evidence_types: listOf(filledText),
      evaluation_phase: oneOf(["compile", "post_runtime"]),
      max_resync_attempts_bound: orNull(integer({ min: 1 })),
      reject_failed_aggregate_terminal_health: flag,
      evidence_rollup_rel_path: orNull(rollupPath),
      otel_metric_signals: listOf(anything),
      composite_predicates: listOf(anything),
    },
    closed,
  ),
  consistent,
);
