/**
 * What judging a run by its criteria costs, as its evidence grows: the evaluation itself, in process, beside the digest over the same
 * rows, which nobody who attests them can spare, and beside the engine's own parser, which everybody needs who reads them.
 */
import { prettyJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonArray, JsonObject } from "../../src/json/value.ts";
import { evaluate } from "../../src/validation/operational-spec/evaluate.ts";
import type { Criterion, EvidenceRecord } from "../../src/validation/operational-spec/model.ts";
import { recordJson } from "../../src/validation/operational-spec/records.ts";
import { type BenchRow, medianMs, printRows } from "./row.ts";

const sizes = [10_000, 100_000];
const criteria = 10;

export async function benchValidity(): Promise<readonly BenchRow[]> {
  return sizes.flatMap((rows) => evaluating(rows));
}

function evaluating(rows: number): readonly BenchRow[] {
  const evidence = Array.from({ length: rows }, (_, index) => record(index));
  const json: JsonArray = evidence.map(recordJson);
  const text = prettyJson(json);
  const judged = Array.from({ length: criteria }, (_, index) => criterion(index));
  const inputs = { evidence, bundleSchemaVersion: 4, rollups: new Map() };
  const { verdict } = evaluate(judged, inputs);
  if (verdict !== "pass") throw new Error(`the verdict is ${verdict}`);
  const times = medianMs(7, {
    parse: () => JSON.parse(text),
    digest: () => fingerprint(json),
    one: () => evaluate(judged.slice(0, 1), inputs),
    all: () => evaluate(judged, inputs),
  });
  const of = (name: string) => times.get(name) ?? Number.NaN;
  const besideDigest = (name: string) => ({ baseline: "digest of the rows", ratio: of(name) / of("digest") });
  const said = `${rows} rows of evidence`;
  return [
    { name: `JSON.parse of ${said}, ${(text.length / 1e6).toFixed(1)} MB`, value: of("parse"), unit: "ms" },
    { name: `digest of ${said}`, value: of("digest"), unit: "ms" },
    { name: `one criterion over ${said}`, value: of("one"), unit: "ms", ...besideDigest("one") },
    { name: `${criteria} criteria over ${said}`, value: of("all"), unit: "ms", ...besideDigest("all") },
  ];
}

/** As a run leaves them: mostly decisions and transitions, a row of health and of a binding now and then. */
function record(index: number): EvidenceRecord {
  const of = (evidence_type: string, payload: JsonObject): EvidenceRecord => ({
    evidence_type,
    runtime_run_id: "0193f2c1-0000-7000-8000-000000000000",
    timestamp: 1_795_348_322_924 + index,
    payload,
  });
  switch (index % 100) {
    case 0:
      return of("terminal_health", { health_status: "healthy", resource_id: `r${index % 50}` });
    case 1:
      return of("akc_observability_query_result", {
        binding_id: `q${((index / 100) % criteria) | 0}`,
        status: "ok",
        verdict: "pass",
        summary: { value: index % 7 },
      });
    default:
      return of("action_decision", {
        action: "runtime.action.execute.subprocess",
        action_id: `coordination:step-${index}:0`,
        decision: "allowed",
        reason: "policy.allowlist.allow",
        token_id: fingerprint(index),
      });
  }
}

function criterion(index: number): Criterion {
  const params = {
    spec_version: 1,
    window: "single_run",
    predicate_kind: "threshold",
    threshold: 10,
    threshold_comparator: "lte",
    expected_evidence_types: ["action_decision"],
    signals: [
      {
        evidence_type: "akc_observability_query_result",
        payload_path: "summary.value",
        validator_stub: `q${index}`,
      },
    ],
  };
  return { id: `criterion-${index}`, params, advisory: false };
}

if (import.meta.main) printRows(await benchValidity());
