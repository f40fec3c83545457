/**
 * The shape of an operational criterion's `params`, the one place where it is written down: closed at every level, with the keys that
 * akc adds to the documented ones. It only judges; what the parameters mean is known where they are evaluated.
 *
 * Source: spec reconcile §7.1, §7.2, §7.5; spec bundle §4.4; anchors §1.2 (dry run), §1.9 and §1.10 (least samples, comparison).
 */
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { listAt, member, textAt, textsAt } from "../member.ts";
import {
  all,
  decimal,
  fault,
  faultAt,
  filledText,
  flag,
  integer,
  listOf,
  type Members,
  mapOf,
  oneOf,
  orNull,
  type Report,
  type Rule,
  record,
  text,
} from "../shape/rule.ts";

export const stubPattern = /^[-A-Za-z0-9_.]{1,128}$/;
export const windows = ["single_run", "rolling_ms"] as const;
export const predicateKinds = ["presence", "threshold"] as const;
export const comparators = ["gte", "lte", "eq"] as const;
export const phases = ["compile", "post_runtime"] as const;
export const compositeKinds = ["span_status_fraction", "metric_counter_ratio"] as const;
/** Bounds of a comparison with a baseline; all that are given must hold. */
export const boundKeys = ["gte", "gt", "lte", "lt", "eq"] as const;

const closed = { closed: true };
const counted = integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

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

const attributes = orNull(mapOf(text()));
const metric = record({ metric_name: filledText }, { attributes }, closed);
const fraction = decimal({ min: 0, max: 1 });
const compared: Members = { comparator: oneOf(comparators), target: fraction };

const compositesByKind: ReadonlyMap<string, Rule> = new Map<(typeof compositeKinds)[number], Rule>([
  [
    "span_status_fraction",
    record(
      { kind: filledText, ...compared, status_good_value: filledText, max_spans: counted },
      { span_name: orNull(filledText), span_attributes: attributes },
      closed,
    ),
  ],
  [
    "metric_counter_ratio",
    record(
      {
        kind: filledText,
        ...compared,
        numerator: metric,
        denominator: metric,
        max_metric_points: counted,
        max_metric_series: counted,
      },
      {},
      closed,
    ),
  ],
]);

const composite: Rule = (value, report) => {
  if (!isJsonObject(value)) return fault(report, "must be an object");
  const kind = member(value, "kind");
  const rule = typeof kind === "string" ? compositesByKind.get(kind) : undefined;
  if (rule !== undefined) return rule(value, report);
  faultAt(report, ["kind"], `must be one of ${compositeKinds.map((word) => `"${word}"`).join(", ")}`);
};

const rollupPath: Rule = (value, report) => {
  if (typeof value === "string" && isRollupPath(value)) return;
  fault(report, "must be a relative path of a file under .akc/verification/");
};

/** Whether it names a file below `.akc/verification/` without a detour. */
export function isRollupPath(path: string): boolean {
  const parts = path.split("/");
  const plain = parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
  return plain && parts.length >= 3 && parts[0] === ".akc" && parts[1] === "verification";
}

const documentedRequired: Members = {
  spec_version: counted,
  window: oneOf(windows),
  predicate_kind: oneOf(predicateKinds),
};

const documentedOptional: Members = {
  signals: listOf(signal),
  rolling_window_ms: orNull(counted),
  threshold: orNull(decimal()),
  threshold_comparator: orNull(oneOf(comparators)),
  bundle_schema_version: orNull(counted),
  expected_evidence_types: listOf(text()),
  evaluation_phase: orNull(oneOf(phases)),
  max_resync_attempts_bound: orNull(counted),
  reject_failed_aggregate_terminal_health: orNull(flag),
  evidence_rollup_rel_path: orNull(rollupPath),
  otel_metric_signals: listOf(metric),
  composite_predicates: listOf(composite),
};

const something: Rule = (value, report) => {
  if (isJsonObject(value) && boundKeys.every((key) => lacks(value, key))) fault(report, "bounds nothing");
};
const bounds = all(
  record({}, Object.fromEntries(boundKeys.map((key) => [key, orNull(decimal())])), closed),
  something,
);

const comparison: Rule = all(
  record(
    { baseline_evidence_rollup_rel_path: rollupPath },
    { ratio: orNull(bounds), absolute: orNull(bounds) },
    closed,
  ),
  (value, report) => {
    if (isJsonObject(value) && lacks(value, "ratio") && lacks(value, "absolute")) {
      fault(report, "needs a ratio or an absolute bound");
    }
  },
);

/** Keys of akc's own. */
const additive: Members = {
  min_samples: orNull(counted),
  consecutive: orNull(counted),
  compare: orNull(comparison),
  dry_run: orNull(flag),
};

const consistent: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const threshold = textAt(value, "predicate_kind") === "threshold";
  const rolling = textAt(value, "window") === "rolling_ms";
  together(value, report, threshold, ["threshold", "threshold_comparator"], "a threshold predicate");
  together(value, report, rolling, ["rolling_window_ms", "evidence_rollup_rel_path"], "a rolling window");
  const lists = ["signals", "otel_metric_signals", "composite_predicates"];
  const nothing = lists.every((key) => listAt(value, key).length === 0);
  if (nothing && textsAt(value, "expected_evidence_types").length === 0) fault(report, "looks at nothing");
};

const additiveConsistent: Rule = (value, report) => {
  if (!isJsonObject(value)) return;
  const without = (...keys: string[]) => keys.every((key) => listAt(value, key).length === 0);
  if (!lacks(value, "consecutive") && without("signals")) {
    faultAt(report, ["consecutive"], "counts records of signals, and there are none");
  }
  if (!lacks(value, "compare") && without("signals", "otel_metric_signals")) {
    faultAt(report, ["compare"], "compares signals and metric signals, and there are none");
  }
  if (!lacks(value, "min_samples") && without("signals", "otel_metric_signals", "composite_predicates")) {
    faultAt(report, ["min_samples"], "counts samples of signals, metrics or composites, and there are none");
  }
};

/** The documented keys alone: what every reader of a bundle agrees upon. */
export const documentedOperationalParams: Rule = all(
  record(documentedRequired, documentedOptional, closed),
  consistent,
);

/** With akc's own keys. */
export const operationalParams: Rule = all(
  record(documentedRequired, { ...documentedOptional, ...additive }, closed),
  consistent,
  additiveConsistent,
);

/** Absent, or null, which is the same here. */
function lacks(value: JsonObject, key: string): boolean {
  return (member(value, key) ?? null) === null;
}

function together(
  value: JsonObject,
  report: Report,
  wanted: boolean,
  keys: readonly string[],
  what: string,
): void {
  for (const key of keys) {
    if (lacks(value, key) !== wanted) continue;
    faultAt(report, [key], wanted ? `is required for ${what}` : `may stand only with ${what}`);
  }
}
