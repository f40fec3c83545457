/**
 * Folds the events of a run into the rows that must stand beside them: every action, and the run's own columns. Pure, and
 * without the bundle: what it knows, the events say. It keeps a row an action, never an event.
 *
 * Source: architecture "Events are the truth"; spec kernel §9.3.
 */
import { unreachable } from "../errors.ts";
import type { RecordedFact } from "../kernel/recorded.ts";
import { type ActionPhase, type ActionRow, type NewEvent, noPhases, type RunRow } from "../store/contract.ts";
import { DigestColumn } from "./digest-column.ts";

export type RunColumns = Pick<RunRow, "status" | "outcome" | "finishedAtMs" | "lastError">;

/** What the row of an action must say; `stepId` is undefined when no event told it. */
export type LedgerRow = Omit<ActionRow, "stepId"> & { readonly stepId: string | null | undefined };

/** The end that the last `loop_finished` told. */
export interface RecordedEnd {
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
  readonly about: "action" | "run" | "signal";
  readonly name: string;
  readonly expected: string;
  readonly found: string;
}

interface Entry {
  readonly index: number;
  readonly nodeId: string;
  /** undefined while no event told it. */
  stepId: string | null | undefined;
  phase: ActionPhase;
  attempt: number;
  seq: number;
  hasOutput: boolean;
}

