/**
 * What holds of operational validity whatever the evidence is: no order matters, an error helps nobody, and nothing throws.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject, type JsonObject } from "../../src/json/value.ts";
import { InputsDigest } from "../../src/validation/operational-spec/attestation.ts";
import { evaluateCompilePhase } from "../../src/validation/operational-spec/compile-phase.ts";
import { criteriaOf, stubsOf } from "../../src/validation/operational-spec/criteria.ts";
import { evaluate, evaluateCriterion } from "../../src/validation/operational-spec/evaluate.ts";
import type { EvidenceRecord, SpecInputs } from "../../src/validation/operational-spec/model.ts";
import { readParams } from "../../src/validation/operational-spec/params.ts";
import { EvidenceIndex, recordJson } from "../../src/validation/operational-spec/records.ts";
import {
  captureType,
  criterion,
  inputs,
  journeyType,
  presence,
  query,
  queryType,
  row,
  soundRun,
} from "./operational-spec-world.ts";

const own = ["terminal_health", "reconcile_outcome", "reconcile_resource_status", "convergence_certificate"];
const types = [...own, queryType, journeyType, captureType, "retry_budget"];
const word = (...words: string[]) => fc.constantFrom(...words);

/** Few moments and ids, so that records meet. */
const records: fc.Arbitrary<EvidenceRecord> = fc
  .record({
    type: word(...types),
    run: word("a", "z"),
    at: fc.integer({ min: 0, max: 3 }),
    payload: fc.record(
      {
        binding_id: word("q", "r"),
        status: word("ok", "passed", "failed", "error"),
        verdict: word("pass", "fail", "inconclusive", "error"),
        summary: fc.record({ value: fc.oneof(fc.integer({ min: 0, max: 5 }), word("nan", "3")) }),
        aggregate: fc.boolean(),
        health_status: word("healthy", "degraded", "failed"),
        converged: fc.boolean(),
        applied: fc.boolean(),
        operation_type: word("noop", "update"),
        resource_id: word("api", "db"),
        attempts: fc.integer({ min: 1, max: 3 }),
        resync_completed_attempts: fc.integer({ min: 1, max: 3 }),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ type, run, at, payload }) => row(type, { ...payload }, at, run));

const signals = fc.record(
  {
    evidence_type: word(...types),
    payload_path: word("status", "summary.value", "health_status", "aggregate.health", "attempts"),
    validator_stub: word("q", "r"),
  },
  { requiredKeys: ["evidence_type"] },
);

const params: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      signals: fc.array(signals, { maxLength: 2 }),
      expected_evidence_types: fc.array(word(...types), { minLength: 1, maxLength: 3 }),
      max_resync_attempts_bound: fc.integer({ min: 1, max: 3 }),
      reject_failed_aggregate_terminal_health: fc.boolean(),
      otel_metric_signals: fc.constant([{ metric_name: "m" }]),
      composite_predicates: fc.constant([
        {
          kind: "span_status_fraction",
          comparator: "gte",
          target: 0.5,
          status_good_value: "ok",
          max_spans: 9,
        },
      ]),
      min_samples: fc.integer({ min: 1, max: 3 }),
      consecutive: fc.integer({ min: 1, max: 3 }),
      predicate: word("presence", "gte", "lte", "eq"),
    },
    { requiredKeys: ["expected_evidence_types", "predicate"] },
  )
  .map(({ predicate, ...rest }) => ({
    ...presence,
    ...(predicate === "presence"
      ? {}
      : { predicate_kind: "threshold", threshold: 3, threshold_comparator: predicate }),
    ...rest,
  }))
  .filter((given) => readParams(given).kind === "read");

const span = word("ok", "error").map((status) => ({ span: { name: "s", status } }));
const point = fc
  .record({ name: word("m", "n"), as_double: fc.double({ noNaN: true, noDefaultInfinity: true }) })
  .map((metric) => ({ metric }));

/** Inputs, and the same ones in another order. */
const twice = fc
  .tuple(
    fc.array(records, { maxLength: 12 }),
    fc.array(span, { maxLength: 5 }),
    fc.array(point, { maxLength: 5 }),
  )
  .chain(([rows, spans, points]) => {
    const shuffled = <Item>(items: readonly Item[]) =>
      fc.shuffledSubarray([...items], { minLength: items.length });
    const given = (
      evidence: readonly EvidenceRecord[],
      otel: JsonObject[],
      lines: JsonObject[],
    ): SpecInputs => inputs(evidence, { otel, metrics: { records: lines, rejectedReason: null } });
    return fc
      .tuple(shuffled(rows), shuffled(spans), shuffled(points))
      .map(([a, b, c]) => [given(rows, spans, points), given(a, b, c)] as const);
  });

test("the order of records and lines never changes a verdict or a digest", () => {
  fc.assert(
    fc.property(twice, params, ([given, shuffled], asked) => {
      expect(evaluate([criterion(asked)], shuffled)).toEqual(evaluate([criterion(asked)], given));
    }),
    { numRuns: 400 },
  );
});

/** Rows of which a subset now and then suffices. */
const good = [
  ...soundRun,
  row("convergence_certificate", { aggregate: true, converged: true, attempts: 1, health: "healthy" }, 25),
  ...[1, 2, 3].map((at) => query({ summary: { value: at } }, at)),
  row(journeyType, { binding_id: "r", status: "passed", assertions_failed: 0 }, 2),
  row(captureType, { binding_id: "q", status: "ok", capture_kind: "screenshot", artifact_path: "a.png" }, 2),
];
const wanted: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      signals: fc.subarray(
        [
          { evidence_type: queryType, payload_path: "summary.value", validator_stub: "q" },
          { evidence_type: journeyType, payload_path: "status" },
          { evidence_type: captureType, payload_path: "artifact_path", validator_stub: "q" },
          { evidence_type: "convergence_certificate", payload_path: "health" },
        ],
        { minLength: 1, maxLength: 2 },
      ),
      expected_evidence_types: fc.subarray([...own, queryType]),
      max_resync_attempts_bound: fc.integer({ min: 1, max: 3 }),
      reject_failed_aggregate_terminal_health: fc.boolean(),
      min_samples: fc.integer({ min: 1, max: 3 }),
      consecutive: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: ["signals"] },
  )
  .map((rest) => ({ ...presence, ...rest }));

