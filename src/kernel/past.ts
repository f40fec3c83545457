/**
 * What a run's events say of its past: the machine as it stood, what was used up, and what is still owed. It reads; whoever
 * goes on with the run decides what to make of it (`opening.ts`).
 *
 * Source: architecture "Events are the truth"; spec kernel §9.3, §9.12; kernel:W-5, W-9, W-10.
 */
import type { ActionResult, ArtifactRef } from "../adapters/contract.ts";
import { AkcError, type ErrorCode, errorCodes } from "../errors.ts";
import { eventIdOf } from "../evidence/project.ts";
import { limits } from "../limits.ts";
import type { RunReader, StoredEvent } from "../store/contract.ts";
import { type LeftByStep, leftByStep } from "./action.ts";
import { DecisionDigest } from "./decision-digest.ts";
import type { JournalStart } from "./journal.ts";
import { Machine } from "./machine.ts";
import type { DeadLetterReason, Fact, Item } from "./model.ts";
import type { RunPlan } from "./plan.ts";
import { type RecordedFact, recordedFact } from "./recorded.ts";
import { type AllowedAt, type ConsumedEvent, failureText } from "./recorder.ts";
import { addCost, nothingSpent, type Spent } from "./spending.ts";

export interface Past extends JournalStart {
  /** In the past still: `goLive` ends it. */
  readonly machine: Machine;
  /** Whether the run ever said that it started: the first turn may have been refused by the store. */
  readonly begun: boolean;
  /** Of the last part that was run again; 0 when none was. */
  readonly generation: number;
  readonly spent: Readonly<Spent>;
  /** What steps handed over, by step id. */
  readonly outputs: ReadonlyMap<string, ArtifactRef>;
  /** What else was left by the steps of which others name files or values. */
  readonly left: ReadonlyMap<string, LeftByStep>;
  /** What went wrong with each item that has not succeeded since, first things first. */
  readonly failures: ReadonlyMap<number, { readonly code: ErrorCode; readonly message: string }>;
  /** Of the attempts that are under way or suspended. */
  readonly allowedAt: ReadonlyMap<number, AllowedAt>;
  /** Events that something waits for and that triggered nothing: a stop came first, or the policy forbade it. */
  readonly unconsumed: readonly ConsumedEvent[];
}

const pageEvents = 1_024;

/**
 * Folds all events of a run. Memory follows the plan and the outputs, not the number of events.
 * @throws AkcError STORE_DAMAGED when an event cannot have happened in this plan after those before it
 */
export async function readPast(
  plan: RunPlan,
  reader: Pick<RunReader, "run" | "events" | "decisions">,
): Promise<Past> {
  const { context } = await reader.run();
  const history = new History(plan, context.runtimeRunId);
  for (;;) {
    const page = await reader.events(history.lastSeq, pageEvents);
    if (page.length === 0) break;
    for (const event of page) history.add(event);
  }
  return { ...history.close(), digest: await digestOf(reader) };
}

/** Over all decisions of the run so far. */
export async function digestOf(reader: Pick<RunReader, "decisions">): Promise<DecisionDigest> {
  const digest = new DecisionDigest();
  for (;;) {
    const page = await reader.decisions(digest.count, pageEvents);
    if (page.length === 0) return digest;
    digest.add(page);
  }
}

class History {
  readonly #plan: RunPlan;
  readonly #runtimeRunId: string;
  readonly #machine: Machine;
  readonly #indexes = new Map<string, number>();
  readonly #outputs = new Map<string, ArtifactRef>();
  readonly #left = new Map<string, LeftByStep>();
  readonly #failures = new Map<number, { readonly code: ErrorCode; readonly message: string }>();
  readonly #allowedAt = new Map<number, AllowedAt>();
  readonly #spent: Spent = { ...nothingSpent };
  #unconsumed: ConsumedEvent[] = [];
  /** Will have triggered what they trigger, unless the next event says that they were refused. */
  #pending: ConsumedEvent[] = [];
  #cut = false;
  /** Between an end and whoever goes on: what is recorded then (missing evidence, reconciling) triggered nothing and never will. */
  #over = false;
  #begun = false;
  #generation = 0;
  lastSeq = 0;

