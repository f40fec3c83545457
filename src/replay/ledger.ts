/**
 * Folds the events of a run into the rows that must stand beside them: every action, and the run's own columns. Pure, and
 * without the bundle: what it knows, the events say. It keeps a row an action, never an event.
 *
 * Source: architecture "Events are the truth"; spec kernel §9.3.
 */
import { unreachable } from "../errors.ts";
import type { RecordedFact } from "../kernel/recorded.ts";
import { type ActionPhase, type NewEvent, noPhases, outcomes, type RunRow } from "../store/contract.ts";
import { Deployment, type ToldRollout } from "./deployment.ts";
import { Entries, type LedgerRow } from "./entries.ts";

export type RunColumns = Pick<RunRow, "status" | "outcome" | "finishedAtMs" | "lastError">;

/** The event that last told how many decisions there were until then: an end of the run or of a pass that reconciled. */
export interface Covered {
  readonly seq: number;
  readonly decisionCount: number | undefined;
  readonly decisionsSha256: string | undefined;
}

export interface TakenSignal {
  readonly seq: number;
  readonly name: string;
  readonly payloadSha256: string;
}

/** What an event cannot say after those before it, or does not say at all. */
export interface LedgerFault {
  readonly about: "action" | "run" | "signal" | "deployment";
  readonly name: string;
  readonly expected: string;
  readonly found: string;
}

export class Ledger {
  readonly #entries: Entries;
  readonly #phases: Record<ActionPhase, number> = { ...noPhases };
  readonly #signals = new Map<string, TakenSignal>();
  #run: RunColumns = { status: "running", outcome: null, finishedAtMs: null, lastError: null };
  #columnsKnown = true;
  #goingOn = false;
  #endSeq: number | undefined;
  #covered: Covered | undefined;
  readonly #deployment = new Deployment();
  #generation = 0;
  #type = "";

  constructor(runtimeRunId: string) {
    this.#entries = new Entries(runtimeRunId);
  }

  /**
   * The next event with what it says (`recordedFact`). Answers what is wrong with it, if something is; what it says is taken
   * nevertheless.
   */
  add(
    event: Pick<NewEvent, "seq" | "type" | "atMs">,
    fact: RecordedFact | undefined,
  ): LedgerFault | undefined {
    if (fact === undefined) return undefined;
    this.#type = event.type;
    return this.#apply(fact, event.seq, event.atMs);
  }

  /** The row that an action must have; undefined when no event speaks of it. */
  row(actionId: string): LedgerRow | undefined {
    return this.#entries.row(actionId);
  }

  /** In the order in which events first spoke of them. */
  actionIds(): IterableIterator<string> {
    return this.#entries.ids();
  }

  get size(): number {
    return this.#entries.size;
  }

  get phases(): Readonly<Record<ActionPhase, number>> {
    return this.#phases;
  }

  /** What the run's columns must say; undefined when an event of an older layout left some of it open. */
  get run(): RunColumns | undefined {
    return this.#columnsKnown ? this.#run : undefined;
  }

  /** Whether another process went on with the run after its last end: until its next one the columns may say either. */
  get goingOn(): boolean {
    return this.#goingOn;
  }

  /** Number of the event that says how the run ended: its last `loop_finished`, or one after it that made another end of it. */
  get endSeq(): number | undefined {
    return this.#endSeq;
  }

  get covered(): Covered | undefined {
    return this.#covered;
  }

  /** By the rollout's id, as last told. */
  get rollouts(): ReadonlyMap<string, ToldRollout> {
    return this.#deployment.rollouts;
  }

  get generation(): number {
    return this.#generation;
  }

  /** By the signal's id. */
  get signals(): ReadonlyMap<string, TakenSignal> {
    return this.#signals;
  }

