/**
 * A machine as plain data, to hold the living one against the one that its events fold into.
 */
import type { Machine } from "../../src/kernel/machine.ts";
import { readPast } from "../../src/kernel/past.ts";
import type { RunPlan } from "../../src/kernel/plan.ts";
import type { Store } from "../../src/store/contract.ts";
import { runtimeRunId } from "./process.ts";

/**
 * Where the living machine and the fold of all events differ; undefined where they do not. Call it when the machine stands
 * as it was committed: nothing else happens until the events are read.
 */
export async function foldFault(store: Store, living: Machine, plan: RunPlan): Promise<string | undefined> {
  const alive = picture(living, plan);
  const reader = await store.openRun(runtimeRunId);
  try {
    const { machine } = await readPast(plan, reader);
    const folded = picture(machine, plan);
    const at = folded.findIndex((line, index) => line !== alive[index]);
    return at < 0 ? undefined : `events fold into "${folded[at]}", alive is "${alive[at]}"`;
  } catch (cause) {
    return `the events cannot be folded: ${String(cause)}`;
  } finally {
    await reader.close();
  }
}

/** One line a fact, in an order that does not depend on how the machine came to be. */
function picture(machine: Machine, plan: RunPlan): readonly string[] {
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
