/**
 * Where the nodes of a run stand, and who waits for the first success of which. Pure.
 *
 * Source: spec kernel §5.3, §9.8; kernel:W-6 (depends_on between nodes is honoured).
 */
import type { GraphNode } from "../bundle/model.ts";
import type { RunPlan } from "./plan.ts";

interface NodeState {
  state: string;
  succeeded: boolean;
  triggeredCount: number;
}

export class Nodes {
  readonly #plan: Pick<RunPlan, "nodes" | "nodeGates">;
  readonly #states = new Map<string, NodeState>();
  /** Node id → items that wait for its first success. */
  readonly #waiters = new Map<string, number[]>();

  constructor(plan: Pick<RunPlan, "nodes" | "nodeGates">) {
    this.#plan = plan;
    for (const { nodeId, initialState } of plan.nodes.values()) {
      this.#states.set(nodeId, { state: initialState, succeeded: false, triggeredCount: 0 });
    }
  }

  stateOf(nodeId: string): string {
    return this.#states.get(nodeId)?.state ?? "ready";
  }

  move(nodeId: string, state: string): void {
    const node = this.#states.get(nodeId);
    if (node !== undefined) node.state = state;
  }

  hasSucceeded(nodeId: string): boolean {
    return this.#states.get(nodeId)?.succeeded === true;
  }

  /** The items that waited for this node and no longer do; none at a second success. */
  succeed(nodeId: string): readonly number[] {
    const node = this.#states.get(nodeId);
    if (node === undefined || node.succeeded) return [];
    node.succeeded = true;
    const waiters = this.#waiters.get(nodeId) ?? [];
    this.#waiters.delete(nodeId);
    return waiters;
  }

  /** Counts that an event triggered the node; returns how often one has. */
  triggered(nodeId: string): number {
    const node = this.#states.get(nodeId);
    if (node === undefined) return 0;
    node.triggeredCount += 1;
    return node.triggeredCount;
  }

  triggeredCount(nodeId: string): number {
    return this.#states.get(nodeId)?.triggeredCount ?? 0;
  }

  /** Whether every node stands in one of its terminal states. */
  allTerminal(): boolean {
    for (const { nodeId, terminalStates } of this.#plan.nodes.values()) {
      if (!terminalStates.includes(this.stateOf(nodeId))) return false;
    }
    return true;
  }

  /** Lets an item of `node` wait for every node before it that has not succeeded; returns how many these are. */
  gate(node: GraphNode, item: number): number {
    const shut = this.shutGates(node.nodeId);
    for (const nodeId of shut) {
      const waiters = this.#waiters.get(nodeId);
      if (waiters === undefined) this.#waiters.set(nodeId, [item]);
      else waiters.push(item);
    }
    return shut.length;
  }

  /** Nodes that this one waits for and that have not succeeded. */
  shutGates(nodeId: string): readonly string[] {
    const gates = this.#plan.nodeGates.get(nodeId);
    return gates === undefined ? [] : gates.filter((gate) => !this.hasSucceeded(gate));
  }

  waitersOf(nodeId: string): readonly number[] {
    return this.#waiters.get(nodeId) ?? [];
  }
}