export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #outputs = new DigestColumn();
  readonly #names = new Map<string, string>();
  readonly #phases: Record<ActionPhase, number> = { ...noPhases };
  readonly #signals = new Map<string, TakenSignal>();
  readonly #runtimeRunId: string;
  #run: RunColumns = { status: "running", outcome: null, finishedAtMs: null, lastError: null };
  #columnsKnown = true;
  #goingOn = false;
  #end: RecordedEnd | undefined;
  #generation = 0;
  #type = "";

  constructor(runtimeRunId: string) {
    this.#runtimeRunId = runtimeRunId;
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
    const entry = this.#entries.get(actionId);
    if (entry === undefined) return undefined;
    const { nodeId, stepId, phase, attempt, seq } = entry;
    return { actionId, nodeId, stepId, phase, attempt, seq, outputSha256: this.#outputOf(entry) };
  }

  /** In the order in which events first spoke of them. */
  actionIds(): IterableIterator<string> {
    return this.#entries.keys();
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

  get end(): RecordedEnd | undefined {
    return this.#end;
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
        this.#columns({ status: "failed", outcome: "failed", finishedAtMs: atMs, lastError: fact.error });
        return undefined;
      case "evidence_missing": {
        const lastError = `runtime evidence expectations not met: ${fact.missing.join(", ")}`;
        this.#columns({ status: "failed", outcome: "failed", finishedAtMs: atMs, lastError });
        return undefined;
      }
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
        return undefined;
      default:
        return unreachable(fact);
    }
  }

  #allowed(fact: Extract<RecordedFact, { kind: "allowed" }>, seq: number): LedgerFault | undefined {
    const entry = this.#entry(fact);
    const before = entry.phase;
    const expected = entry.attempt + 1;
    entry.attempt = fact.attempt;
    this.#set(entry, "running", seq);
    if (before !== "waiting" && before !== "retrying")
      return wrongPhase(fact.actionId, "waiting or retrying", before);
    if (fact.attempt === expected) return undefined;
    return {
      about: "action",
      name: `${fact.actionId} attempt`,
      expected: `${expected}`,
      found: `${fact.attempt}`,
    };
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
    const entry = this.#entry(fact);
    const before = entry.phase;
    this.#set(entry, phase, seq);
    if (outputSha256 !== undefined) {
      entry.hasOutput = true;
      this.#outputs.set(entry.index, outputSha256);
    }
    if (settled.has(before)) return wrongPhase(fact.actionId, "an action under way", before);
    if (fact.attempt === undefined || fact.attempt === entry.attempt) return undefined;
    return {
      about: "action",
      name: `${fact.actionId} attempt`,
      expected: `${entry.attempt}`,
      found: `${fact.attempt}`,
    };
  }

  /** @param only the phase that they must stand in; absent when any will do, and then their attempts are forgotten too. */
  #waitAgain(actionIds: readonly string[], seq: number, only?: ActionPhase): LedgerFault | undefined {
    let fault: LedgerFault | undefined;
    for (const actionId of actionIds) {
      const entry = this.#entries.get(actionId);
      if (entry === undefined) {
        fault ??= {
          about: "action",
          name: actionId,
          expected: "an action that an earlier event told of",
          found: "none",
        };
        continue;
      }
      if (only === undefined) {
        entry.attempt = 0;
        entry.hasOutput = false;
      } else if (entry.phase !== only) fault ??= wrongPhase(actionId, only, entry.phase);
      this.#set(entry, "waiting", seq);
    }
    return fault;
  }

  #finish(fact: Extract<RecordedFact, { kind: "finished" }>, seq: number, atMs: number): void {
    const { decisionCount, decisionsSha256, status, lastError } = fact;
    this.#end = { seq, decisionCount, decisionsSha256 };
    const outcome = outcomes.find((word) => word === fact.outcome);
    this.#columns({ status, outcome: outcome ?? null, finishedAtMs: atMs, lastError: lastError ?? null });
    // Before decisions were counted, the event did not tell the error either.
    this.#columnsKnown = outcome !== undefined && decisionCount !== undefined;
  }

  #columns(run: RunColumns): void {
    this.#run = run;
    this.#columnsKnown = true;
    this.#goingOn = false;
  }

  #entry(fact: { readonly actionId: string; readonly nodeId: string; readonly stepId?: string }): Entry {
    const found = this.#entries.get(fact.actionId);
    if (found !== undefined) {
      if (fact.stepId !== undefined && found.stepId === undefined) found.stepId = fact.stepId;
      return found;
    }
    const entry: Entry = {
      index: this.#entries.size,
      nodeId: this.#name(fact.nodeId),
      stepId: fact.stepId === undefined ? stepOf(fact, this.#runtimeRunId) : own(fact.stepId),
      phase: "waiting",
      attempt: 0,
      seq: 0,
      hasOutput: false,
    };
    this.#entries.set(own(fact.actionId), entry);
    this.#phases.waiting += 1;
    return entry;
  }

  #set(entry: Entry, phase: ActionPhase, seq: number): void {
    this.#phases[entry.phase] -= 1;
    this.#phases[phase] += 1;
    entry.phase = phase;
    entry.seq = seq;
  }

  #outputOf(entry: Entry): string | null {
    return entry.hasOutput ? this.#outputs.get(entry.index) : null;
  }

  /** Node ids are few and come with every action. */
  #name(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = own(text);
    this.#names.set(name, name);
    return name;
  }

  #about(): LedgerFault["about"] {
    if (this.#type.startsWith("runtime.signal.")) return "signal";
    return this.#type.startsWith("runtime.action.") || this.#type.startsWith("runtime.coordination.")
      ? "action"
      : "run";
  }
}

const outcomes = ["succeeded", "failed", "blocked", "stopped", "exhausted"] as const;
const settled: ReadonlySet<ActionPhase> = new Set(["succeeded", "failed", "blocked", "denied", "cancelled"]);

function wrongPhase(actionId: string, expected: string, found: string): LedgerFault {
  return { about: "action", name: `${actionId} phase before`, expected, found };
}

/**
 * The step that an action's id names; null for an action that an event triggered, whose id ends with that event's.
 * undefined when the id tells neither.
 */
function stepOf(
  { actionId, nodeId }: { readonly actionId: string; readonly nodeId: string },
  runtimeRunId: string,
): string | null | undefined {
  if (actionId.startsWith(`${nodeId}:${runtimeRunId}:`)) return null;
  const match = /^coordination:(.+):\d+$/s.exec(actionId);
  return match?.[1] === undefined ? undefined : own(match[1]);
}

/** A copy: part of a payload would keep the whole payload in memory. */
function own(text: string): string {
  return ` ${text}`.slice(1);
}
