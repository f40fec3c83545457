/**
 * Sees every commit and every offer to an adapter, and holds them against what akc promises. It keeps its own copy of
 * what became durable, so that nothing that is kept can be changed or dropped unseen.
 */
import type { ActionRequest } from "../../src/adapters/contract.ts";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import type { RunPlan } from "../../src/kernel/plan.ts";
import { limits } from "../../src/limits.ts";
import type { NewEvent, RunReader, Signal, Turn } from "../../src/store/contract.ts";
import { Book, isSettled } from "./book.ts";
import type { Life } from "./life.ts";

/** A process's claim on the run, as the witness sees it. */
export interface Claim {
  readonly life: Life;
  readonly token: number;
  /** `action#generation#attempt` of every intent that this process made durable. */
  readonly intents: Set<string>;
  readonly running: Map<string, ActionRequest>;
  /** Whether the run was cut in this life: what happens afterwards triggers nothing. */
  cut: boolean;
}

export class Witness {
  readonly faults: string[] = [];
  readonly book = new Book((why) => this.fault(why));
  /** Every event that became durable, as it was then. */
  readonly events: NewEvent[] = [];
  /** Highest token under which something became durable. */
  token = 0;
  readonly #plan: RunPlan;
  readonly #offered = new Set<string>();
  readonly #keys = new Map<string, string>();
  readonly #triggered = new Set<string>();
  readonly #received = new Set<string>();
  readonly #arrived: Pick<Signal, "id" | "name" | "sentAtMs">[] = [];
  readonly #mayConsume: boolean;
  readonly #wallIsTrue: boolean;

  /** @param wallIsTrue whether nobody sets the wall clock: only then do times of different processes compare */
  constructor(plan: RunPlan, options: { readonly mayConsume: boolean; readonly wallIsTrue: boolean }) {
    this.#plan = plan;
    this.#mayConsume = options.mayConsume;
    this.#wallIsTrue = options.wallIsTrue;
  }

  keyOf(actionId: string): string | undefined {
    return this.#keys.get(`${actionId}#${this.book.entry(actionId).generation}`);
  }

  fault(why: string): void {
    this.faults.push(why);
  }

