import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { evaluateCompilePhase } from "./compile-phase.ts";

const compile = {
  spec_version: 1,
  window: "single_run",
  predicate_kind: "presence",
  evaluation_phase: "compile",
  expected_evidence_types: ["terminal_health"],
};
const health = {
  evidence_type: "terminal_health",
  runtime_run_id: "r",
  timestamp: 1,
  payload: { aggregate: true, health_status: "healthy" },
};
const sound = { runtime_evidence_records: [health] };

function judged(params: JsonObject, bundle: JsonValue | undefined): string {
  const accounting = bundle === undefined ? undefined : { operational_compile_bundle: bundle };
  const phase = evaluateCompilePhase({ id: "sc", params, advisory: false }, accounting);
  if (phase.kind === "skipped") return phase.subStatus;
  const worst = phase.verdict.checks.find(({ verdict }) => verdict === phase.verdict.verdict);
  return phase.verdict.verdict === "pass" ? "pass" : `${worst?.name} ${worst?.verdict}/${worst?.reason}`;
}

test("a criterion of the compile is judged by what the compile accounts for", () => {
  expect(judged(compile, sound)).toBe("pass");
  expect(judged({ ...compile, expected_evidence_types: ["x"] }, sound)).toBe(
    "presence_evidence_type:x inconclusive/no-data",
  );
});

test("what is judged after a run is skipped, and not passed", () => {
  const { evaluation_phase: _, ...afterRun } = compile;
  expect(judged(afterRun, sound)).toBe("skipped");
});

describe("nothing passes without evidence that can be read", () => {
  test.each([
    [undefined, "inconclusive/no-data"],
    [null, "inconclusive/no-data"],
    [{ runtime_evidence_records: [] }, "inconclusive/no-data"],
    [{}, "error/malformed"],
    [[], "error/malformed"],
    [{ runtime_evidence_records: [{ ...health, payload: 1 }] }, "error/malformed"],
    [{ ...sound, otel_text: "" }, "error/malformed"],
    [{ ...sound, otel_ndjson_text: [] }, "error/malformed"],
    [{ ...sound, runtime_bundle_schema_version: "4" }, "error/malformed"],
  ])("%j is %s", (bundle, expected) => {
    expect(judged(compile, bundle)).toBe(`operational_compile_bundle ${expected}`);
  });

  test("nor over several runs, nor with params that break a rule", () => {
    const rolling = {
      ...compile,
      window: "rolling_ms",
      rolling_window_ms: 1,
      evidence_rollup_rel_path: ".akc/verification/w.json",
    };
    expect(judged(rolling, sound)).toBe("operational_compile_bundle error/malformed");
    expect(judged({ ...compile, colour: 1 }, sound)).toBe("operational_params error/malformed");
  });
});

describe("a span contract", () => {
  const line =
    '{"span":{"name":"build","attributes":{"a":"1","b":"2"}}}\n{"span":{"name":"test","attributes":{}}}';
  const of = (otel_contract: JsonValue, otel_ndjson_text = line) =>
    judged(compile, { ...sound, otel_contract, otel_ndjson_text });

  test("wants all its spans, and one with all its attributes", () => {
    expect(of({ required_span_names: ["build", "test"], required_attributes: ["a", "b"] })).toBe("pass");
    expect(of({ required_span_names: ["deploy"] })).toBe("otel_span_contract fail/presence");
    expect(of({ required_attributes: ["a", "c"] })).toBe("otel_span_contract fail/presence");
    expect(of({ required_span_names: ["build"] }, "{\n")).toBe("otel_trace_ndjson_parse error/malformed");
  });

  test("that cannot be read, or asks for nothing, is an error", () => {
    for (const contract of [{}, { names: ["build"] }, [], "build", { required_span_names: "build" }]) {
      expect(of(contract)).toBe("otel_span_contract error/malformed");
    }
  });
});
