/**
 * The waits that the kernel itself carries out: for a signal out of the run's inbox, or for the clock. A wait is a fact, not
 * a timer of this process: it goes on while no process runs, and whoever takes the run over finds it as it was.
 *
 * Source: spec bundle §14.1 (wait_signal, durable_waits); architecture "Events are the truth".
 */
import type { ActionResult, Adapter, RunContext } from "../adapters/contract.ts";
import type { Route, WaitRoute } from "../bundle/model.ts";
import type { ErrorCode } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { RunWriter, Signal } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import type { Machine } from "./machine.ts";
import type { Item } from "./model.ts";
import type { Recorder } from "./recorder.ts";

export interface WaitsDeps {
  readonly machine: Machine;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly writer: Pick<RunWriter, "artifacts">;
  /** Signals that no step took yet, in the order of arrival. */
  openSignals?(): Promise<readonly Signal[]>;
  routeOf(item: Item): Route;
}

export interface Ended {
  readonly item: Item;
  readonly result: ActionResult;
}

export class Waits {
  readonly #deps: WaitsDeps;
  /** Signals are looked for at once and then every so often. */
  #pollDueAt = 0;

  constructor(deps: WaitsDeps) {
    this.#deps = deps;
  }

  /** Suspends an item that was allowed. */
  begin(item: Item, route: WaitRoute, nowMs: number): void {
    const signal = route.for.kind === "signal" ? route.for.name : null;
    this.#deps.recorder.record(
      { kind: "suspended", index: item.index, signal, dueAtMs: dueAtMs(route, nowMs) },
      nowMs,
    );
    if (signal !== null) this.#pollDueAt = 0;
  }

  /** Milliseconds until it is time to look for signals again; Infinity while nothing waits for one. */
  pollInMs(): number {
    if (!this.#waitsForSignals()) return Number.POSITIVE_INFINITY;
    return this.#pollDueAt - this.#deps.clock.monotonicMs();
  }

  /**
   * The waits that are over, with what came of them. What is said of a signal is recorded here: commit it before you ask
   * again, since a signal stays in the inbox until then.
   */
  async ended(): Promise<readonly Ended[]> {
    const { machine, clock } = this.#deps;
    if (machine.suspended.size === 0) return [];
    // Whoever is out of time has a signal that came in time, however long ago the inbox was looked at.
    if (machine.nextDueMs() <= clock.nowMs()) this.#pollDueAt = 0;
    const ended = await this.#bySignal();
    const seen = new Set(ended.map(({ item }) => item));
    const nowMs = clock.nowMs();
    for (const item of machine.takeDue(nowMs)) {
      if (!seen.has(item)) ended.push({ item, result: this.#timeIsUp(item, nowMs) });
    }
    return ended;
  }

  async #bySignal(): Promise<Ended[]> {
    const { clock, openSignals, machine } = this.#deps;
    const now = clock.monotonicMs();
    if (openSignals === undefined || !this.#waitsForSignals() || now < this.#pollDueAt) return [];
    this.#pollDueAt = now + limits.stopPollMs;
    const waiting = [...machine.suspended];
    const ended: Ended[] = [];
    for (const signal of await openSignals()) {
      const at = waiting.findIndex((item) => item.signal === signal.name && inTime(signal, item));
      const [item] = at < 0 ? [] : waiting.splice(at, 1);
      if (item !== undefined) ended.push({ item, result: await this.#receive(item, signal) });
    }
    return ended;
  }

  async #receive(item: Item, signal: Signal): Promise<ActionResult> {
    const { writer, recorder, clock } = this.#deps;
    const output = await writer.artifacts.put(new TextEncoder().encode(signal.payload));
    const nowMs = clock.nowMs();
    recorder.received(item, signal, output, nowMs);
    const outputs = {
      ...this.#commonOutputs(item),
      signal: signal.name,
      signal_id: signal.id,
      sender: signal.sender,
      sent_at_ms: signal.sentAtMs,
    };
    const durationMs = this.#waitedMs(item, nowMs);
    const answer = this.#isApproval(item) ? answerOf(signal.payload) : undefined;
    if (answer === undefined) return { status: "succeeded", outputs, durationMs, output };
    if (answer.approved)
      return { status: "succeeded", outputs: { ...outputs, approved: true }, durationMs, output };
    const message = `${signal.sender} refused${answer.reason === undefined ? "" : `: ${answer.reason}`}`;
    return { ...failure("APPROVAL_REFUSED", message, durationMs), outputs: { ...outputs, approved: false } };
  }

  /** A clock that was waited for has struck; a signal that was waited for has not come. */
  #timeIsUp(item: Item, nowMs: number): ActionResult {
    const durationMs = this.#waitedMs(item, nowMs);
    if (item.signal !== null) {
      return failure("WAIT_TIMEOUT", `the signal ${item.signal} did not come in time`, durationMs);
    }
    const outputs = { ...this.#commonOutputs(item), due_at_ms: item.dueAtMs };
    return { status: "succeeded", outputs, durationMs };
  }

  #commonOutputs(item: Item): JsonObject {
    const action = this.#deps.recorder.underWay.get(item.index)?.action;
    return { action_id: item.actionId, action_type: action?.actionType ?? "", route: "wait" };
  }

  #waitedMs(item: Item, nowMs: number): number {
    const since = this.#deps.recorder.underWay.get(item.index)?.allowedAtMs ?? nowMs;
    return Math.max(0, nowMs - since);
  }

  #isApproval(item: Item): boolean {
    const route = this.#deps.routeOf(item);
    return route.kind === "wait" && route.for.kind === "signal" && route.for.approval;
  }

  #waitsForSignals(): boolean {
    for (const item of this.#deps.machine.suspended) if (item.signal !== null) return true;
    return false;
  }
}

