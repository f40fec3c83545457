/**
 * A machine as plain data, to hold the living one against the one that its events fold into.
 */
import type { Machine } from "../../src/kernel/machine.ts";
import type { RunPlan } from "../../src/kernel/plan.ts";

/** One line a fact, in an order that does not depend on how the machine came to be. */
export function picture(machine: Machine, plan: RunPlan): readonly string[] {
  const lines = machine.items.map((item) => {
    const { actionId, phase, attempt, forgiven, interruptions, generation, outputSha256, withoutEffect } =
      item;
    const waits = phase === "suspended" ? item.signal : "";
    const due = phase === "suspended" || phase === "retrying" ? item.dueAtMs : "";
    const counts = [attempt, forgiven, interruptions, generation].join("/");
    return `${actionId} ${phase} ${counts} ${outputSha256} ${withoutEffect} ${waits} ${due}`;
  });
  for (const nodeId of plan.nodes.keys()) {
    lines.push(`${nodeId} ${machine.nodeState(nodeId)} ${machine.triggeredCount(nodeId)}`);
  }
  lines.push(JSON.stringify(machine.counts()));
  return lines.sort();
}
