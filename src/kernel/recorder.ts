/**
 * Turns facts into the run's history: an event with the documented payload, the row that follows from it, and the
 * actions that the event triggers. It changes the machine and the journal together and nothing else.
 *
 * Source: spec kernel §6, §9.5, §9.7; kernel:W-26.
 */
import type { ArtifactRef, RuntimeAction } from "../adapters/contract.ts";
import type { Route } from "../bundle/model.ts";
import type { ErrorCode } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { decide } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import type { NewEvent, Signal } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { Fact, Item } from "./model.ts";
import type { Cut, Exhausted } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";
import {
  actionText,
  allowedPayload,
  blockedPayload,
  cancelledPayload,
  completedPayload,
  deadLetteredPayload,
  eventTypes,
  interruptedPayload,
  retriedPayload,
  signalReceivedPayload,
  waitStartedPayload,
} from "./wire.ts";

/** A fact as shown to whoever watches the run; small, and only built when somebody does. */
export interface Progress {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly item?: Item;
  readonly error?: string;
  readonly durationMs?: number;
  readonly delayMs?: number;
  readonly by?: readonly string[];
  /** Of events that are about no action: what they say, where it is worth a line. */
  readonly payload?: JsonObject;
}

/** A fact beside the outcomes of actions, such as a fallback. `payload` is JSON text with the documented keys of its type. */
export interface Note {
  readonly type: string;
  readonly payload: string;
}

/** A recorded event as whoever waits for its type sees it. */
export type ConsumedEvent = Pick<NewEvent, "seq" | "type" | "payload" | "atMs">;

/** An action between its intent and its outcome. */
export interface UnderWay {
  readonly action: RuntimeAction;
  readonly text: string;
  readonly route: Route;
  /** Set when the intent is recorded. */
  allowedSeq: number;
  allowedAtMs: number;
}

/** Where and when the intent of an attempt was recorded. */
export interface AllowedAt {
  readonly seq: number;
  readonly atMs: number;
}

export interface RecorderDeps {
  readonly plan: RunPlan;
  readonly machine: Machine;
  readonly journal: Journal;
  readonly policy: RunPolicy;
  readonly clock: Clock;
  readonly watched: boolean;
  /** What the adapter noted since the last look; each becomes an event of its own. */
  noted?(): readonly Note[];
}