/** By when it was sent, not by when somebody looked: akc may have been away. */
function inTime({ sentAtMs }: Signal, { dueAtMs }: Item): boolean {
  return dueAtMs === null || sentAtMs <= dueAtMs;
}

/** Whether an adapter waits by itself for what the route names. */
export function waitsItself({ capabilities, waitSignal }: Adapter, route: WaitRoute): boolean {
  return waitSignal !== undefined && capabilities[flagOf(route)];
}

/** Says that akc waits for an adapter that does not. */
export function noteFallback(adapter: Adapter, context: RunContext, route: WaitRoute): void {
  adapter.fallBack?.(context, flagOf(route) === "externalSignals" ? "external_signals" : "durable_waits");
}

/** Lets the adapter wait. `spec` is the documented `signal_spec`. */
export async function adapterWait(
  adapter: Adapter,
  context: RunContext,
  route: WaitRoute,
): Promise<ActionResult> {
  const startedAt = performance.now();
  const answer = (await adapter.waitSignal?.(context, signalSpec(route))) ?? null;
  return {
    status: "succeeded",
    outputs: { route: "wait", answer },
    durationMs: performance.now() - startedAt,
  };
}

function flagOf(route: WaitRoute): "externalSignals" | "durableWaits" {
  return route.for.kind === "signal" ? "externalSignals" : "durableWaits";
}

function signalSpec({ for: waits }: WaitRoute): JsonObject {
  switch (waits.kind) {
    case "signal":
      return {
        requires_external_signal: true,
        signal: waits.name,
        approval: waits.approval,
        timeout_ms: waits.timeoutMs ?? null,
      };
    case "duration":
      return { requires_external_signal: false, duration_ms: waits.durationMs };
    case "instant":
      return { requires_external_signal: false, until_ms: waits.atMs };
  }
}

function dueAtMs({ for: waits }: WaitRoute, nowMs: number): number | null {
  switch (waits.kind) {
    case "signal":
      return waits.timeoutMs === undefined ? null : nowMs + waits.timeoutMs;
    case "duration":
      return nowMs + waits.durationMs;
    case "instant":
      return waits.atMs;
  }
}

interface Answer {
  readonly approved: boolean;
  readonly reason?: string;
}

/** Only a plain yes is one. */
function answerOf(payload: string): Answer {
  const value: JsonValue = parseJson(payload);
  if (!isJsonObject(value)) return { approved: false, reason: "the answer is not an object" };
  const { approved, reason } = value;
  return { approved: approved === true, ...(typeof reason === "string" && reason !== "" ? { reason } : {}) };
}

function failure(code: ErrorCode, message: string, durationMs: number): ActionResult {
  return { status: "failed", outputs: {}, error: { code, message, retryable: false }, durationMs };
}