test("an error that is added never turns what is no pass into a pass", () => {
  const failing = fc.constantFrom(
    { status: "error", verdict: "error", reason: "timeout" },
    { status: "error", verdict: null },
    { status: "blocked", verdict: null },
    { status: "ok", verdict: "inconclusive", reason: "no-data" },
  );
  // Nearly all that is wanted, so that a verdict hangs on one row.
  const rows = fc
    .tuple(
      fc.subarray(good, { maxLength: 3 }),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(records, { maxLength: 2 })),
    )
    .map(([dropped, others]) => [...good.filter((one) => !dropped.includes(one)), ...others]);
  const added = fc
    .tuple(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...good) }, records), fc.boolean())
    .map(([record, early]) => (early ? { ...record, timestamp: 0 } : record));
  const seen = { pass: 0, "no pass": 0 };
  fc.assert(
    fc.property(rows, wanted, added, failing, (evidence, asked, bad, why) => {
      const payload = { ...bad.payload, ...why };
      const before = evaluateCriterion(criterion(asked), inputs(evidence)).verdict;
      const after = evaluateCriterion(criterion(asked), inputs([...evidence, { ...bad, payload }])).verdict;
      seen[before === "pass" ? "pass" : "no pass"] += 1;
      if (before !== "pass") expect(after).not.toBe("pass");
    }),
    { numRuns: 2000 },
  );
  // Were there none of either, nothing would have been shown.
  expect(seen.pass).toBeGreaterThan(10);
  expect(seen["no pass"]).toBeGreaterThan(100);
});

test("params of any JSON are read, or refused with their faults, and never throw", () => {
  const keys = word("signals", "threshold", "window", "composite_predicates", "compare", "spec_version", "x");
  const nearly = fc
    .dictionary(keys, fc.jsonValue({ maxDepth: 3 }))
    .map((value) => JSON.stringify({ ...presence, ...value }));
  const refused = { none: 0, malformed: 0, read: 0 };
  fc.assert(
    fc.property(fc.oneof(fc.json(), nearly), (text) => {
      const value = parseJson(text);
      const reading = readParams(value);
      refused[reading.kind] += 1;
      if (reading.kind === "malformed") expect(reading.faults.length).toBeGreaterThan(0);
      const asked = { id: "sc", evaluation_mode: "operational_spec", params: value };
      const criteria = criteriaOf({
        intent_policy_projection: { success_criteria_summary: { criteria: [asked] } },
      });
      stubsOf(criteria);
      const { verdict } = evaluate(criteria, inputs());
      if (reading.kind !== "read" && criteria.length > 0) expect(verdict).not.toBe("pass");
      const params = isJsonObject(value) ? value : {};
      evaluateCompilePhase(criterion(params), { operational_compile_bundle: value });
    }),
    { numRuns: 1000 },
  );
  expect(refused.malformed).toBeGreaterThan(100);
});

test("what is canonical is read as the same and is its own canonical form", () => {
  fc.assert(
    fc.property(params, (asked) => {
      const first = readParams(asked);
      if (first.kind !== "read") throw new Error("not read");
      expect(readParams(first.canonical)).toEqual(first);
    }),
  );
});

test("the digest of inputs is the fingerprint of one object with all of them", () => {
  fc.assert(
    fc.property(twice, params, fc.boolean(), ([{ evidence, otel = [], metrics }], asked, whole) => {
      const rows = new EvidenceIndex(evidence).canonical.map(recordJson);
      const contract = whole ? { required_span_names: ["s"] } : null;
      const digest = new InputsDigest({
        evidence: rows,
        otelRecords: otel,
        otelRejectedReason: whole ? "other_scope" : null,
        otelContract: contract,
        ...(whole && metrics !== undefined ? { metrics } : {}),
      });
      const rollup = { error: "missing" };
      const own = whole ? { rollingRollup: rollup, baselineRollup: rollup } : {};
      expect(digest.of({ params: asked, bundleSchemaVersion: 4, ...own })).toBe(
        fingerprint({
          params: asked,
          evidence: rows,
          otel_records: otel,
          otel_contract: contract,
          runtime_bundle_schema_version: 4,
          ...(whole
            ? {
                otel_metric_records: metrics?.records ?? [],
                otel_metric_parse_rejected_reason: null,
                otel_trace_parse_rejected_reason: "other_scope",
                rolling_rollup: rollup,
                rollup_baseline: rollup,
              }
            : {}),
        }),
      );
    }),
    { numRuns: 50 },
  );
});

test("records are hashed by run, time and type, and those of one moment by their payload", () => {
  const rows = [
    row("b", { n: 1 }, 2, "r"),
    row("a", { n: 2 }, 2, "r"),
    row("z", {}, 1, "r"),
    row("z", {}, 3, "q"),
  ];
  const order = new EvidenceIndex(rows).canonical;
  expect(order.map((one) => `${one.runtime_run_id}${one.timestamp}${one.evidence_type}`)).toEqual([
    "q3z",
    "r1z",
    "r2a",
    "r2b",
  ]);
});
