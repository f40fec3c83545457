/**
 * The digests of judgements that the old runtime made, byte for byte.
 *
 * Source: spec reconcile §7.1, §12.
 */
import { expect, test } from "bun:test";
import { fingerprint } from "../../json/fingerprint.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { evaluate } from "./evaluate.ts";
import type { EvidenceRecord, SpecInputs } from "./model.ts";
import { readParams } from "./params.ts";

/** From text, where a float is a float. */
function object(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new Error("not an object");
  return value;
}

const evidence: readonly EvidenceRecord[] = [
  {
    evidence_type: "reconcile_outcome",
    runtime_run_id: "rr-1",
    timestamp: 10,
    payload: { applied: true, health_status: "healthy", operation_type: "create", resource_id: "svc-api" },
  },
  {
    evidence_type: "reconcile_resource_status",
    runtime_run_id: "rr-1",
    timestamp: 20,
    payload: { converged: true, health_status: "healthy", resource_id: "svc-api" },
  },
  {
    evidence_type: "terminal_health",
    runtime_run_id: "rr-1",
    timestamp: 30,
    payload: { aggregate: true, health_status: "healthy", resource_id: "__runtime_aggregate__" },
  },
];

const alone: SpecInputs = { evidence, bundleSchemaVersion: null, rollups: new Map() };
const judged = (params: string, inputs: SpecInputs) =>
  evaluate([{ id: "checkout-slo", params: object(params), advisory: false }], inputs);

test("a presence criterion that passes has the documented digests (vector A)", () => {
  const validity = judged(
    `{"spec_version":1,"window":"single_run","predicate_kind":"presence","expected_evidence_types":["reconcile_outcome"],
      "signals":[{"evidence_type":"terminal_health","payload_path":"health_status"}]}`,
    alone,
  );
  expect(validity).toMatchObject({
    verdict: "pass",
    passed: true,
    attestationSha256: "fa9745b853bb469df101bcc6c49d358da74015d0ce5fcceb1ac085ebdcd85b51",
    criteria: [
      {
        inputsSha256: "570cccc0cbdb19fcdc49e7cbfc54cc0921f1787a574c7246fb1c830434aa7aa5",
        verdictSha256: "b2b4cf7f369f651e94e52056faefceece7ac9b5a357e82dddf4922c97ff7ddb8",
        combinedSha256: "bc63b6b7a57864cbb59e4c9c73defd314f4b97bb0bd47a937736c84636de4133",
      },
    ],
  });
});

test("a threshold criterion over metrics and spans has the documented digests (vector B)", () => {
  const span = (name: string, status: string) => ({ span: { name, status } });
  const metric = (name: string, value: number) => ({ metric: { name, kind: "sum", as_int: value } });
  const validity = judged(
    `{"spec_version":1,"window":"single_run","predicate_kind":"threshold","threshold":3,"threshold_comparator":"lte",
      "otel_metric_signals":[{"metric_name":"http_5xx"}],
      "composite_predicates":[
        {"kind":"span_status_fraction","comparator":"gte","target":0.75,"status_good_value":"ok","max_spans":10,"span_name":"checkout"},
        {"kind":"metric_counter_ratio","comparator":"lte","target":0.02,"numerator":{"metric_name":"http_5xx"},
         "denominator":{"metric_name":"http_all"},"max_metric_points":50,"max_metric_series":8}]}`,
    {
      ...alone,
      otel: [
        ...["ok", "ok", "ok", "error"].map((status) => span("checkout", status)),
        span("other", "error"),
      ],
      metrics: { records: [metric("http_5xx", 2), metric("http_all", 200)], rejectedReason: null },
    },
  );
  expect(
    validity.criteria[0]?.checks.slice(-3).map(({ name, evidence: seen }) => [name, seen]),
  ).toMatchObject([
    ["otel_metric_signal:0:http_5xx", { aggregated_value: { value: 2 } }],
    ["composite_span_status_fraction:0", { fraction: 0.75 }],
    ["composite_metric_counter_ratio:1", { ratio: 0.01 }],
  ]);
  expect(validity).toMatchObject({
    attestationSha256: "a7aa6a04fa758dee4817dbe74dd1dc6174e6543799cbb44bc6a35dd389f153f9",
    criteria: [
      {
        inputsSha256: "6a3a931812fa95bf5afcb24ac9199545889f8670f651b65ae60d52a16748c050",
        verdictSha256: "86dc9600f9386f37ae9b2ef571bc2a9e957557e18623962e003883c173c56fd1",
        combinedSha256: "d6200b1ca9186ef3b7625badef2d6ea0c2ffb8f93412515dd64625722fc451d0",
      },
    ],
  });
});

test("params have the documented canonical form", () => {
  const reading = readParams(
    object(
      `{"threshold":2,"threshold_comparator":"lte","window":"single_run","predicate_kind":"threshold","spec_version":1,
        "signals":[{"evidence_type":"retry_budget","payload_path":"retry_count","otel_query_stub":"s.1","validator_stub":null}],
        "rolling_window_ms":null,"evaluation_phase":"post_runtime","reject_failed_aggregate_terminal_health":false,"dry_run":false}`,
    ),
  );
  if (reading.kind !== "read") throw new Error("not read");
  expect(fingerprint(reading.canonical)).toBe(
    "29c9396645402bc3d2b38594e3a7fbe02e1f9c80ff5aa67c358fc408a9b5dd45",
  );
});
