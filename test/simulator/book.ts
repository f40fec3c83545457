/**
 * A second reading of a run's events, written from their documentation and sharing no code with the kernel: where every
 * action stands, how often it was tried, what it put out. Rows and machines are held against it.
 */
import * as v from "valibot";
import type { ActionPhase, ActionRow, NewEvent } from "../../src/store/contract.ts";

export interface Entry {
  phase: ActionPhase;
  attempt: number;
  /** Tries that failed and that count, since the last time the action began anew. */
  failures: number;
  /** Ended with the process that made the attempt. */
  interruptions: number;
  /** How often it came to an end; going on after a stop and running again begin anew. */
  ends: number;
  outputSha256: string | null;
  /** How often it was run again on request. */
  generation: number;
  /** Name of the signal that it waits for. */
  signal: string | null;
  /** When the next try is due by its event, or the wait is over. */
  dueAtMs: number | null;
  /** Number of the event that let the attempt under way begin. */
  allowedSeq: number;
}

const Whose = v.looseObject({
  action_id: v.optional(v.string()),
  action: v.optional(v.looseObject({ action_id: v.optional(v.string()) })),
  attempt: v.optional(v.number()),
  reason: v.optional(v.string()),
  signal: v.optional(v.nullable(v.string())),
  due_at_ms: v.optional(v.nullable(v.number())),
  reopened: v.optional(v.array(v.string())),
  action_ids: v.optional(v.array(v.string())),
  result: v.optional(
    v.looseObject({ output_ref: v.optional(v.looseObject({ sha256: v.optional(v.string()) })) }),
  ),
});

const settledPhases: readonly ActionPhase[] = ["succeeded", "failed", "blocked", "denied", "cancelled"];

export function isSettled(phase: ActionPhase): boolean {
  return settledPhases.includes(phase);
}

export class Book {
  readonly entries = new Map<string, Entry>();
  /** Number of events read. */
  seq = 0;
  readonly #broken: (why: string) => void;

  /** @param broken told of every event that cannot follow from those before it */
  constructor(broken: (why: string) => void) {
    this.#broken = broken;
  }

  entry(actionId: string): Entry {
    const known = this.entries.get(actionId);
    if (known !== undefined) return known;
    const entry: Entry = {
      phase: "waiting",
      attempt: 0,
      failures: 0,
      interruptions: 0,
      ends: 0,
      outputSha256: null,
      generation: 0,
      signal: null,
      dueAtMs: null,
      allowedSeq: 0,
    };
    this.entries.set(actionId, entry);
    return entry;
  }

  read({ seq, type, payload: text }: NewEvent): void {
    this.seq = seq;
    const payload = v.parse(Whose, JSON.parse(text));
    if (type === "runtime.kernel.resumed") {
      for (const id of payload.reopened ?? []) this.#begin(id, type, ["cancelled"]);
      return;
    }
    if (type === "runtime.kernel.rerun") {
      for (const id of payload.action_ids ?? []) this.#anew(this.entry(id));
      return;
    }
    const next = phaseAfter(type, payload.reason);
    const actionId = payload.action?.action_id ?? payload.action_id;
    if (next === undefined) return;
    if (actionId === undefined) {
      this.#broken(`event ${seq} ${type} names no action`);
      return;
    }
    const entry = this.entry(actionId);
    const from = before[type] ?? [];
    if (!from.includes(entry.phase))
      this.#broken(`event ${seq} ${type}: ${actionId} is ${entry.phase}, not ${from.join(" or ")}`);
    if (type === "runtime.action.policy_allowed") {
      if (payload.attempt !== entry.attempt + 1)
        this.#broken(`event ${seq}: attempt ${payload.attempt} of ${actionId} after ${entry.attempt}`);
      entry.attempt = payload.attempt ?? entry.attempt + 1;
      entry.allowedSeq = seq;
    } else if (payload.attempt !== undefined && payload.attempt !== entry.attempt) {
      this.#broken(`event ${seq} ${type} speaks of attempt ${payload.attempt}, not ${entry.attempt}`);
    }
    if (type === "runtime.action.retried") {
      entry.failures += 1;
      entry.dueAtMs = payload.due_at_ms ?? null;
    }
    if (type === "runtime.action.wait_started") {
      entry.signal = payload.signal ?? null;
      entry.dueAtMs = payload.due_at_ms ?? null;
    }
    if (type === "runtime.action.interrupted") entry.interruptions += 1;
    if (next === "succeeded") entry.outputSha256 = payload.result?.output_ref?.sha256 ?? null;
    entry.phase = next;
    if (!isSettled(next)) return;
    entry.ends += 1;
    if (entry.ends > 1) this.#broken(`event ${seq}: ${actionId} came to an end twice`);
  }

  /** What is wrong with a row that is said to follow from the events so far; undefined when it is right. */
  faultOf(row: ActionRow): string | undefined {
    const { phase, attempt, outputSha256 } = this.entry(row.actionId);
    if (row.phase === phase && row.attempt === attempt && row.outputSha256 === outputSha256) return undefined;
    return `the row of ${row.actionId} says ${row.phase}/${row.attempt}, its events ${phase}/${attempt}`;
  }

  #begin(actionId: string, type: string, from: readonly ActionPhase[]): void {
    const entry = this.entry(actionId);
    if (!from.includes(entry.phase)) this.#broken(`${type}: ${actionId} is ${entry.phase}`);
    entry.phase = "waiting";
    entry.ends = 0;
    entry.failures = 0;
  }

  #anew(entry: Entry): void {
    entry.generation += 1;
    entry.phase = "waiting";
    entry.attempt = 0;
    entry.failures = 0;
    entry.interruptions = 0;
    entry.ends = 0;
    entry.outputSha256 = null;
  }
}

function phaseAfter(type: string, reason: string | undefined): ActionPhase | undefined {
  switch (type) {
    case "runtime.action.policy_allowed":
      return "running";
    case "runtime.action.completed":
      return "succeeded";
    case "runtime.action.retried":
      return "retrying";
    case "runtime.action.dead_lettered":
      return reason === "policy_denied" ? "denied" : "failed";
    case "runtime.coordination.step_blocked":
    case "runtime.action.blocked":
      return "blocked";
    case "runtime.action.cancelled":
      return "cancelled";
    case "runtime.action.interrupted":
      return "waiting";
    case "runtime.action.wait_started":
      return "suspended";
    default:
      return undefined;
  }
}

/** Event type → the phases in which it can happen. */
const before: Readonly<Record<string, readonly ActionPhase[]>> = {
  "runtime.action.policy_allowed": ["waiting", "retrying"],
  "runtime.action.completed": ["running", "suspended"],
  "runtime.action.retried": ["running"],
  // What the policy refuses never ran; what died too often is given up when it would be tried again.
  "runtime.action.dead_lettered": ["running", "suspended", "waiting", "retrying"],
  "runtime.coordination.step_blocked": ["waiting"],
  "runtime.action.blocked": ["waiting"],
  "runtime.action.cancelled": ["running", "suspended", "waiting", "retrying"],
  "runtime.action.interrupted": ["running"],
  "runtime.action.wait_started": ["running"],
};
