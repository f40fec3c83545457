/** What seeds found and find too rarely to be kept as seeds: made by hand. */
import { expect, test } from "bun:test";
import { readPast } from "../../src/kernel/past.ts";
import { planRun } from "../../src/kernel/plan.ts";
import { limits } from "../../src/limits.ts";
import { contract, node, runWorld, step } from "../kernel/world.ts";
import { runRow, startedAtMs } from "../store/builders.ts";

const on = (eventType: string) =>
  contract({ triggers: [{ triggerId: "t", source: "s", eventType }], inputKeys: [] });

test("what is set off by something that is blocked at the end is not left waiting", async () => {
  const world = await runWorld({
    nodes: [
      node("gate", { kind: "service", contract: on("never.happens") }),
      node("n", { dependsOn: ["gate"] }),
      node("late", {
        kind: "service",
        contract: on("runtime.coordination.step_blocked"),
        dependsOn: ["gate"],
      }),
    ],
    steps: [step("a")],
  });
  const ends = [...world.run.actions.values()].map(({ nodeId, phase }) => `${nodeId} ${phase}`);
  expect(ends.sort()).toEqual(["late blocked", "n blocked"]);
});

test("of the events that a stopped run owes, those after the one that cuts it are owed still", async () => {
  const noted = "runtime.adapter.fallback";
  const types = [
    "runtime.kernel.started",
    ...Array.from({ length: limits.triggersPerNodeMax }, () => noted),
    "runtime.kernel.stop_requested",
    ...[noted, noted, noted],
    "runtime.kernel.resumed",
    "runtime.kernel.budget_exceeded",
  ];
  const payloads: Readonly<Record<string, string>> = {
    "runtime.kernel.started": '{"runtime_run_id":"rt-1","node_count":1}',
    "runtime.kernel.resumed": '{"runtime_run_id":"rt-1","generation":0,"after_seq":104,"reopened":[]}',
    "runtime.kernel.budget_exceeded": '{"error":"too often","error_code":"TRIGGER_LOOP"}',
  };
  const events = types.map((type, index) => {
    const payload = payloads[type] ?? "{}";
    return { seq: index + 1, type, atMs: startedAtMs, payload, prevSha256: "", sha256: "" };
  });
  const coordinationContract = {
    parallelDispatchEnabled: true,
    maxInFlightSteps: 1,
    maxInFlightPerRole: 1,
    completionFoldOrder: "coordination_step_id" as const,
  };
  const plan = planRun(
    { nodes: [node("n", { kind: "service", contract: on(noted) })], coordinationContract },
    [],
  );
  const past = await readPast(plan, {
    run: async () => runRow("rt-1"),
    events: async (afterSeq, limit) => events.slice(afterSeq, afterSeq + limit),
    decisions: async () => [],
  });
  expect(past.machine.triggeredCount("n")).toBe(limits.triggersPerNodeMax + 1);
  expect(past.unconsumed).toHaveLength(2);
});
