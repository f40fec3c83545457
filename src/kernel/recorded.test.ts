import { expect, test } from "bun:test";
import fc from "fast-check";
import { eventPayloads } from "../evidence/catalogue.ts";
import { reconcileEvents } from "../reconciler/model.ts";
import { recordedFact } from "./recorded.ts";
import { eventTypes } from "./wire.ts";

const action = {
  action_id: "coordination:lint:0",
  action_type: "coordination.step",
  node_ref: { node_id: "n1", kind: "workflow", contract_id: "c1" },
  inputs_fingerprint: "f",
  idempotency_key: "k",
  policy_context: { coordination_step_id: "lint" },
};
const sha256 = "ab".repeat(32);
const fact = (type: string, payload: unknown) => recordedFact({ type, payload: JSON.stringify(payload) });

test("a success says what was put out and where its node stands", () => {
  const result = {
    status: "succeeded",
    outputs: { effect: "none" },
    output_ref: { sha256, size_bytes: 7 },
    cost: { input_tokens: 3 },
  };
  const payload = { action, attempt: 2, allowed_seq: 4, result, transition: { to_state: "done" } };
  expect(fact(eventTypes.completed, payload)).toEqual({
    kind: "completed",
    actionId: "coordination:lint:0",
    nodeId: "n1",
    stepId: "lint",
    attempt: 2,
    output: { sha256, sizeBytes: 7 },
    outputs: { effect: "none" },
    withoutEffect: true,
    toState: "done",
    cost: { input_tokens: 3 },
  });
});

test("files that a step left are read with their digests, or the event is malformed", () => {
  const ref = { path: "dist/x.tar", sha256, size_bytes: 7 };
  const left = (refs: unknown) =>
    fact(eventTypes.completed, { action, result: { status: "succeeded", outputs: {}, file_refs: refs } });
  expect(left([ref])).toMatchObject({
    kind: "completed",
    files: [{ path: "dist/x.tar", sha256, sizeBytes: 7 }],
  });
  for (const wrong of [[{ ...ref, sha256: "x" }], [{ ...ref, size_bytes: -1 }], ["dist/x.tar"], [{}]]) {
    expect(left(wrong)).toMatchObject({ kind: "malformed" });
  }
});

test("a retry says when it is due, a dead letter why it was given up", () => {
  const told = {
    action,
    attempt: 1,
    reason: "backend_error",
    error: "exit 1",
    error_code: "SUBPROCESS_EXIT",
  };
  expect(fact(eventTypes.retried, { ...told, delay_ms: 5, due_at_ms: 105 })).toMatchObject({
    kind: "retried",
    dueAtMs: 105,
    delayMs: 5,
    errorCode: "SUBPROCESS_EXIT",
  });
  expect(fact(eventTypes.deadLettered, told)).toMatchObject({
    kind: "dead_lettered",
    output: null,
    error: "exit 1",
  });
});

test("a cancelled action is known by its own names and by those of its action", () => {
  const known = { kind: "cancelled" as const, actionId: action.action_id, nodeId: "n1", reason: "stopped" };
  expect(fact(eventTypes.cancelled, { action, reason: "stopped" })).toEqual(known);
  expect(
    fact(eventTypes.cancelled, { action: {}, action_id: action.action_id, node_id: "n1", reason: "stopped" }),
  ).toEqual(known);
});

test("waits, signals, resumed and repeated parts are read whole", () => {
  const ids = { action_id: "a", node_id: "n", attempt: 1 };
  expect(fact(eventTypes.waitStarted, { ...ids, signal: null, approval: false, due_at_ms: 9 })).toEqual({
    kind: "suspended",
    actionId: "a",
    nodeId: "n",
    attempt: 1,
    signal: null,
    approval: false,
    dueAtMs: 9,
  });
  expect(
    fact(eventTypes.signalReceived, {
      action_id: "a",
      signal_id: "s",
      name: "go",
      sender: "x@y",
      sent_at_ms: 1,
      payload_sha256: sha256,
      size_bytes: 2,
    }),
  ).toEqual({
    kind: "signal_received",
    actionId: "a",
    signalId: "s",
    name: "go",
    payload: { sha256, sizeBytes: 2 },
  });
  expect(fact(eventTypes.interrupted, ids)).toEqual({
    kind: "interrupted",
    actionId: "a",
    nodeId: "n",
    attempt: 1,
  });
  expect(
    fact(eventTypes.resumed, { runtime_run_id: "r", generation: 2, after_seq: 5, reopened: ["a"] }),
  ).toEqual({
    kind: "resumed",
    generation: 2,
    reopened: ["a"],
  });
  expect(fact(eventTypes.rerun, { generation: 3, from: ["lint"], action_ids: ["a", "b"] })).toEqual({
    kind: "rerun",
    generation: 3,
    from: ["lint"],
    actionIds: ["a", "b"],
  });
});

test("events that move nothing are no facts", () => {
  expect(fact(eventTypes.fallback, {})).toBeUndefined();
  expect(fact(reconcileEvents.resourceStatus, {})).toBeUndefined();
  expect(fact("someone.elses", {})).toBeUndefined();
});

test("whatever stands in a payload, reading it answers; it never throws", () => {
  const types = Object.keys(eventPayloads);
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.oneof(fc.string(), fc.json()), (type, payload) => {
      const read = recordedFact({ type, payload });
      expect(read === undefined || typeof read.kind === "string").toBe(true);
    }),
  );
});

test("a payload that lost one of its members is malformed", () => {
  const whole = { action_id: "a", node_id: "n", attempt: 1 };
  for (const key of Object.keys(whole)) {
    expect(fact(eventTypes.allowed, { ...whole, [key]: undefined })).toMatchObject({ kind: "malformed" });
  }
  expect(fact(eventTypes.completed, { action, attempt: 1 })).toEqual({
    kind: "malformed",
    fault: "result is not an object",
  });
});