  constructor(plan: RunPlan, runtimeRunId: string) {
    this.#plan = plan;
    this.#runtimeRunId = runtimeRunId;
    this.#machine = new Machine(plan, "past");
    this.#learn(this.#machine.items);
  }

  add(event: StoredEvent): void {
    this.lastSeq = event.seq;
    const fact = recordedFact(event);
    if (fact?.kind === "event_refused") this.#refuse(fact.eventSeq);
    else this.#consumePending();
    try {
      if (fact !== undefined) this.#apply(fact, event);
    } catch (cause) {
      throw impossible(event, cause);
    }
    const wasOver = this.#over;
    this.#over =
      fact?.kind === "finished" || fact?.kind === "failed" || (wasOver && fact?.kind !== "resumed");
    if (wasOver && this.#over) return;
    if (!this.#plan.triggered.has(event.type)) return;
    const { seq, type, payload, atMs } = event;
    if (this.#cut) this.#unconsumed.push({ seq, type, payload, atMs });
    // A resumed run looks at what it missed after its own first event.
    else this.#pending.unshift({ seq, type, payload, atMs });
  }

  close(): Omit<Past, "digest"> {
    this.#consumePending();
    return {
      machine: this.#machine,
      begun: this.#begun,
      lastSeq: this.lastSeq,
      generation: this.#generation,
      spent: this.#spent,
      outputs: this.#outputs,
      left: this.#left,
      failures: this.#failures,
      allowedAt: this.#allowedAt,
      unconsumed: this.#unconsumed,
    };
  }

  #apply(fact: RecordedFact, { seq, atMs }: StoredEvent): void {
    switch (fact.kind) {
      case "allowed": {
        const index = this.#move(fact, { kind: "allowed", attempt: fact.attempt });
        this.#allowedAt.set(index, { seq, atMs });
        this.#spent.dispatches += 1;
        return;
      }
      case "completed": {
        const index = this.#move(fact, completion(fact));
        const { step } = this.#machine.item(index);
        if (step !== undefined && fact.output !== null) this.#outputs.set(step.stepId, fact.output);
        if (step !== undefined && this.#plan.stepsRead?.has(step.stepId) === true)
          this.#left.set(step.stepId, leftByStep(fact.outputs, fact.files));
        this.#end(index, fact);
        return;
      }
      case "retried": {
        const { delayMs, dueAtMs } = fact;
        const error = { code: knownCode(fact.errorCode), message: fact.error, retryable: true };
        const reason = knownReason(fact.reason);
        this.#end(this.#move(fact, { kind: "retried", reason, error, delayMs, dueAtMs }), fact);
        return;
      }
      case "dead_lettered": {
        const error = { code: knownCode(fact.errorCode), message: fact.error, retryable: false };
        const index = this.#move(fact, { kind: "dead_lettered", reason: knownReason(fact.reason), error });
        this.#end(index, fact);
        this.#failures.set(index, {
          code: error.code,
          message: failureText(this.#machine.item(index), error),
        });
        return;
      }
      case "blocked":
        this.#move(fact, { kind: "blocked", by: fact.by, reason: "predecessor_failed" });
        return;
      case "cancelled":
        this.#end(this.#move(fact, { kind: "cancelled", reason: "stopped" }), {});
        return;
      case "interrupted":
        this.#end(this.#move(fact, { kind: "interrupted" }), {});
        return;
      case "suspended":
        this.#move(fact, { kind: "suspended", signal: fact.signal, dueAtMs: fact.dueAtMs });
        return;
      case "resumed":
        this.#cut = false;
        this.#pending.push(...this.#unconsumed.splice(0));
        for (const actionId of fact.reopened) this.#machine.reopen(this.#indexOf(actionId));
        return;
      case "rerun":
        this.#generation = fact.generation;
        for (const actionId of fact.actionIds) this.#runAgain(this.#indexOf(actionId));
        return;
      case "started":
        this.#begun = true;
        return;
      case "stop_requested":
      case "deadline_exceeded":
      case "budget_exceeded":
        this.#cut = true;
        return;
      case "malformed":
        throw new AkcError("STORE_DAMAGED", { message: fact.fault });
    }
  }

  #runAgain(index: number): void {
    this.#machine.runAgain(index, this.#generation);
    this.#failures.delete(index);
    this.#allowedAt.delete(index);
    const { step } = this.#machine.item(index);
    if (step === undefined) return;
    this.#outputs.delete(step.stepId);
    this.#left.delete(step.stepId);
  }

  #end(index: number, { cost }: { readonly cost?: Parameters<typeof addCost>[1] }): void {
    this.#allowedAt.delete(index);
    addCost(this.#spent, cost);
  }

  #move(recorded: { readonly actionId: string }, fact: DistributiveOmit<Fact, "index">): number {
    const index = this.#indexOf(recorded.actionId);
    this.#machine.apply({ ...fact, index });
    return index;
  }

