/**
 * The state of a run and what may happen next. Pure: no clock, disk, random or network; it moves only by facts, so that
 * the same facts always lead to the same state.
 *
 * Items are advanced in place: a run of 100 000 steps must not copy its state at every fact.
 */
import { triggerMatches } from "../bundle/contract.ts";
import type { GraphNode } from "../bundle/model.ts";
import { AkcError, unreachable } from "../errors.ts";
import { type ActionPhase, noPhases } from "../store/contract.ts";
import { MinHeap } from "./heap.ts";
import type { BlockReason, Counts, Fact, Item, Lane, TriggeringEvent } from "./model.ts";
import type { RunPlan } from "./plan.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type MutableItem = Writable<Item>;

interface LaneState {
  readonly lane: Lane;
  readonly ready: MinHeap<MutableItem>;
  inFlight: number;
}

interface NodeState {
  state: string;
  succeeded: boolean;
  triggeredCount: number;
}

export class Machine {
  readonly #plan: RunPlan;
  readonly #items: MutableItem[] = [];
  readonly #lanes = new Map<string, LaneState>();
  readonly #nodes = new Map<string, NodeState>();
  /** Node id → items that wait for its first success. */
  readonly #gateWaiters = new Map<string, number[]>();
  readonly #retries = new MinHeap<MutableItem>();
  #inFlight = 0;
  #stepsInFlight = 0;
  #readyCount = 0;
  #retriedCount = 0;
  #withoutEffect = 0;
  readonly #phaseCounts: Record<ActionPhase, number> = { ...noPhases };