  #apply(fact: RecordedFact, seq: number, atMs: number): LedgerFault | undefined {
    switch (fact.kind) {
      case "allowed":
        return this.#allowed(fact, seq);
      case "completed":
        return this.#move(fact, "succeeded", seq, fact.output?.sha256);
      case "retried":
        return this.#move(fact, "retrying", seq);
      case "dead_lettered":
        return this.#move(fact, fact.reason === "policy_denied" ? "denied" : "failed", seq);
      case "blocked":
        return this.#move(fact, "blocked", seq);
      case "cancelled":
        return this.#move(fact, "cancelled", seq);
      case "interrupted":
        return this.#move(fact, "waiting", seq);
      case "suspended":
        return this.#move(fact, "suspended", seq);
      case "signal_received":
        this.#signals.set(fact.signalId, { seq, name: fact.name, payloadSha256: fact.payload.sha256 });
        return undefined;
      case "resumed":
        this.#goingOn = true;
        return this.#waitAgain(fact.reopened, seq, "cancelled");
      case "rerun":
        this.#generation = fact.generation;
        return this.#waitAgain(fact.actionIds, seq);
      case "finished":
        this.#finish(fact, seq, atMs);
        return undefined;
      case "failed":
        this.#columns(
          { status: "failed", outcome: "failed", finishedAtMs: atMs, lastError: fact.error },
          seq,
        );
        return undefined;
      case "evidence_missing": {
        const lastError = `runtime evidence expectations not met: ${fact.missing.join(", ")}`;
        this.#columns({ status: "failed", outcome: "failed", finishedAtMs: atMs, lastError }, seq);
        return undefined;
      }
      case "validity_attested": {
        const { lastError } = fact;
        if (lastError === undefined || this.#run === undefined) return undefined;
        this.#columns({ ...this.#run, status: "failed", outcome: "failed", lastError }, seq);
        return undefined;
      }
      case "reconcile_started":
      case "operation_started":
      case "operation_finished":
      case "rollout_changed":
        return this.#deployment.add(fact, seq, atMs);
      case "reconcile_finished":
        this.#covered = { ...fact, seq };
        return undefined;
      case "malformed":
        return {
          about: this.#about(),
          name: "payload",
          expected: `a payload of ${this.#type}`,
          found: fact.fault,
        };
      case "plan_enqueued":
      case "started":
      case "budget_exceeded":
      case "event_refused":
      case "stop_requested":
      case "deadline_exceeded":
      case "validation_observed":
      case "rollout_measured":
        return undefined;
      default:
        return unreachable(fact);
    }
  }

  #allowed(fact: Extract<RecordedFact, { kind: "allowed" }>, seq: number): LedgerFault | undefined {
    const index = this.#index(fact);
    const before = this.#entries.phase(index);
    const expected = this.#entries.attempt(index) + 1;
    this.#entries.setAttempt(index, fact.attempt);
    this.#set(index, "running", seq);
    if (before !== "waiting" && before !== "retrying")
      return wrongPhase(fact.actionId, "waiting or retrying", before);
    return fact.attempt === expected ? undefined : wrongAttempt(fact.actionId, expected, fact.attempt);
  }

  #move(
    fact: {
      readonly actionId: string;
      readonly nodeId: string;
      readonly stepId?: string;
      readonly attempt?: number;
    },
    phase: ActionPhase,
    seq: number,
    outputSha256?: string,
  ): LedgerFault | undefined {
    const index = this.#index(fact);
    const before = this.#entries.phase(index);
    this.#set(index, phase, seq);
    if (outputSha256 !== undefined) this.#entries.setOutput(index, outputSha256);
    if (settled.has(before)) return wrongPhase(fact.actionId, "an action under way", before);
    const expected = this.#entries.attempt(index);
    if (fact.attempt === undefined || fact.attempt === expected) return undefined;
    return wrongAttempt(fact.actionId, expected, fact.attempt);
  }

  /** @param only the phase that they must stand in; absent when any will do, and then their attempts are forgotten too. */
  #waitAgain(actionIds: readonly string[], seq: number, only?: ActionPhase): LedgerFault | undefined {
    let fault: LedgerFault | undefined;
    for (const actionId of actionIds) {
      const index = this.#entries.find(actionId);
      if (index === undefined) {
        const expected = "an action that an earlier event told of";
        fault ??= { about: "action", name: actionId, expected, found: "none" };
        continue;
      }
      const before = this.#entries.phase(index);
      if (only === undefined) {
        this.#entries.setAttempt(index, 0);
        this.#entries.setOutput(index, undefined);
      } else if (before !== only) fault ??= wrongPhase(actionId, only, before);
      this.#set(index, "waiting", seq);
    }
    return fault;
  }

  #finish(fact: Extract<RecordedFact, { kind: "finished" }>, seq: number, atMs: number): void {
    const { decisionCount, decisionsSha256, status, lastError } = fact;
    this.#covered = { seq, decisionCount, decisionsSha256 };
    const outcome = outcomes.find((word) => word === fact.outcome);
    this.#columns(
      { status, outcome: outcome ?? null, finishedAtMs: atMs, lastError: lastError ?? null },
      seq,
    );
    // Before decisions were counted, the event did not tell the error either.
    this.#columnsKnown = outcome !== undefined && decisionCount !== undefined;
  }

  /** @param seq of the event that says so */
  #columns(run: RunColumns, seq: number): void {
    this.#run = run;
    this.#endSeq = seq;
    this.#columnsKnown = true;
    this.#goingOn = false;
  }

  #index(fact: { readonly actionId: string; readonly nodeId: string; readonly stepId?: string }): number {
    const found = this.#entries.find(fact.actionId);
    const index = found ?? this.#entries.add(fact.actionId, fact.nodeId);
    if (found === undefined) this.#phases.waiting += 1;
    if (fact.stepId !== undefined) this.#entries.setStep(index, fact.actionId, fact.stepId);
    return index;
  }

  #set(index: number, phase: ActionPhase, seq: number): void {
    this.#phases[this.#entries.phase(index)] -= 1;
    this.#phases[phase] += 1;
    this.#entries.setPhase(index, phase, seq);
  }

  #about(): LedgerFault["about"] {
    if (this.#type.startsWith("runtime.signal.")) return "signal";
    if (/^runtime\.(reconcile|rollout)\./.test(this.#type)) return "deployment";
    return this.#type.startsWith("runtime.action.") || this.#type.startsWith("runtime.coordination.")
      ? "action"
      : "run";
  }
}

const settled: ReadonlySet<ActionPhase> = new Set(["succeeded", "failed", "blocked", "denied", "cancelled"]);

function wrongPhase(actionId: string, expected: string, found: string): LedgerFault {
  return { about: "action", name: `${actionId} phase before`, expected, found };
}

function wrongAttempt(actionId: string, expected: number, found: number): LedgerFault {
  return { about: "action", name: `${actionId} attempt`, expected: `${expected}`, found: `${found}` };
}