  /** A signal is in the inbox. */
  arrived(signal: Pick<Signal, "id" | "name" | "sentAtMs">): void {
    if (!this.#arrived.some(({ id }) => id === signal.id)) this.#arrived.push(signal);
  }

  /** Before the store takes the turn. */
  checkTurn(turn: Turn): void {
    for (const { type, payload, atMs, seq } of turn.events) {
      for (const fault of payloadFaults(type, JSON.parse(payload)))
        this.fault(`event ${seq} ${type} ${fault}`);
      if (!Number.isInteger(atMs)) this.fault(`event ${seq} at ${atMs}`);
    }
  }

  /** The turn is durable now, whether the process ever learns of it or not. */
  durable(claim: Claim, turn: Turn): void {
    if (claim.token < this.token)
      this.fault(`a write under token ${claim.token} after one under ${this.token}`);
    this.token = claim.token;
    for (const event of turn.events) {
      if (event.seq !== this.events.length + 1)
        this.fault(`event ${event.seq} follows event ${this.events.length}`);
      this.events.push({ ...event });
      this.#checkTimes(event);
      this.book.read(event);
      this.#note(claim, event);
    }
    const last = new Map(turn.actions.map((row) => [row.actionId, row]));
    for (const row of last.values()) {
      const fault = this.book.faultOf(row);
      if (fault !== undefined) this.fault(fault);
    }
    const rows = new Set(turn.actions.map(({ actionId }) => actionId));
    for (const event of turn.events) this.#checkTriggers(claim, event, rows);
  }

  /** An adapter is asked to do something, or whether it was done. */
  offered(claim: Claim, request: ActionRequest, holder: boolean, kind: "execute" | "recover"): void {
    const { action, attempt, step } = request;
    const { actionId } = action;
    const { generation } = this.book.entry(actionId);
    const name = `${actionId}#${generation}#${attempt}`;
    if (!claim.intents.has(name)) this.fault(`${name} began before its intent was durable`);
    if (this.#offered.has(`${kind} ${name}`)) this.fault(`${name} was offered twice (${kind})`);
    this.#offered.add(`${kind} ${name}`);
    const entry = this.book.entry(actionId);
    if (holder && entry.phase !== "running") this.fault(`${name} began while it is ${entry.phase}`);
    if (kind === "recover" && entry.interruptions === 0) this.fault(`${name} was never interrupted`);
    const ofGeneration = `${actionId}#${generation}`;
    const key = this.#keys.get(ofGeneration);
    if (key !== undefined && key !== action.idempotencyKey) this.fault(`${actionId} changed its key`);
    this.#keys.set(ofGeneration, action.idempotencyKey);
    for (const id of step?.predecessors ?? []) {
      const index = this.#plan.steps.findIndex(({ stepId }) => stepId === id);
      const before = this.book.entry(`coordination:${id}:${this.#plan.steps[index]?.layer}`);
      if (before.phase !== "succeeded") this.fault(`${name} began while ${id} is ${before.phase}`);
      const handed = request.handoffs.find(({ stepId }) => stepId === id);
      if (handed !== undefined && before.outputSha256 !== null && handed.sha256 !== before.outputSha256)
        this.fault(`${name} was handed another output of ${id}`);
    }
    for (const gate of this.#plan.nodeGates.get(action.nodeId) ?? []) {
      const open = [...this.book.entries].some(([id, { phase }]) => {
        return phase === "succeeded" && id.startsWith(`${gate}:`);
      });
      if (!open) this.fault(`${name} began before ${gate} succeeded`);
    }
  }

  began(claim: Claim, request: ActionRequest): void {
    claim.running.set(request.action.actionId, request);
    const { caps } = this.#plan;
    const running = [...claim.running.values()];
    const steps = running.filter(({ step }) => step !== undefined);
    const inRole = steps.filter(({ step }) => step?.roleId === request.step?.roleId);
    const ofKind = running.filter(({ step, node }) => step === undefined && node.kind === request.node.kind);
    if (running.length > caps.total) this.fault(`${running.length} actions at once, not ${caps.total}`);
    if (steps.length > caps.steps) this.fault(`${steps.length} steps at once, not ${caps.steps}`);
    if (request.step !== undefined && inRole.length > caps.stepsPerRole)
      this.fault(`${inRole.length} steps of a role at once, not ${caps.stepsPerRole}`);
    if (request.step === undefined && ofKind.length > caps.perClass)
      this.fault(`${ofKind.length} actions of a kind at once, not ${caps.perClass}`);
  }

  ended(claim: Claim, request: ActionRequest): void {
    claim.running.delete(request.action.actionId);
  }

  /** What the store gives back is what became durable, all of it and unchanged. */
  async checkKept(reader: RunReader): Promise<void> {
    const events = await reader.events(0, this.events.length + 10);
    if (events.length !== this.events.length)
      this.fault(`${events.length} events are kept, ${this.events.length} were durable`);
    let before = events[0]?.prevSha256;
    for (const [index, event] of events.entries()) {
      const own = this.events[index];
      if (
        own === undefined ||
        own.type !== event.type ||
        own.payload !== event.payload ||
        own.atMs !== event.atMs
      )
        this.fault(`event ${event.seq} is not as it was`);
      if (event.prevSha256 !== before) this.fault(`the chain breaks at event ${event.seq}`);
      before = event.sha256;
    }
    const rows = new Map((await reader.actions()).map((row) => [row.actionId, row]));
    for (const row of rows.values()) {
      const fault = this.book.faultOf(row);
      if (fault !== undefined) this.fault(fault);
    }
    for (const [actionId, { phase, attempt }] of this.book.entries) {
      if (!rows.has(actionId) && (attempt > 0 || phase !== "waiting")) this.fault(`${actionId} has no row`);
    }
  }

  /** At the end of a run that was not cut: nothing is left half done. */
  checkSettled(): void {
    for (const { stepId, layer } of this.#plan.steps) this.#mustBeSettled(`coordination:${stepId}:${layer}`);
    for (const actionId of this.#triggered) this.#mustBeSettled(actionId);
    for (const [actionId, entry] of this.book.entries) {
      if (entry.failures > this.#plan.retry.attemptsMax)
        this.fault(`${actionId} failed ${entry.failures} times`);
      // The last one is what it is given up at.
      if (entry.interruptions > limits.interruptionsMax + 1)
        this.fault(`${actionId} was interrupted ${entry.interruptions} times`);
    }
  }

  /** A signal is taken once; no try is made before it is due; the time of a process never goes back. */
  #checkTimes({ seq, type, payload, atMs }: NewEvent): void {
    if (type === "runtime.signal.received") {
      const { signal_id, sent_at_ms, action_id } = JSON.parse(payload);
      const { dueAtMs } = this.book.entry(action_id);
      if (dueAtMs !== null && sent_at_ms > dueAtMs)
        this.fault(`event ${seq}: signal ${signal_id} came too late`);
      if (this.#received.has(signal_id)) this.fault(`event ${seq}: signal ${signal_id} was taken twice`);
      this.#received.add(signal_id);
    }
    if (!this.#wallIsTrue) return;
    const before = this.events.at(-2);
    if (before !== undefined && before.atMs > atMs) this.fault(`event ${seq} is older than the one before`);
    if (type === "runtime.action.dead_lettered") this.#checkTimeout(seq, payload, atMs);
    if (type !== "runtime.action.policy_allowed") return;
    const { action_id } = JSON.parse(payload);
    const { phase, dueAtMs } = this.book.entry(action_id);
    if (phase === "retrying" && dueAtMs !== null && atMs < dueAtMs)
      this.fault(`event ${seq}: ${action_id} was tried again ${dueAtMs - atMs} ms too early`);
  }

  /** No wait is over while a signal lies there that came in time. */
  #checkTimeout(seq: number, payload: string, atMs: number): void {
    const { action, error_code } = JSON.parse(payload);
    if (error_code !== "WAIT_TIMEOUT") return;
    const { signal, dueAtMs } = this.book.entry(action.action_id);
    const inTime = this.#arrived.find(({ id, name, sentAtMs }) => {
      // What comes while the inbox is being read comes too late.
      return name === signal && !this.#received.has(id) && sentAtMs < Math.min(dueAtMs ?? atMs, atMs - 1);
    });
    if (inTime !== undefined) this.fault(`event ${seq}: ${inTime.id} had come in time`);
  }

  #mustBeSettled(actionId: string): void {
    const { phase } = this.book.entry(actionId);
    if (!isSettled(phase)) this.fault(`${actionId} was left ${phase}`);
  }

  #note(claim: Claim, { seq, type, payload }: NewEvent): void {
    if (type === "runtime.action.cancelled" && !claim.cut)
      this.fault(`event ${seq} cancels an action of a run that goes on`);
    if (type === "runtime.action.policy_allowed") {
      const { action_id, attempt } = JSON.parse(payload);
      claim.intents.add(`${action_id}#${this.book.entry(action_id).generation}#${attempt}`);
    }
    // Who does not end when told to is given up: its place is free, whatever it still does.
    for (const [actionId, { signal, attempt }] of claim.running) {
      const { phase, attempt: last } = this.book.entry(actionId);
      if (signal.aborted && (phase !== "running" || last !== attempt)) claim.running.delete(actionId);
    }
    if (cutTypes.includes(type)) claim.cut = true;
  }

  #checkTriggers(claim: Claim, event: NewEvent, rows: ReadonlySet<string>): void {
    const waiting = this.#plan.triggered.get(event.type);
    if (waiting === undefined) return;
    for (const { node } of waiting) {
      const actionId = `${node.nodeId}:rt-1:${event.type}:${event.atMs}:${event.seq}`;
      if (rows.has(actionId)) this.#triggered.add(actionId);
      else if (!claim.cut && this.#mayConsume)
        this.fault(`event ${event.seq} did not trigger ${node.nodeId}`);
    }
  }
}

const cutTypes = [
  "runtime.kernel.stop_requested",
  "runtime.kernel.deadline_exceeded",
  "runtime.kernel.budget_exceeded",
];