  constructor(plan: RunPlan) {
    this.#plan = plan;
    for (const node of plan.nodes.values()) {
      this.#nodes.set(node.nodeId, { state: node.initialState, succeeded: false, triggeredCount: 0 });
    }
    for (const [index, step] of plan.steps.entries()) {
      const node = plan.nodes.get(step.nodeId);
      if (node === undefined)
        throw new AkcError("COORDINATION_STEP_UNRESOLVED", { details: { step: step.stepId } });
      this.#add({
        index,
        actionId: `coordination:${step.stepId}:${step.layer}`,
        node,
        step,
        lane: this.#lane("steps", step.roleId),
        rank: index,
        waitingFor: (plan.predecessorCounts[index] ?? 0) + this.#gate(node, index),
      });
    }
  }

  item(index: number): Item {
    const item = this.#items[index];
    if (item === undefined) throw new AkcError("INTERNAL", { message: `no item ${index}` });
    return item;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  nodeState(nodeId: string): string {
    return this.#nodes.get(nodeId)?.state ?? "ready";
  }

  /** Whether every node stands in one of its terminal states. */
  allTerminal(): boolean {
    for (const node of this.#plan.nodes.values()) {
      if (!node.terminalStates.includes(this.nodeState(node.nodeId))) return false;
    }
    return true;
  }

  counts(): Counts {
    const phases = this.#phaseCounts;
    return {
      total: this.#items.length,
      succeeded: phases.succeeded,
      failed: phases.failed,
      blocked: phases.blocked,
      denied: phases.denied,
      cancelled: phases.cancelled,
      running: phases.running,
      waiting: phases.waiting + phases.retrying,
      retried: this.#retriedCount,
      withoutEffect: this.#withoutEffect,
    };
  }

  /** When the next retry is due, in milliseconds of the wall clock; Infinity when none waits. */
  nextDueMs(): number {
    return this.#retries.peekKey();
  }

  /** Whether nothing is running, ready or waiting for its retry: whatever still waits will wait for ever. */
  get quiescent(): boolean {
    return this.#inFlight === 0 && this.#readyCount === 0 && this.#retries.size === 0;
  }

  /** Takes the items that may start now, best first, within all caps. Each must get its `allowed` or another fact. */
  take(nowMs: number): Item[] {
    while (this.#retries.peekKey() <= nowMs) {
      const due = this.#retries.pop();
      if (due !== undefined && due.phase === "retrying") this.#makeReady(due);
    }
    const taken: Item[] = [];
    const { caps } = this.#plan;
    while (this.#readyCount > 0 && this.#inFlight + taken.length < caps.total) {
      const lane = this.#bestLane();
      const item = lane?.ready.pop();
      if (lane === undefined || item === undefined) break;
      lane.inFlight += 1;
      if (lane.lane.kind === "steps") this.#stepsInFlight += 1;
      this.#readyCount -= 1;
      taken.push(item);
    }
    this.#inFlight += taken.length;
    return taken;
  }

  /**
   * The nodes that `event` triggers become items; a workflow under coordination is not among them. Returns the new items.
   * @throws never; an endless trigger loop is cut by `triggersPerNodeMax` in the loop, which sees `triggeredCount`.
   */
  trigger(event: TriggeringEvent, nodes: readonly GraphNode[]): Item[] {
    return nodes.map((node) => {
      const state = this.#nodes.get(node.nodeId);
      if (state !== undefined) state.triggeredCount += 1;
      const index = this.#items.length;
      return this.#add({
        index,
        actionId: `${node.nodeId}:${event.eventId}`,
        node,
        trigger: event,
        lane: this.#lane("events", node.kind),
        rank: index - this.#plan.steps.length,
        waitingFor: this.#gate(node, index),
      });
    });
  }

  /** The nodes that would be triggered by an event of this type and payload. */
  triggeredBy(type: string, payload: TriggeringEvent["payload"]): GraphNode[] {
    const found: GraphNode[] = [];
    for (const { node, trigger } of this.#plan.triggered.get(type) ?? []) {
      if (!found.includes(node) && triggerMatches(trigger, type, payload)) found.push(node);
    }
    return found;
  }

  triggeredCount(nodeId: string): number {
    return this.#nodes.get(nodeId)?.triggeredCount ?? 0;
  }

  /** Moves an item. A fact that cannot happen in the item's phase is a fault of ours. */
  apply(fact: Fact): void {
    const item = this.#items[fact.index];
    if (item === undefined) throw new AkcError("INTERNAL", { message: `no item ${fact.index}` });
    switch (fact.kind) {
      case "allowed":
        item.attempt = fact.attempt;
        this.#move(item, "running");
        return;
      case "completed":
        this.#release(item);
        item.outputSha256 = fact.result.output?.sha256 ?? null;
        if (fact.result.outputs["effect"] === "none") this.#withoutEffect += 1;
        this.#move(item, "succeeded");
        this.#succeedNode(item, fact.transition.toState);
        for (const dependent of item.step === undefined ? [] : (this.#plan.dependents[item.index] ?? [])) {
          this.#oneLess(dependent);
        }
        return;
      case "retried":
        this.#release(item);
        this.#retriedCount += 1;
        this.#move(item, "retrying");
        this.#retries.push(fact.dueAtMs, item);
        return;
      case "dead_lettered":
        this.#release(item);
        this.#move(item, fact.reason === "policy_denied" ? "denied" : "failed");
        return;
      case "blocked":
        this.#move(item, "blocked");
        return;
      case "cancelled":
        this.#release(item);
        this.#move(item, "cancelled");
        return;
      default:
        unreachable(fact);
    }
  }

  /** What can no longer start now that `index` has failed, nearest first: facts to record and apply. */
  blockedBy(index: number): Extract<Fact, { kind: "blocked" }>[] {
    const facts: Extract<Fact, { kind: "blocked" }>[] = [];
    const seen = new Set<number>([index]);
    const queue = [index];
    for (let at = 0; at < queue.length; at += 1) {
      const from = this.item(queue[at] ?? 0);
      const block = (target: number, reason: BlockReason) => {
        if (seen.has(target) || this.item(target).phase !== "waiting") return;
        seen.add(target);
        queue.push(target);
        facts.push({ kind: "blocked", index: target, by: [from.step?.stepId ?? from.node.nodeId], reason });
      };
      if (from.step !== undefined) {
        for (const dependent of this.#plan.dependents[from.index] ?? [])
          block(dependent, "predecessor_failed");
      }
      if (this.#nodes.get(from.node.nodeId)?.succeeded === true) continue;
      for (const waiter of this.#gateWaiters.get(from.node.nodeId) ?? []) block(waiter, "dependency_failed");
    }
    return facts;
  }

  /** Once quiescent: what waits for a node that no event ever triggered. */
  neverTriggered(): Extract<Fact, { kind: "blocked" }>[] {
    const facts: Extract<Fact, { kind: "blocked" }>[] = [];
    if (this.#phaseCounts.waiting === 0) return facts;
    for (const item of this.#items) {
      if (item.phase !== "waiting") continue;
      const gates = this.#plan.nodeGates.get(item.node.nodeId) ?? [];
      const by = gates.filter((nodeId) => this.#nodes.get(nodeId)?.succeeded !== true);
      const predecessors = (item.step?.predecessors ?? []).slice(0, 1);
      facts.push({
        kind: "blocked",
        index: item.index,
        by: by.length > 0 ? by : predecessors,
        reason: "dependency_never_triggered",
      });
    }
    return facts;
  }

  #add(fields: Omit<Item, "phase" | "attempt" | "outputSha256">): Item {
    const item: MutableItem = { ...fields, phase: "waiting", attempt: 0, outputSha256: null };
    this.#items.push(item);
    this.#phaseCounts.waiting += 1;
    if (item.waitingFor === 0) this.#makeReady(item);
    return item;
  }

  #makeReady(item: MutableItem): void {
    this.#readyCount += 1;
    this.#lanes.get(item.lane.name)?.ready.push(item.rank, item);
  }

  #oneLess(index: number): void {
    const item = this.#items[index];
    if (item === undefined) return;
    item.waitingFor -= 1;
    if (item.waitingFor === 0 && item.phase === "waiting") this.#makeReady(item);
  }

  #succeedNode(item: MutableItem, state: string): void {
    const node = this.#nodes.get(item.node.nodeId);
    if (node === undefined) return;
    node.state = state;
    if (node.succeeded) return;
    node.succeeded = true;
    for (const waiter of this.#gateWaiters.get(item.node.nodeId) ?? []) this.#oneLess(waiter);
    this.#gateWaiters.delete(item.node.nodeId);
  }

  /** Registers `index` with every gate of its node that is still shut; returns how many. */
  #gate(node: GraphNode, index: number): number {
    let shut = 0;
    for (const nodeId of this.#plan.nodeGates.get(node.nodeId) ?? []) {
      if (this.#nodes.get(nodeId)?.succeeded === true) continue;
      shut += 1;
      const waiters = this.#gateWaiters.get(nodeId);
      if (waiters === undefined) this.#gateWaiters.set(nodeId, [index]);
      else waiters.push(index);
    }
    return shut;
  }

  #lane(kind: Lane["kind"], name: string): Lane {
    const key = `${kind}:${name}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known.lane;
    const { caps } = this.#plan;
    const lane: Lane = { name: key, kind, inFlightMax: kind === "steps" ? caps.stepsPerRole : caps.perClass };
    this.#lanes.set(key, { lane, ready: new MinHeap(), inFlight: 0 });
    return lane;
  }

  #bestLane(): LaneState | undefined {
    let best: LaneState | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.ready.size === 0 || lane.inFlight >= lane.lane.inFlightMax) continue;
      if (lane.lane.kind === "steps" && this.#stepsInFlight >= this.#plan.caps.steps) continue;
      if (best === undefined || lane.ready.peekKey() < best.ready.peekKey()) best = lane;
    }
    return best;
  }

  /** Gives back the places that `take` gave. */
  #release(item: MutableItem): void {
    const lane = this.#lanes.get(item.lane.name);
    if (lane === undefined || lane.inFlight === 0)
      throw new AkcError("INTERNAL", { message: "a cap went below zero" });
    lane.inFlight -= 1;
    this.#inFlight -= 1;
    if (lane.lane.kind === "steps") this.#stepsInFlight -= 1;
  }

  #move(item: MutableItem, phase: ActionPhase): void {
    if (settled(item.phase)) {
      throw new AkcError("INTERNAL", { message: `${item.actionId} moved from ${item.phase} to ${phase}` });
    }
    this.#phaseCounts[item.phase] -= 1;
    this.#phaseCounts[phase] += 1;
    item.phase = phase;
  }
}

function settled(phase: ActionPhase): boolean {
  return phase !== "waiting" && phase !== "running" && phase !== "retrying";
}
