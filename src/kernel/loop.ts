/**
 * Runs a plan to its end: takes what may start, asks the policy, records the intent, lets the adapter act, records the
 * outcome. An effect starts only after the commit that holds its intent; its outcome is durable before anything that
 * depends on it starts. Outcomes and the next intents share one commit.
 *
 * Source: architecture "How a run flows"; spec kernel §9; kernel:W-1, W-2, W-7, W-14.
 */
import type { ActionResult, ArtifactRef, RuntimeAction } from "../adapters/contract.ts";
import { missingInputs } from "../bundle/contract.ts";
import type { Route } from "../bundle/model.ts";
import { limits } from "../limits.ts";
import { decide } from "../policy/decide.ts";
import { failpoint } from "../system/failpoint.ts";
import { createHeapGuard } from "../system/heap-guard.ts";
import { steadyClock } from "../system/steady-clock.ts";
import { actionOf, emptyOutput, type LeftByStep, leftByStep, type StepOutputs } from "./action.ts";
import { admit } from "./admission.ts";
import { createCutWatch } from "./cut-watch.ts";
import type { KernelDeps } from "./deps.ts";
import { finish, type KernelReport } from "./ending.ts";
import { createJournal, type Journal } from "./journal.ts";
import { judge } from "./judge.ts";
import { Launcher } from "./launcher.ts";
import { Machine } from "./machine.ts";
import type { Item } from "./model.ts";
import { begin, goOn } from "./opening.ts";
import type { RunPlan } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import { retryPolicyOf } from "./retry.ts";
import { createSpending, type Spending } from "./spending.ts";
import { type Ended, noteFallback, Waits, waitsItself } from "./waits.ts";

export type { KernelDeps } from "./deps.ts";
export type { KernelReport } from "./ending.ts";

/** @throws AkcError STEP_UNKNOWN for a step to run again that is not there; whatever the store throws */
export async function runKernel(plan: RunPlan, deps: KernelDeps): Promise<KernelReport> {
  // What is due must not wait for a wall clock that was set back.
  return new Kernel(plan, { ...deps, clock: steadyClock(deps.clock) }).run();
}

class Kernel implements StepOutputs {
  readonly #plan: RunPlan;
  readonly #deps: KernelDeps;
  readonly #machine: Machine;
  readonly #journal: Journal;
  readonly #recorder: Recorder;
  readonly #launcher: Launcher;
  /** Aborts every attempt under way. */
  readonly #cancel = new AbortController();
  readonly #outputs: Map<string, ArtifactRef>;
  readonly #left: Map<string, LeftByStep>;
  readonly #spending: Spending;
  readonly #deadlineAt: number;
  readonly #waits: Waits;
  readonly #checkCut: () => Promise<void>;
  readonly #guardHeap: () => void;
  #inbox: Ended[] = [];
  #wake: () => void = () => {};
  #turns = 0;
  #yieldDueAt = 0;

