import { expect, test } from "bun:test";
import type { JsonValue } from "../../json/value.ts";
import {
  askedSignals,
  compileCriteriaFrom,
  criteriaFrom,
  criteriaOf,
  rollupPathsOf,
  stubsOf,
} from "./criteria.ts";
import { readParams } from "./params.ts";

const presence = { spec_version: 1, window: "single_run", predicate_kind: "presence" };
const signal = (evidence_type: string, validator_stub: string) => ({ evidence_type, validator_stub });
const bundle = (...criteria: readonly JsonValue[]) => ({
  intent_policy_projection: { success_criteria_summary: { criteria } },
});
const asked = (id: string, params?: JsonValue, more: { readonly [key: string]: JsonValue } = {}) => ({
  id,
  evaluation_mode: "operational_spec",
  ...(params === undefined ? {} : { params }),
  ...more,
});

test("criteria are those of mode operational_spec and of the run, by id", () => {
  const criteria = criteriaOf(
    bundle(
      asked("z", { ...presence, expected_evidence_types: ["x"] }),
      { id: "t", evaluation_mode: "tests" },
      asked("c", { ...presence, expected_evidence_types: ["x"], evaluation_phase: "compile" }),
      asked("a", { spec_version: 0 }, { advisory: true }),
      asked("", presence, { advisory: "yes" }),
    ),
  );
  expect(criteria.map(({ id, advisory }) => [id, advisory])).toEqual([
    ["a", true],
    ["operational_spec", false],
    ["z", false],
  ]);
});

test("a criterion is never dropped for what its params are", () => {
  const criteria = criteriaOf(
    bundle(asked("a", "none"), asked("b", []), asked("c", null), asked("d"), asked("e", { x: 1 })),
  );
  expect(criteria.map(({ id, params }) => [id, readParams(params).kind])).toEqual([
    ["a", "malformed"],
    ["b", "malformed"],
    ["c", "none"],
    ["d", "none"],
    ["e", "malformed"],
  ]);
});

test("each criterion is of the run or of the compile, and of one of them", () => {
  const all = [asked("a", { evaluation_phase: "compile", x: 1 }), asked("b", { evaluation_phase: "later" })];
  expect(compileCriteriaFrom(all).map(({ id }) => id)).toEqual(["a"]);
  expect(criteriaFrom(all).map(({ id }) => id)).toEqual(["b"]);
});

test("stubs are those of signals that can be read, each once, with who names them", () => {
  const criteria = criteriaOf(
    bundle(
      asked("b", { ...presence, signals: [signal("akc_mobile_journey_result", "pay"), signal("x", "slo")] }),
      asked("a", {
        ...presence,
        signals: [{ evidence_type: "y", otel_query_stub: "slo" }, { evidence_type: "z" }, signal("w", "slo")],
      }),
      asked("c", { ...presence, signals: [signal("x", "never")], colour: 1 }),
    ),
  );
  expect(stubsOf(criteria)).toEqual([
    { stub: "pay", evidenceType: "akc_mobile_journey_result", criterionIds: ["b"] },
    { stub: "slo", evidenceType: "y", criterionIds: ["a", "b"] },
  ]);
  expect(askedSignals(criteria).map(({ stub, criterionId }) => `${stub} ${criterionId}`)).toEqual([
    "pay b",
    "slo a",
    "slo a",
    "slo b",
  ]);
});

test("rollups are those of windows and of baselines", () => {
  const path = (name: string) => `.akc/verification/${name}.json`;
  const rolling = {
    ...presence,
    window: "rolling_ms",
    rolling_window_ms: 5,
    evidence_rollup_rel_path: path("w"),
    signals: [{ evidence_type: "x" }],
    compare: { baseline_evidence_rollup_rel_path: path("b"), ratio: { lte: 1 } },
  };
  expect(rollupPathsOf(criteriaOf(bundle(asked("a", rolling), asked("b", rolling))))).toEqual([
    path("b"),
    path("w"),
  ]);
});