export class Recorder {
  readonly underWay = new Map<number, UnderWay>();
  /** The first thing that went wrong, for the run's record. */
  lastError: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** Why the run must end early, as soon as something says so. */
  cut: Cut | undefined;
  /** Whether the policy refused something that is no action. */
  deniedElsewhere = false;
  readonly #deps: RecorderDeps;
  #progress: Progress[] = [];

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
  }

  cutShort(cut: Cut): void {
    this.cut ??= cut;
    if (cut.kind !== "stopped") this.lastError ??= { code: cut.code, message: cut.why };
  }

  /** Ends the run early because a bound was passed, which no other event says. */
  exhaust(cut: Exhausted, atMs: number): void {
    if (this.cut !== undefined) return;
    this.cutShort(cut);
    const payload = JSON.stringify({ error: cut.why, error_code: cut.code });
    this.emit(eventTypes.budgetExceeded, payload, atMs);
  }

  /** A step takes a signal: its end follows in the same turn. */
  received(item: Item, signal: Signal, payload: ArtifactRef, atMs: number): void {
    const text = signalReceivedPayload(item, signal, payload);
    const seq = this.emit(eventTypes.signalReceived, text, atMs, { item });
    this.#deps.journal.signal(signal.id, seq);
  }

  /** A denial that no action bears: it alone keeps a run from succeeding. */
  denyElsewhere(decision: Decision): void {
    this.deniedElsewhere = true;
    this.lastError ??= { code: "POLICY_DENIED", message: denialText(decision) };
  }

  takeProgress(): readonly Progress[] {
    const progress = this.#progress;
    this.#progress = [];
    return progress;
  }

  /** Call it before the outcomes of a turn: an attempt that has ended noted first what it met on its way. */
  takeNotes(): void {
    const { noted, clock } = this.#deps;
    for (const { type, payload } of noted?.() ?? []) this.emit(type, payload, clock.nowMs());
  }

  /** Applies a fact, writes its event and row, and records whatever can no longer start because of it. */
  record(fact: Fact, atMs: number): void {
    const { machine, journal } = this.#deps;
    const item = machine.item(fact.index);
    const about = this.underWay.get(fact.index);
    machine.apply(fact);
    const seq = this.#event(fact, item, about, atMs);
    journal.row(item, seq);
    if (fact.kind === "allowed") {
      if (about !== undefined) {
        about.allowedSeq = seq;
        about.allowedAtMs = atMs;
      }
      return;
    }
    if (fact.kind === "suspended") return;
    this.underWay.delete(fact.index);
    if (fact.kind !== "dead_lettered") return;
    this.lastError ??= { code: fact.error.code, message: failureText(item, fact.error) };
    for (const blocked of machine.blockedBy(fact.index)) this.record(blocked, atMs);
  }

  /** Appends an event and lets it trigger the nodes that wait for its type. */
  emit(type: string, payload: string, atMs: number, about?: Omit<Progress, "seq" | "type" | "atMs">): number {
    const { journal, plan, watched } = this.#deps;
    const seq = journal.event(type, payload, atMs);
    if (watched) this.#progress.push({ seq, type, atMs, ...about });
    if (plan.triggered.has(type)) this.consume({ seq, type, payload, atMs });
    return seq;
  }

  #event(fact: Fact, item: Item, about: UnderWay | undefined, atMs: number): number {
    const text = about?.text ?? "{}";
    switch (fact.kind) {
      case "allowed":
        return this.emit(eventTypes.allowed, allowedPayload(item, fact.attempt), atMs, { item });
      case "completed":
        return this.emit(
          eventTypes.completed,
          completedPayload({
            actionText: text,
            attempt: item.attempt,
            allowedSeq: about?.allowedSeq ?? 0,
            fact,
            atMs,
          }),
          atMs,
          { item, durationMs: fact.result.durationMs },
        );
      case "retried": {
        const { error, delayMs } = fact;
        return this.emit(eventTypes.retried, retriedPayload(text, item.attempt, fact), atMs, {
          item,
          error: error.message,
          delayMs,
        });
      }
      case "dead_lettered": {
        const payload = deadLetteredPayload({
          actionText: text,
          attempt: item.attempt,
          allowedSeq: about?.allowedSeq,
          fact,
        });
        return this.emit(eventTypes.deadLettered, payload, atMs, { item, error: fact.error.message });
      }
      case "blocked": {
        const type = item.step === undefined ? eventTypes.blocked : eventTypes.stepBlocked;
        return this.emit(type, blockedPayload(item, fact), atMs, { item, by: fact.by });
      }
      case "cancelled":
        return this.emit(eventTypes.cancelled, cancelledPayload(item, text, fact), atMs, { item });
      case "interrupted":
        return this.emit(eventTypes.interrupted, interruptedPayload(item, about?.allowedSeq), atMs, { item });
      case "suspended": {
        const waits = about?.route.kind === "wait" ? about.route.for : undefined;
        const approval = waits?.kind === "signal" && waits.approval;
        const payload = waitStartedPayload(item, fact, { approval, allowedSeq: about?.allowedSeq });
        return this.emit(eventTypes.waitStarted, payload, atMs, { item });
      }
    }
  }

  /** Lets a recorded event trigger the nodes that wait for its type. @param nowMs later than the event's own time when a run goes on */
  consume(event: ConsumedEvent, nowMs = event.atMs): void {
    const { machine, journal, policy } = this.#deps;
    const { seq, type, atMs } = event;
    const payload = JSON.parse(event.payload);
    const nodes = machine.triggeredBy(type, payload);
    if (nodes.length === 0 || this.cut !== undefined) return;
    const eventId = journal.eventId(type, atMs, seq);
    const decision = decide(policy, "runtime.event.consume");
    journal.decision(decision, { event_id: eventId, event_type: type }, nowMs);
    if (!decision.allowed) {
      this.denyElsewhere(decision);
      const refused = { event_seq: seq, event_type: type, reason: decision.reason };
      journal.event(eventTypes.eventRefused, JSON.stringify(refused), nowMs);
      return;
    }
    for (const item of machine.trigger({ eventId, type, atMs, payload }, nodes)) {
      journal.row(item, seq);
      if (machine.triggeredCount(item.node.nodeId) <= limits.triggersPerNodeMax) continue;
      const times = `more than ${limits.triggersPerNodeMax} times`;
      const why = `node ${item.node.nodeId} was triggered ${times} by events of its own run`;
      this.exhaust({ kind: "exhausted", code: "TRIGGER_LOOP", why }, nowMs);
    }
  }

  /** What an action looks like on the wire, kept while it is under way. */
  open(item: Item, action: RuntimeAction, route: Route, allowed?: AllowedAt): void {
    const { seq = 0, atMs = 0 } = allowed ?? {};
    this.underWay.set(item.index, {
      action,
      text: actionText(action),
      route,
      allowedSeq: seq,
      allowedAtMs: atMs,
    });
  }
}

/** What went wrong with an item, in the words of the run's record. */
export function failureText(item: Item, error: { readonly message: string }): string {
  return `${item.step?.stepId ?? item.node.nodeId}: ${error.message}`;
}

/** The documented words of a denial. */
export function denialText({ action, reason }: Decision): string {
  return `runtime policy blocked action='${action}' reason='${reason}'`;
}
