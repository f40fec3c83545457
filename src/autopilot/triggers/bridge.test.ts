/** The living bridge: every documented row, what this runtime really says, and nothing else. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { mayMatter, signalOf } from "./bridge.ts";

type Row = readonly [
  type: string,
  payload: JsonObject,
  expected: readonly [string, string, string] | undefined,
];

const attested = "runtime.operational_validity.attested";
const finished = "runtime.kernel.loop_finished";
const completed = "runtime.action.completed";
const status = "runtime.reconcile.resource_status";
const ended = "runtime.reconcile.finished";
const operation = "runtime.reconcile.operation_finished";
const back = "runtime.reconcile.rolled_back";

describe("spec cli §15.2: a documented event", () => {
  const rows: readonly Row[] = [
    [attested, { passed: false }, ["workflow", "high", `${attested}:passed=false`]],
    [attested, { passed: true }, undefined],
    [
      finished,
      { terminal_status: "max_iterations_exceeded" },
      ["workflow", "med", `${finished}:max_iterations_exceeded`],
    ],
    [finished, { terminal_status: "terminal" }, undefined],
    [completed, { result: { status: "failed" } }, ["workflow", "high", `${completed}:failed`]],
    [completed, { result: { status: "cancelled" } }, ["workflow", "med", `${completed}:cancelled`]],
    [
      completed,
      { result: { status: "succeeded", outputs: { health_status: "degraded" } } },
      ["service", "med", "runtime.action.completed:adapter_health_status:degraded"],
    ],
    [
      completed,
      { result: { status: "succeeded", outputs: { health_status: "failed" } } },
      ["service", "high", "runtime.action.completed:adapter_health_status:failed"],
    ],
    [completed, { result: { status: "succeeded", outputs: {} } }, undefined],
    ["runtime.action.dead_lettered", {}, ["workflow", "med", "runtime.action.dead_lettered"]],
    ["runtime.adapter.fallback", {}, ["workflow", "med", "runtime.adapter.fallback"]],
    ["runtime.action.failed", {}, ["workflow", "high", "runtime.action.failed"]],
    ["runtime.reconcile.failed", {}, ["workflow", "high", "runtime.reconcile.failed"]],
    [
      status,
      { converged: false, hash_matched: true },
      ["service", "med", `${status}:hash_matched_not_converged`],
    ],
    [status, { converged: true, hash_matched: true, health_status: "healthy" }, undefined],
  ];
  for (const [type, payload, expected] of rows) {
    test(`${type} ${JSON.stringify(payload)} is ${expected === undefined ? "nothing" : expected.join(" ")}`, () => {
      expect(shape(type, payload)).toEqual(expected === undefined ? undefined : [...expected]);
      if (expected !== undefined) expect(mayMatter({ type, payload: JSON.stringify(payload) })).toBe(true);
    });
  }
});

describe("spec cli §15.3: what reconciling really says", () => {
  const rows: readonly Row[] = [
    [
      status,
      { converged: false, hash_matched: false, resource_id: "web" },
      ["service", "med", `${status}:converged=false`],
    ],
    [
      status,
      { converged: false, hash_matched: false, health_status: "failed" },
      ["service", "high", `${status}:health_status=failed`],
    ],
    [ended, { converged: false, mode: "enforce" }, ["service", "med", `${ended}:converged=false`]],
    [ended, { converged: true, mode: "enforce" }, undefined],
    [ended, { converged: false, mode: "simulate" }, undefined],
    [status, { converged: false, hash_matched: true, policy_mode: "simulate" }, undefined],
    [
      operation,
      { applied: false, error: "no such image", retryable: false },
      ["service", "med", `${operation}:error`],
    ],
    [operation, { applied: false, error: "busy", retryable: true }, undefined],
    [operation, { applied: true }, undefined],
    [back, { rollback_outcome: "rollback_applied" }, ["service", "high", `${back}:rollback_applied`]],
    [
      "acme.reconcile.report",
      { rollback_triggered: true },
      ["service", "high", "acme.reconcile.report:rollback_triggered"],
    ],
    ["acme.reconcile.report", { reason: "dry-run" }, undefined],
    ["acme.reconcile.report", { last_error: "boom" }, ["service", "med", "acme.reconcile.report:error"]],
    ["runtime.kernel.failed", { error: "x" }, ["workflow", "high", "runtime.kernel.failed"]],
    ["acme.agent.failure.seen", { impact_class: "agent" }, ["agent", "med", "acme.agent.failure.seen"]],
    ["acme.report", { health_status: "degraded" }, ["workflow", "med", "acme.report:health_status=degraded"]],
    ["runtime.reconcile.drift_found", { resource_id: "web", drift: [] }, undefined],
    ["runtime.reconcile.started", { mode: "enforce" }, undefined],
    ["runtime.action.cancelled", { reason: "stopped" }, undefined],
  ];
  for (const [type, payload, expected] of rows) {
    test(`${type} ${JSON.stringify(payload)} is ${expected === undefined ? "nothing" : expected.join(" ")}`, () => {
      expect(shape(type, payload)).toEqual(expected === undefined ? undefined : [...expected]);
    });
  }
});

const types = fc.oneof(
  fc.constantFrom(attested, finished, completed, status, ended, operation, back, "runtime.kernel.started"),
  fc.string(),
);
const words = fc.constantFrom("failed", "degraded", "cancelled", "simulate", "", " Failed ", "healthy");
const payloads = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.record(
    {
      passed: fc.boolean(),
      converged: fc.boolean(),
      hash_matched: fc.boolean(),
      health_status: words,
      mode: words,
      error: fc.oneof(words, fc.integer()),
      result: fc.record(
        { status: words, outputs: fc.record({ health_status: words }) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  ),
);

test("no event makes it fail, and what it makes a signal of is never passed over unread", () => {
  let signals = 0;
  fc.assert(
    fc.property(types, payloads, (type, plain) => {
      const payload = fromPlain(plain);
      if (!isJsonObject(payload)) throw new Error("not an object");
      const signal = signalOf({ type, payload });
      if (signal === undefined) return;
      signals += 1;
      expect(mayMatter({ type, payload: JSON.stringify(plain) })).toBe(true);
      expect(signal.reason.startsWith(type)).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(signals).toBeGreaterThan(20);
});

function shape(type: string, payload: JsonObject) {
  const signal = signalOf({ type, payload });
  return signal === undefined ? undefined : [signal.impactClass, signal.severity, signal.reason];
}