  constructor(plan: RunPlan, deps: KernelDeps) {
    this.#plan = plan;
    this.#deps = deps;
    const { past } = deps;
    this.#machine = past?.machine ?? new Machine(plan);
    this.#outputs = new Map(past?.outputs);
    this.#left = new Map(past?.left);
    this.#spending = createSpending(deps.budget, past?.spent);
    this.#journal = createJournal(deps.context.runtimeRunId, past);
    this.#recorder = new Recorder({
      ...deps,
      plan,
      machine: this.#machine,
      journal: this.#journal,
      watched: deps.onProgress !== undefined,
    });
    this.#deadlineAt = deps.clock.monotonicMs() + (deps.deadlineMs ?? limits.runDeadlineMsMax);
    this.#guardHeap = createHeapGuard(deps.clock.monotonicMs);
    this.#checkCut = createCutWatch(deps, this.#recorder, this.#deadlineAt);
    this.#waits = new Waits({ ...deps, machine: this.#machine, recorder: this.#recorder });
    this.#launcher = new Launcher({
      ...deps,
      recorder: this.#recorder,
      outputs: this,
      cancelled: this.#cancel.signal,
      deadlineAt: this.#deadlineAt,
      arrive: (item, result) => {
        this.#inbox.push({ item, result });
        this.#wake();
      },
    });
  }

  async run(): Promise<KernelReport> {
    const { signal } = this.#deps;
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      this.#open();
      for (;;) {
        this.#turns += 1;
        this.#recorder.takeNotes();
        if (this.#recorder.cut === undefined) this.#inbox.push(...(await this.#waits.ended()));
        this.#settle();
        await this.#checkCut();
        if (this.#recorder.cut !== undefined) this.#cancel.abort();
        const starts = this.#admitReady();
        this.#blockForgotten();
        await this.#commit();
        this.#launcher.throwIfBroken();
        if (starts.length > 0) {
          failpoint("kernel.intents_durable");
          await this.#holdOn();
        }
        for (const item of starts) this.#launcher.launch(item);
        if (this.#machine.inFlight === 0 && (this.#recorder.cut !== undefined || this.#machine.quiescent))
          break;
        await this.#wait();
      }
      return await this.#finish();
    } finally {
      signal.removeEventListener("abort", wake);
      await this.#endAll();
    }
  }

  outputOf(stepId: string): ArtifactRef | undefined {
    return this.#outputs.get(stepId);
  }

  leftBy(stepId: string): LeftByStep | undefined {
    return this.#left.get(stepId);
  }

  #keep(stepId: string, { output = emptyOutput, outputs, files }: ActionResult): void {
    this.#outputs.set(stepId, output);
    if (this.#plan.stepsRead?.has(stepId) === true) this.#left.set(stepId, leftByStep(outputs, files));
  }

  get #parts() {
    return {
      ...this.#deps,
      plan: this.#plan,
      machine: this.#machine,
      journal: this.#journal,
      recorder: this.#recorder,
      commit: () => this.#commit(),
      checkCut: this.#checkCut,
    };
  }

  #open(): void {
    const { past, rerun = [] } = this.#deps;
    const opening = { ...this.#parts, open: (item: Item) => this.#describe(item) };
    if (past === undefined) begin(opening);
    else this.#launcher.lostSightOf = goOn(opening, past, rerun);
    for (const item of this.#machine.suspended) this.#describe(item);
  }

  /** Writes down what an item's action looks like on the wire, for the facts about it. */
  #describe(item: Item): { readonly action: RuntimeAction; readonly route: Route } {
    const { context, specSha256, routeOf, past } = this.#deps;
    const action = actionOf(item, { runtimeRunId: context.runtimeRunId, specSha256, outputs: this });
    const route = routeOf(item);
    this.#recorder.open(item, action, route, past?.allowedAt.get(item.index));
    return { action, route };
  }

  /** Records what came of the attempts that have ended. */
  #settle(): void {
    if (this.#inbox.length === 0) return;
    const ended = this.#inbox;
    this.#inbox = [];
    // One clock reading a turn: what is committed together happened together.
    const nowMs = this.#deps.clock.nowMs();
    for (const { item, result } of ended) {
      const spent = this.#spending.account(result);
      if (spent !== undefined) this.#recorder.exhaust(spent, nowMs);
      const fact = judge({
        item,
        result,
        route: this.#recorder.underWay.get(item.index)?.route,
        nodeState: this.#machine.nodeState(item.node.nodeId),
        nowMs,
        retry: retryPolicyOf(item.node, this.#plan.retry),
        retryAllowed: this.#retryAllowed(item, result, nowMs),
        simulated: this.#deps.policy.mode === "simulate",
        cancelledBy: this.#recorder.cut?.kind === "exhausted" ? "deadline" : "stopped",
      });
      if (fact.kind === "completed" && item.step !== undefined) {
        this.#keep(item.step.stepId, fact.result);
      }
      this.#recorder.record(fact, nowMs);
    }
  }

  #retryAllowed(item: Item, result: ActionResult, nowMs: number): boolean {
    // Also when the run is cut: whoever goes on with it makes the try that is owed.
    if (result.error?.retryable !== true) return false;
    if (item.attempt - item.forgiven >= retryPolicyOf(item.node, this.#plan.retry).attemptsMax) return false;
    const decision = decide(this.#deps.policy, "runtime.action.retry");
    this.#journal.decision(decision, { action_id: item.actionId, reason: result.error.code }, nowMs);
    return decision.allowed;
  }

  /** Takes what may start and asks the policy; what it allows is recorded and returned. */
  #admitReady(): Item[] {
    const starts: Item[] = [];
    const nowMs = this.#deps.clock.nowMs();
    while (this.#recorder.cut === undefined) {
      const ready = this.#machine.take(nowMs);
      if (ready.length === 0) break;
      for (const item of ready) if (this.#admit(item, nowMs)) starts.push(item);
    }
    return starts;
  }

  #admit(item: Item, nowMs: number): boolean {
    const { policy, adapter, context, hasEffect } = this.#deps;
    const { action, route } = this.#describe(item);
    const admission = admit({
      item,
      action,
      route,
      policy,
      routed: adapter.respectsRouting,
      hasEffect: hasEffect(item, route),
      missingInputs:
        item.trigger === undefined || item.node.contract === undefined
          ? []
          : missingInputs(item.node.contract, item.trigger.payload),
    });
    const about = { action_id: action.actionId, action_type: action.actionType, node_id: action.nodeId };
    for (const decision of admission.decisions) this.#journal.decision(decision, about, nowMs);
    if (!admission.admitted) {
      const { reason, error } = admission;
      this.#recorder.record({ kind: "dead_lettered", index: item.index, reason, error }, nowMs);
      return false;
    }
    const spent = this.#spending.dispatch();
    if (spent !== undefined) {
      this.#recorder.exhaust(spent, nowMs);
      this.#recorder.record({ kind: "cancelled", index: item.index, reason: "deadline" }, nowMs);
      return false;
    }
    this.#recorder.record({ kind: "allowed", index: item.index, attempt: item.attempt + 1 }, nowMs);
    if (route.kind !== "wait" || policy.mode === "simulate" || waitsItself(adapter, route)) return true;
    noteFallback(adapter, context, route);
    this.#waits.begin(item, route, nowMs);
    return false;
  }

  /** When nothing can move any more: what still waits has waited for something that never came. */
  #blockForgotten(): void {
    const nowMs = this.#deps.clock.nowMs();
    // What is blocked here may set off what can never start either.
    while (this.#recorder.cut === undefined && this.#machine.quiescent) {
      const forgotten = this.#machine.neverTriggered();
      if (forgotten.length === 0) return;
      for (const fact of forgotten) this.#recorder.record(fact, nowMs);
    }
  }

  async #commit(): Promise<void> {
    const { writer, onProgress } = this.#deps;
    if (this.#journal.empty) return;
    await writer.commit(this.#journal.take());
    this.#deps.onCommitted?.(this.#machine);
    if (onProgress !== undefined) for (const progress of this.#recorder.takeProgress()) onProgress(progress);
  }

  /** A process that stood still for longer than its lease lasts may have been replaced; then it starts nothing more. */
  async #holdOn(): Promise<void> {
    const { writer, clock } = this.#deps;
    const nowMs = clock.nowMs();
    if (nowMs >= writer.lease.expiresAtMs) await writer.renew(nowMs);
  }

  /** Sleeps until an attempt ends, a retry is due, the run is out of time, or it is time to look for a stop request. */
  async #wait(): Promise<void> {
    const { clock } = this.#deps;
    const toldToEnd = this.#deps.signal.aborted && this.#recorder.cut === undefined;
    if (this.#inbox.length === 0 && !toldToEnd) {
      const retryIn = this.#machine.nextDueMs() - clock.nowMs();
      const due = Math.min(
        retryIn,
        this.#waits.pollInMs(),
        this.#deadlineAt - clock.monotonicMs(),
        limits.stopPollMs,
      );
      // A run that is cut waits for its attempts to end and for nothing else: what was due before is due no more.
      await this.#sleep(this.#recorder.cut === undefined ? Math.max(0, due) : limits.stopPollMs);
    }
    // Signals, timers and other attempts' ends must get their turn, also when actions end at once.
    if (clock.monotonicMs() >= this.#yieldDueAt) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#yieldDueAt = clock.monotonicMs() + 2;
      this.#guardHeap();
    }
  }

  async #sleep(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#deps.clock.sleep(ms, woken.signal);
    this.#wake = () => {};
  }

  async #finish(): Promise<KernelReport> {
    const ended = await finish(this.#parts, this.#turns);
    failpoint("kernel.before_finish");
    await this.#commit();
    failpoint("kernel.finished");
    return { ...ended, lastSeq: this.#journal.lastSeq };
  }

  /** On a fault of ours or of the store: nothing may be left running when the error is shown. */
  async #endAll(): Promise<void> {
    if (this.#launcher.underWay === 0) return;
    this.#cancel.abort();
    const until = this.#deps.clock.monotonicMs() + limits.cancelGraceMs + limits.killGraceMs;
    while (this.#launcher.underWay > 0 && this.#deps.clock.monotonicMs() < until)
      await this.#sleep(limits.stopPollMs);
  }
}
