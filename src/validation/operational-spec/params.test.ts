import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { readParams } from "./params.ts";

const signals = [{ evidence_type: "terminal_health" }];
const sound = { spec_version: 1, window: "single_run", predicate_kind: "presence", signals };
const rolling = {
  ...sound,
  window: "rolling_ms",
  rolling_window_ms: 1000,
  evidence_rollup_rel_path: ".akc/verification/w.json",
};
const fraction = {
  kind: "span_status_fraction",
  comparator: "gte",
  target: 1,
  status_good_value: "ok",
  max_spans: 3,
};
const ratio = {
  kind: "metric_counter_ratio",
  comparator: "lte",
  target: 0,
  numerator: { metric_name: "a" },
  denominator: { metric_name: "b", attributes: { code: "500" } },
  max_metric_points: 1,
  max_metric_series: 1,
};
const compare = { baseline_evidence_rollup_rel_path: ".akc/verification/b.json", ratio: { lte: 1 } };

/** Pointers of what is wrong. */
function faults(params: JsonValue): readonly string[] {
  const reading = readParams(params);
  return reading.kind === "malformed" ? reading.faults.map(({ path }) => path) : [];
}

function canonical(params: JsonObject): JsonObject {
  const reading = readParams(params);
  if (reading.kind !== "read") throw new Error("not read");
  return reading.canonical;
}

describe("sound params are read", () => {
  test.each([
    [sound],
    [rolling],
    [{ ...sound, signals: [], expected_evidence_types: ["x"] }],
    [{ ...sound, predicate_kind: "threshold", threshold: 0, threshold_comparator: "eq" }],
    [{ ...sound, composite_predicates: [fraction, ratio] }],
    [{ ...sound, compare, consecutive: 2, min_samples: 3, dry_run: true }],
    [{ ...sound, threshold: null, rolling_window_ms: null, compare: null, evaluation_phase: null }],
  ])("%j", (params) => {
    expect(faults(params)).toEqual([]);
    expect(readParams(params).kind).toBe("read");
  });
});

describe("unknown keys and wrong values are faults, at every level", () => {
  test.each([
    [{ ...sound, thresold: 1 }, "/thresold"],
    [{ ...sound, signals: [{ ...signals[0], path: "x" }] }, "/signals/0/path"],
    [{ ...sound, signals: [{ evidence_type: " " }] }, "/signals/0/evidence_type"],
    [{ ...sound, signals: [{ ...signals[0], validator_stub: "a b" }] }, "/signals/0/validator_stub"],
    [{ ...sound, signals: [{ ...signals[0], validator_stub: "a", otel_query_stub: "b" }] }, "/signals/0"],
    [{ ...sound, signals: [{ ...signals[0], payload_path: "x.API_KEY" }] }, "/signals/0/payload_path"],
    [{ ...sound, spec_version: true }, "/spec_version"],
    [{ ...sound, spec_version: 1.5 }, "/spec_version"],
    [{ ...sound, window: "single" }, "/window"],
    [{ ...sound, predicate_kind: "absence" }, "/predicate_kind"],
    [{ ...sound, threshold: 1 }, "/threshold"],
    [{ ...sound, predicate_kind: "threshold", threshold: 1 }, "/threshold_comparator"],
    [{ ...sound, rolling_window_ms: 1 }, "/rolling_window_ms"],
    [{ ...rolling, rolling_window_ms: 0 }, "/rolling_window_ms"],
    [{ ...rolling, evidence_rollup_rel_path: null }, "/evidence_rollup_rel_path"],
    [{ ...rolling, evidence_rollup_rel_path: ".akc/verification" }, "/evidence_rollup_rel_path"],
    [{ ...rolling, evidence_rollup_rel_path: ".akc/verification/" }, "/evidence_rollup_rel_path"],
    [{ ...rolling, evidence_rollup_rel_path: ".akc/verification/../w.json" }, "/evidence_rollup_rel_path"],
    [{ ...rolling, evidence_rollup_rel_path: "/.akc/verification/w.json" }, "/evidence_rollup_rel_path"],
    [{ ...sound, reject_failed_aggregate_terminal_health: 1 }, "/reject_failed_aggregate_terminal_health"],
    [{ ...sound, max_resync_attempts_bound: 0 }, "/max_resync_attempts_bound"],
    [{ ...sound, otel_metric_signals: [{ metric_name: "m", unit: "s" }] }, "/otel_metric_signals/0/unit"],
    [
      { ...sound, otel_metric_signals: [{ metric_name: "m", attributes: { a: 1 } }] },
      "/otel_metric_signals/0/attributes/a",
    ],
    [{ ...sound, composite_predicates: [{ ...fraction, kind: "other" }] }, "/composite_predicates/0/kind"],
    [{ ...sound, composite_predicates: [{ ...fraction, target: 1.1 }] }, "/composite_predicates/0/target"],
    [{ ...sound, composite_predicates: [{ ...ratio, max_spans: 1 }] }, "/composite_predicates/0/max_spans"],
    [
      { ...sound, composite_predicates: [{ ...ratio, numerator: { metric_name: "" } }] },
      "/composite_predicates/0/numerator/metric_name",
    ],
    [{ ...sound, compare: { ...compare, ratio: {} } }, "/compare/ratio"],
    [{ ...sound, compare: { ...compare, ratio: null } }, "/compare"],
    [{ ...sound, compare: { ...compare, ratio: { lte: "1" } } }, "/compare/ratio/lte"],
    [{ ...sound, consecutive: 0 }, "/consecutive"],
    [{ ...sound, signals: [], expected_evidence_types: ["x"], consecutive: 2 }, "/consecutive"],
    [{ ...sound, signals: [], expected_evidence_types: ["x"], compare }, "/compare"],
    [{ ...sound, dry_run: "yes" }, "/dry_run"],
    [{ ...sound, signals: [], expected_evidence_types: [" "] }, ""],
    [[], ""],
    ["presence", ""],
  ])("%j at %s", (params, at) => {
    expect(faults(params)).toEqual([at]);
  });

  test("all of them are told", () => {
    expect(faults({ signals: [{}], x: 1 })).toEqual([
      "/predicate_kind",
      "/signals/0/evidence_type",
      "/spec_version",
      "/window",
      "/x",
    ]);
  });
});

test("no params are none, and not malformed", () => {
  for (const none of [undefined, null, {}]) expect(readParams(none)).toEqual({ kind: "none" });
});

test("the canonical form has only what is set: akc's own keys too", () => {
  expect(Object.keys(canonical({ ...sound, dry_run: false, min_samples: null })).sort()).toEqual([
    "expected_evidence_types",
    "predicate_kind",
    "signals",
    "spec_version",
    "window",
  ]);
  expect(canonical({ ...sound, min_samples: 2, consecutive: 3, compare, dry_run: true })).toMatchObject({
    min_samples: 2,
    consecutive: 3,
    compare: { ratio: { lte: { value: 1 } } },
    dry_run: true,
  });
  expect(canonical({ ...sound, composite_predicates: [fraction] })).toMatchObject({
    composite_predicates: [{ target: { value: 1 } }],
  });
});
