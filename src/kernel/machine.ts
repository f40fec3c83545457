/**
 * The state of a run and what may happen next. Pure: no clock, disk, random or network; it moves only by facts, so that
 * the same facts always lead to the same state.
 *
 * A machine lives in the past or in the present. In the past, facts only say what was: nothing queues, nothing is due.
 * `goLive` then works out from where everything stands who may start and who waits for what; a new run is live at once.
 * Items are advanced in place: a run of 100 000 steps must not copy its state at every fact.
 */
import { triggerMatches } from "../bundle/contract.ts";
import type { GraphNode } from "../bundle/model.ts";
import { AkcError, unreachable } from "../errors.ts";
import { type ActionPhase, noPhases } from "../store/contract.ts";
import { type Blocked, blockedBy, neverTriggered } from "./blocking.ts";
import { MinHeap } from "./heap.ts";
import { Lanes } from "./lanes.ts";
import type { Counts, Fact, Item, TriggeringEvent } from "./model.ts";
import { Nodes } from "./nodes.ts";
import type { RunPlan } from "./plan.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface State extends Writable<Item> {
  /** Whether it holds a place in its lane. */
  held: boolean;
}

export class Machine {
  readonly #plan: RunPlan;
  readonly #items: State[] = [];
  readonly #lanes: Lanes<State>;
  readonly #nodes: Nodes;
  /** By when they are due: those that wait for another try, and those that wait for a clock. */
  readonly #retries = new MinHeap<State>();
  readonly #alarms = new MinHeap<State>();
  readonly #suspended = new Set<State>();
  readonly #phaseCounts: Record<ActionPhase, number> = { ...noPhases };
  #live: boolean;
  #retriedCount = 0;
  #withoutEffect = 0;

