/** The documented view of a replay, held against the documented example. */
import { expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/value.ts";
import { ReplayProjection } from "../../src/replay/projection.ts";

const transition = (id: string): JsonObject => ({
  from_state: "ready",
  to_state: "completed",
  trigger_id: "runtime.action.completed",
  transition_id: id,
  occurred_at: 10,
});
const row = (evidence_type: string, payload: JsonObject) => ({ evidence_type, payload });
const completed = (actionId: string) => ({
  eventId: `event of ${actionId}`,
  type: "runtime.action.completed",
  payload: { action: { action_id: actionId } },
});

/** Two completed actions, one of them denied by the policy and one retried; two resources, one with a chain to roll back. */
const evidence = [
  row("action_decision", { action_id: "act-a", decision: "allowed" }),
  row("action_decision", { action_id: "act-b", decision: "denied" }),
  row("retry_budget", { action_id: "act-a", retry_count: 2, budget_burn: { retries: 2 } }),
  row("transition_application", { action_id: "act-a", transition: transition("t1") }),
  row("transition_application", { action_id: "act-b", transition: transition("t2") }),
  row("rollback_chain", { resource_id: "svc-a", chain: ["hash-prev", "hash-stable"] }),
  row("reconcile_outcome", {
    resource_id: "svc-a",
    operation_type: "rollback",
    applied: true,
    health_status: "healthy",
  }),
  row("reconcile_outcome", {
    resource_id: "svc-b",
    operation_type: "update",
    applied: true,
    health_status: "healthy",
  }),
  row("terminal_health", { resource_id: "__runtime_aggregate__", aggregate: true, health_status: "healthy" }),
];

function projected(rows: typeof evidence): ReplayProjection {
  const projection = new ReplayProjection({ keepTransitions: true });
  for (const each of rows) projection.evidence(each);
  return projection;
}

test("the documented example comes out as documented", () => {
  const projection = projected(evidence);
  expect(projection.transition(completed("act-a"))).toEqual({
    action_decision: "allowed",
    budget_burn: { retries: 2 },
    event_id: "event of act-a",
    event_type: "runtime.action.completed",
    retry_count: 2,
    transition: transition("t1"),
  });
  expect(projection.transition(completed("act-b"))).toMatchObject({
    action_decision: "denied",
    retry_count: 0,
    transition: transition("t2"),
  });
  expect(projection.reconcileDecisions()).toMatchObject([
    {
      resource_id: "svc-a",
      applied: true,
      rollback_chain: ["hash-prev", "hash-stable"],
      health_status: "healthy",
    },
    { resource_id: "svc-b", applied: true, rollback_chain: [], health_status: "healthy" },
  ]);
  expect(projection.terminalHealth).toBe("healthy");
});

test("a chain is attached wherever it stands among the rows", () => {
  const expected = projected(evidence).reconcileDecisions();
  for (const [index] of evidence.entries()) {
    const turned = [...evidence.slice(index), ...evidence.slice(0, index)];
    const found = projected(turned).reconcileDecisions();
    expect(found.map((each) => [each["resource_id"], each["rollback_chain"]]).sort()).toEqual(
      expected.map((each) => [each["resource_id"], each["rollback_chain"]]).sort(),
    );
  }
});

test("an event before the execution shows no transition", () => {
  const allowed = { eventId: "e", type: "runtime.action.policy_allowed", payload: { action_id: "act-a" } };
  expect(projected(evidence).transition(allowed)).toMatchObject({
    transition: null,
    action_decision: "allowed",
  });
});

test("an event about no action has no row", () => {
  expect(
    projected(evidence).transition({ eventId: "e", type: "runtime.kernel.started", payload: {} }),
  ).toBeUndefined();
});
