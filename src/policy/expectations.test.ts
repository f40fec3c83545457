import { expect, test } from "bun:test";
import { evidenceExpectations, summariseEvidence, unmetExpectations } from "./expectations.ts";

const required = [
  "metric_threshold",
  "operational_spec",
  "reconciler.health_check",
  "terminal_health",
  "custom",
];
const unmet = (present: readonly string[], reconciledResources = 1, desiredResources = 1) =>
  unmetExpectations({ required, present: new Set(present), reconciledResources, desiredResources });

test("what the intent measures is expected, and the check that it needs", () => {
  const of = (evaluationModes: readonly string[], requireReconcileEvidence = false) =>
    evidenceExpectations({ evaluationModes, requireReconcileEvidence, declared: [["custom"]], widen: false });
  expect(of([])).toEqual([]);
  expect(of(["tests", "human_gate"])).toEqual([]);
  expect(of([], true)).toEqual(["reconciler.health_check"]);
  expect(of(["operational_spec", "metric_threshold"])).toEqual([
    "metric_threshold",
    "operational_spec",
    "reconciler.health_check",
  ]);
});

test("a declaration counts only where widening is permitted", () => {
  const of = (widen: boolean) =>
    evidenceExpectations({
      evaluationModes: ["metric_threshold"],
      requireReconcileEvidence: false,
      declared: [["terminal_health", "metric_threshold"], ["custom"]],
      widen,
    });
  expect(of(false)).toEqual(["metric_threshold", "reconciler.health_check"]);
  expect(of(true)).toEqual(["custom", "metric_threshold", "reconciler.health_check", "terminal_health"]);
});

test("the documented table holds where a resource was checked", () => {
  expect(unmet(["terminal_health"])).toEqual(["metric_threshold", "operational_spec", "custom"]);
  expect(unmet(["terminal_health", "transition_application"])).toEqual(["custom"]);
  expect(unmet(["rollback_chain", "reconcile_outcome"])).toEqual(["terminal_health", "custom"]);
});

test("an aggregate row proves no health check while there is something to reconcile", () => {
  expect(unmet(["terminal_health", "transition_application"], 0)).toEqual([
    "metric_threshold",
    "operational_spec",
    "reconciler.health_check",
    "custom",
  ]);
  expect(unmet(["terminal_health", "transition_application"], 0, 0)).toEqual(["custom"]);
  expect(unmet([], 0, 0)).toEqual(required);
  expect(unmet(["reconcile_resource_status"], 0)).not.toContain("reconciler.health_check");
});

test("only a row of a resource's own, with a known health, counts as checked", () => {
  const row = (resource_id: string, health_status: string, rest = {}) => ({
    evidence_type: "terminal_health",
    payload: { resource_id, health_status, ...rest },
  });
  expect(
    summariseEvidence([
      row("a", "healthy"),
      row("a", "failed"),
      row("b", "unknown"),
      row("__runtime_aggregate__", "healthy", { aggregate: true }),
      { evidence_type: "action_decision", payload: null },
    ]),
  ).toEqual({ present: new Set(["terminal_health", "action_decision"]), reconciledResources: 1 });
});