  constructor(plan: RunPlan, when: "present" | "past" = "present") {
    this.#plan = plan;
    this.#lanes = new Lanes(plan.caps);
    this.#nodes = new Nodes(plan);
    this.#live = when === "present";
    for (const [index, step] of plan.steps.entries()) {
      const node = plan.nodes.get(step.nodeId);
      if (node === undefined)
        throw new AkcError("COORDINATION_STEP_UNRESOLVED", { details: { step: step.stepId } });
      this.#add({
        index,
        actionId: `coordination:${step.stepId}:${step.layer}`,
        node,
        step,
        lane: this.#lanes.lane("steps", step.roleId),
        rank: index,
      });
    }
  }

  item(index: number): Item {
    return this.#state(index);
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  get inFlight(): number {
    return this.#lanes.inFlight;
  }

  /** Those that wait for a signal or a clock, in the order in which they began to. */
  get suspended(): ReadonlySet<Item> {
    return this.#suspended;
  }

  nodeState(nodeId: string): string {
    return this.#nodes.stateOf(nodeId);
  }

  /** Whether every node stands in one of its terminal states. */
  allTerminal(): boolean {
    return this.#nodes.allTerminal();
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
      waiting: phases.waiting + phases.retrying + phases.suspended,
      retried: this.#retriedCount,
      withoutEffect: this.#withoutEffect,
    };
  }

  /** When the next retry or wait is due, in milliseconds of the wall clock; Infinity when none is. */
  nextDueMs(): number {
    // A wait that its signal ended leaves its alarm behind.
    while (this.#alarms.peek()?.phase !== "suspended" && this.#alarms.size > 0) this.#alarms.pop();
    return Math.min(this.#retries.peekKey(), this.#alarms.peekKey());
  }

  /** Whether nothing is running, ready or due some time: whatever still waits will wait for ever. */
  get quiescent(): boolean {
    return this.#lanes.idle && this.#retries.size === 0 && this.#suspended.size === 0;
  }

  /** Takes the items that may start now, best first, within all caps. Each must get its `allowed` or another fact. */
  take(nowMs: number): Item[] {
    while (this.#retries.peekKey() <= nowMs) {
      const due = this.#retries.pop();
      if (due !== undefined && due.phase === "retrying") this.#lanes.push(due);
    }
    const taken = this.#lanes.take();
    for (const item of taken) item.held = true;
    return taken;
  }

  /** Takes the suspended items whose time has come. Each must get the fact that ends its wait. */
  takeDue(nowMs: number): Item[] {
    const due: Item[] = [];
    while (this.#alarms.peekKey() <= nowMs) {
      const item = this.#alarms.pop();
      if (item?.phase === "suspended") due.push(item);
    }
    return due;
  }

  /**
   * The nodes that `event` triggers become items; a workflow under coordination is not among them. Returns the new items.
   * @throws never; an endless trigger loop is cut by `triggersPerNodeMax` in the loop, which sees `triggeredCount`.
   */
  trigger(event: TriggeringEvent, nodes: readonly GraphNode[]): Item[] {
    return nodes.map((node) => {
      this.#nodes.triggered(node.nodeId);
      const index = this.#items.length;
      return this.#add({
        index,
        actionId: `${node.nodeId}:${event.eventId}`,
        node,
        trigger: event,
        lane: this.#lanes.lane("events", node.kind),
        rank: index - this.#plan.steps.length,
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
    return this.#nodes.triggeredCount(nodeId);
  }

  /** Moves an item. A fact that cannot happen in the item's phase is a fault of ours. */
  apply(fact: Fact): void {
    const item = this.#state(fact.index);
    switch (fact.kind) {
      case "allowed":
        item.attempt = fact.attempt;
        this.#move(item, "running");
        return;
      case "completed":
        item.outputSha256 = fact.result.output?.sha256 ?? null;
        item.withoutEffect = fact.result.outputs["effect"] === "none";
        this.#succeed(item, fact.transition.toState);
        return;
      case "retried":
        this.#retriedCount += 1;
        item.dueAtMs = fact.dueAtMs;
        this.#move(item, "retrying");
        if (this.#live) this.#retries.push(fact.dueAtMs, item);
        return;
      case "dead_lettered":
        this.#move(item, fact.reason === "policy_denied" ? "denied" : "failed");
        return;
      case "blocked":
        this.#move(item, "blocked");
        return;
      case "cancelled":
        this.#move(item, "cancelled");
        return;
      case "interrupted":
        item.interruptions += 1;
        item.forgiven += 1;
        this.#move(item, "waiting");
        return;
      case "suspended":
        item.signal = fact.signal;
        item.dueAtMs = fact.dueAtMs;
        this.#move(item, "suspended");
        if (this.#live && fact.dueAtMs !== null) this.#alarms.push(fact.dueAtMs, item);
        return;
      default:
        unreachable(fact);
    }
  }

  /** Only in the past: what was cancelled when the run was stopped waits again; the attempts made do not count. */
  reopen(index: number): void {
    const item = this.#state(index);
    item.forgiven = item.attempt;
    this.#set(item, "waiting");
  }

  /** Only in the past: the item waits again as if it had never begun, and its node stands where it stood at first. */
  runAgain(index: number, generation: number): void {
    const item = this.#state(index);
    if (item.withoutEffect) this.#withoutEffect -= 1;
    item.generation = generation;
    item.attempt = 0;
    item.forgiven = 0;
    item.interruptions = 0;
    item.outputSha256 = null;
    item.withoutEffect = false;
    this.#set(item, "waiting");
    this.#nodes.move(item.node.nodeId, item.node.initialState);
  }

  /** Ends the past: from here on items queue, retries and waits fall due. */
  goLive(nowMs: number, retryDelayMsMax: number): void {
    if (this.#live) return;
    this.#live = true;
    const open = this.#plan.predecessorCounts.slice();
    for (const { phase, index, node } of this.#items) {
      if (phase !== "succeeded") continue;
      this.#nodes.succeed(node.nodeId);
      for (const dependent of this.#plan.dependents[index] ?? [])
        open[dependent] = (open[dependent] ?? 0) - 1;
    }
    for (const item of this.#items) {
      switch (item.phase) {
        case "waiting":
          item.waitingFor = (open[item.index] ?? 0) + this.#nodes.gate(item.node, item.index);
          if (item.waitingFor === 0) this.#lanes.push(item);
          break;
        case "retrying":
          // A wall clock that was set back must not hold a retry longer than any back-off.
          this.#retries.push(Math.min(item.dueAtMs ?? nowMs, nowMs + retryDelayMsMax), item);
          break;
        case "suspended":
          if (item.dueAtMs !== null) this.#alarms.push(item.dueAtMs, item);
          break;
      }
    }
  }

  /** What can no longer start now that `index` has failed, nearest first: facts to record and apply. */
  blockedBy(index: number): Blocked[] {
    return blockedBy(index, { plan: this.#plan, items: this.#items, nodes: this.#nodes });
  }

  /** Once quiescent: what waits for a node that no event ever triggered. */
  neverTriggered(): Blocked[] {
    if (this.#phaseCounts.waiting === 0) return [];
    return neverTriggered({ plan: this.#plan, items: this.#items, nodes: this.#nodes });
  }

  #add(fields: Pick<Item, "index" | "actionId" | "node" | "lane" | "rank"> & Partial<Item>): Item {
    const item: State = { ...fields, ...untouched };
    this.#items.push(item);
    this.#phaseCounts.waiting += 1;
    if (!this.#live) return item;
    const predecessors = item.step === undefined ? 0 : (this.#plan.predecessorCounts[item.index] ?? 0);
    item.waitingFor = predecessors + this.#nodes.gate(item.node, item.index);
    if (item.waitingFor === 0) this.#lanes.push(item);
    return item;
  }

  #oneLess(index: number): void {
    const item = this.#state(index);
    item.waitingFor -= 1;
    if (item.waitingFor === 0 && item.phase === "waiting") this.#lanes.push(item);
  }

  #succeed(item: State, state: string): void {
    if (item.withoutEffect) this.#withoutEffect += 1;
    this.#move(item, "succeeded");
    const { nodeId } = item.node;
    this.#nodes.move(nodeId, state);
    if (!this.#live) return;
    for (const waiter of this.#nodes.succeed(nodeId)) this.#oneLess(waiter);
    if (item.step === undefined) return;
    for (const dependent of this.#plan.dependents[item.index] ?? []) this.#oneLess(dependent);
  }

  #state(index: number): State {
    const item = this.#items[index];
    if (item === undefined) throw new AkcError("INTERNAL", { message: `no item ${index}` });
    return item;
  }

  #move(item: State, phase: ActionPhase): void {
    if (settled(item.phase)) {
      throw new AkcError("INTERNAL", { message: `${item.actionId} moved from ${item.phase} to ${phase}` });
    }
    this.#set(item, phase);
  }

  #set(item: State, phase: ActionPhase): void {
    this.#phaseCounts[item.phase] -= 1;
    this.#phaseCounts[phase] += 1;
    if (item.phase === "suspended") this.#suspended.delete(item);
    if (phase === "suspended") this.#suspended.add(item);
    item.phase = phase;
    if (!item.held || phase === "running") return;
    item.held = false;
    this.#lanes.release(item);
  }
}

const untouched = {
  phase: "waiting",
  attempt: 0,
  forgiven: 0,
  interruptions: 0,
  generation: 0,
  waitingFor: 0,
  outputSha256: null,
  withoutEffect: false,
  signal: null,
  dueAtMs: null,
  held: false,
} as const satisfies Partial<State>;

function settled(phase: ActionPhase): boolean {
  switch (phase) {
    case "waiting":
    case "running":
    case "retrying":
    case "suspended":
      return false;
    default:
      return true;
  }
}