  #refuse(eventSeq: number): void {
    this.#unconsumed.push(...this.#pending.filter(({ seq }) => seq === eventSeq));
    this.#pending = this.#pending.filter(({ seq }) => seq !== eventSeq);
  }

  #consumePending(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending.splice(0);
    for (const [at, { seq, type, payload: text, atMs }] of pending.entries()) {
      const payload = JSON.parse(text);
      const nodes = this.#machine.triggeredBy(type, payload);
      const eventId = eventIdOf(this.#runtimeRunId, type, atMs, seq);
      this.#learn(this.#machine.trigger({ eventId, type, atMs, payload }, nodes));
      // A node that was triggered too often cut the run: what came after triggered nothing.
      const counts = nodes.map(({ nodeId }) => this.#machine.triggeredCount(nodeId));
      if (counts.every((count) => count <= limits.triggersPerNodeMax)) continue;
      this.#unconsumed.push(...pending.slice(at + 1));
      return;
    }
  }

  #learn(items: readonly Item[]): void {
    for (const { actionId, index } of items) this.#indexes.set(actionId, index);
  }

  #indexOf(actionId: string): number {
    const index = this.#indexes.get(actionId);
    if (index !== undefined) return index;
    throw new AkcError("STORE_DAMAGED", { message: `the plan has no action ${actionId}` });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Of a result, only what the machine looks at is kept. */
function completion({
  withoutEffect,
  output,
  toState,
}: Extract<RecordedFact, { kind: "completed" }>): DistributiveOmit<
  Extract<Fact, { kind: "completed" }>,
  "index"
> {
  const result: ActionResult = {
    status: "succeeded",
    outputs: withoutEffect ? { effect: "none" } : {},
    durationMs: 0,
    ...(output === null ? {} : { output }),
  };
  return {
    kind: "completed",
    result,
    transition: { transitionId: "", fromState: "", toState: toState ?? "completed" },
  };
}

function knownCode(code: string | undefined): ErrorCode {
  return code !== undefined && isErrorCode(code) ? code : "ADAPTER_FAILED";
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

const reasons = ["policy_denied", "budget_exceeded", "contract_violation", "backend_error"] as const;

function knownReason(reason: string): DeadLetterReason {
  return reasons.find((known) => known === reason) ?? "backend_error";
}

function impossible({ seq, type }: StoredEvent, cause: unknown): AkcError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AkcError("STORE_DAMAGED", {
    message: `the run's history cannot be followed: event ${seq} (${type}) contradicts those before it`,
    hint: "Check it with `akc runtime verify RUN`; the bundle must be the one that the run was started with.",
    cause,
    details: { seq, type, why },
  });
}
