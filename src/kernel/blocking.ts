/**
 * What can no longer start, and because of whom. Pure: it only looks, the machine moves.
 *
 * Source: architecture "How a run flows" 5; kernel:W-6.
 */
import type { BlockReason, Fact, Item } from "./model.ts";
import type { Nodes } from "./nodes.ts";
import type { RunPlan } from "./plan.ts";

export type Blocked = Extract<Fact, { kind: "blocked" }>;

export interface Standing {
  readonly plan: Pick<RunPlan, "dependents">;
  readonly items: readonly Item[];
  readonly nodes: Nodes;
}

/** What waits, directly or through others, for an item that has failed; nearest first. */
export function blockedBy(index: number, { plan, items, nodes }: Standing): Blocked[] {
  const facts: Blocked[] = [];
  const seen = new Set<number>([index]);
  const queue = [index];
  for (let at = 0; at < queue.length; at += 1) {
    const from = items[queue[at] ?? 0];
    if (from === undefined) continue;
    const block = (target: number, reason: BlockReason) => {
      if (seen.has(target) || items[target]?.phase !== "waiting") return;
      seen.add(target);
      queue.push(target);
      facts.push({ kind: "blocked", index: target, by: [from.step?.stepId ?? from.node.nodeId], reason });
    };
    if (from.step !== undefined) {
      for (const dependent of plan.dependents[from.index] ?? []) block(dependent, "predecessor_failed");
    }
    if (nodes.hasSucceeded(from.node.nodeId)) continue;
    for (const waiter of nodes.waitersOf(from.node.nodeId)) block(waiter, "dependency_failed");
  }
  return facts;
}

/** Once nothing moves any more: what waits for a node that no event ever triggered. */
export function neverTriggered({ items, nodes }: Standing): Blocked[] {
  return items
    .filter((item) => item.phase === "waiting")
    .map((item) => {
      const gates = nodes.shutGates(item.node.nodeId);
      const by = gates.length > 0 ? gates : (item.step?.predecessors ?? []).slice(0, 1);
      return { kind: "blocked", index: item.index, by, reason: "dependency_never_triggered" };
    });
}

/** Everything that waits for these items or would have: their dependants, theirs, and so on; the items themselves too. */
export function dependentsOf(
  roots: readonly number[],
  {
    plan,
    items,
  }: { readonly plan: Pick<RunPlan, "dependents" | "nodeGates">; readonly items: readonly Item[] },
): ReadonlySet<number> {
  const gated = new Map<string, number[]>();
  for (const { index, node } of items) {
    for (const gate of plan.nodeGates.get(node.nodeId) ?? []) {
      const waiters = gated.get(gate);
      if (waiters === undefined) gated.set(gate, [index]);
      else waiters.push(index);
    }
  }
  const found = new Set(roots);
  // A set is walked in the order in which it grows.
  for (const index of found) {
    const item = items[index];
    if (item === undefined) continue;
    if (item.step !== undefined) for (const dependent of plan.dependents[index] ?? []) found.add(dependent);
    for (const waiter of gated.get(item.node.nodeId) ?? []) found.add(waiter);
  }
  return found;
}
