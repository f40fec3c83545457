/**
 * One plugin over all its processes: started at the first call, kept warm, pinged, stopped when idle, started again after a
 * crash, given up on for a while after many. At most one process lives at a time; a call is sent to a plugin once at most.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { hostCalls, type Json, type JsonMap } from "../sdk/protocol.ts";
import type { CallOptions } from "./connection.ts";
import type { PluginManifest } from "./contract.ts";
import { advance, gate, type Health, healthy } from "./health.ts";
import type { Negotiated } from "./negotiate.ts";
import type { PluginProcess } from "./process.ts";
import { Slots } from "./slots.ts";

export interface SupervisorDeps {
  readonly manifest: PluginManifest;
  readonly start: () => Promise<PluginProcess>;
  readonly nowMs: () => number;
  readonly fault: (error: AkcError, restartInMs: number) => void;
}

export interface SupervisorInfo {
  readonly state: "stopped" | "starting" | "running" | "stopping" | "waiting" | "broken";
  readonly pid?: number;
  readonly negotiated?: Negotiated;
  readonly memoryBytes: number;
  readonly starts: number;
  readonly faultsInRow: number;
  readonly callsUnderWay: number;
  readonly callsWaiting: number;
  /** Answers that came after their deadline, of the process that lives. */
  readonly lateAnswers: number;
}

export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #slots: Slots;
  #health: Health = healthy;
  #process: PluginProcess | undefined;
  #starting: Promise<PluginProcess> | undefined;
  /** Until nothing is left of the last process. */
  #ending: Promise<void> | undefined;
  #starts = 0;
  #calls = 0;
  #closed = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #ping: ReturnType<typeof setTimeout> | undefined;
  #pinging = false;
  #restingSinceMs = 0;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.manifest.limits.concurrency);
  }

  /** `options.timeoutMs` is for everything: waiting, starting, the call itself. */
  async call(method: string, params: JsonMap, options: CallOptions): Promise<Json> {
    const timeoutMs = Math.min(options.timeoutMs, this.#deps.manifest.limits.callMs);
    const startedAt = this.#deps.nowMs();
    if (options.signal?.aborted === true) throw new AkcError("CANCELLED");
    const patience = new Patience(timeoutMs, method, options.signal);
    try {
      const turn = this.#slots.enter(patience.over);
      if (turn !== undefined) await turn;
      this.#calls += 1;
      try {
        const process = this.#ready() ?? (await patience.race(this.#becomeReady(patience)));
        patience.end();
        const leftMs = Math.max(1, timeoutMs - (this.#deps.nowMs() - startedAt));
        return await this.#answered(process.call(method, params, { ...options, timeoutMs: leftMs }));
      } finally {
        this.#calls -= 1;
        this.#slots.leave();
        this.#rest();
      }
    } finally {
      patience.end();
    }
  }

  /** Starts it if need be. */
  async ping(timeoutMs: number): Promise<void> {
    await this.call(hostCalls.ping, {}, { timeoutMs });
  }

  info(): SupervisorInfo {
    const process = this.#process;
    return {
      state: this.#state(),
      ...(process === undefined ? {} : { pid: process.pid, negotiated: process.negotiated }),
      memoryBytes: process?.memoryBytes() ?? 0,
      starts: this.#starts,
      faultsInRow: this.#health.faultsInRow,
      callsUnderWay: this.#calls,
      callsWaiting: this.#slots.waiting,
      lateAnswers: process?.lateAnswers() ?? 0,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#slots.refuseAll(closed());
    await this.#starting?.catch(() => undefined);
    this.#process?.stop(closed());
    await this.#ending;
  }

  #state(): SupervisorInfo["state"] {
    if (this.#starting !== undefined) return "starting";
    if (this.#process !== undefined) return this.#process.alive ? "running" : "stopping";
    const { kind } = gate(this.#health, this.#deps.nowMs());
    return kind === "open" ? "stopped" : kind === "wait" ? "waiting" : "broken";
  }

  #ready(): PluginProcess | undefined {
    return this.#process?.alive === true && !this.#closed ? this.#process : undefined;
  }

  /** Waits for what must come first, then starts once for all that wait. */
  async #becomeReady(patience: Patience): Promise<PluginProcess> {
    for (;;) {
      if (this.#closed) throw closed();
      const ready = this.#ready();
      if (ready !== undefined) return ready;
      if (this.#starting !== undefined) return this.#starting;
      if (this.#ending !== undefined) {
        await this.#ending;
        continue;
      }
      const { kind, waitMs } = gate(this.#health, this.#deps.nowMs());
      if (kind === "open") return this.#start();
      if (kind === "broken") throw broken(this.#deps.manifest, this.#health, waitMs);
      if (patience.given) throw closed();
      await Bun.sleep(waitMs);
    }
  }

  #start(): Promise<PluginProcess> {
    this.#starts += 1;
    const starting = this.#deps.start().then(
      (process) => {
        this.#starting = undefined;
        this.#follow(process);
        return process;
      },
      (cause) => {
        this.#starting = undefined;
        this.#blame(cause);
        throw cause;
      },
    );
    this.#starting = starting;
    return starting;
  }

  #follow(process: PluginProcess): void {
    this.#process = process;
    this.#ending = process.ended.then((why) => {
      this.#process = undefined;
      this.#ending = undefined;
      clearTimeout(this.#ping);
      clearTimeout(this.#idle);
      this.#idle = undefined;
      if (why !== undefined) this.#blame(why);
    });
    this.#pingLater();
    this.#rest();
  }

  #blame(cause: unknown): void {
    const error = cause instanceof AkcError ? cause : new AkcError("PLUGIN_START_FAILED", { cause });
    // Nothing was started: what is wrong is not the plugin's behaviour, and is told as it is every time.
    if (!notItsFault.includes(error.code)) {
      this.#health = advance(this.#health, { kind: "fault", atMs: this.#deps.nowMs() });
    }
    this.#deps.fault(error, gate(this.#health, this.#deps.nowMs()).waitMs);
  }

  async #answered(answer: Promise<Json>): Promise<Json> {
    try {
      const result = await answer;
      if (this.#health !== healthy) this.#health = advance(this.#health, { kind: "answered" });
      return result;
    } catch (cause) {
      const said = cause instanceof AkcError && cause.code === "PLUGIN_FAILED";
      if (said) this.#health = advance(this.#health, { kind: "answered" });
      throw cause;
    }
  }

  /** From the last call on it is idle. One timer a pause, however many calls come and go in it. */
  #rest(): void {
    this.#restingSinceMs = this.#deps.nowMs();
    if (this.#idle === undefined && this.#process !== undefined)
      this.#stopIn(this.#deps.manifest.limits.idleMs);
  }

  #stopIn(waitMs: number): void {
    this.#idle = setTimeout(
      () => {
        this.#idle = undefined;
        // The end of the last call sets the next one.
        if (this.#calls > 0) return;
        const { idleMs } = this.#deps.manifest.limits;
        const leftMs = this.#restingSinceMs + idleMs - this.#deps.nowMs();
        if (leftMs > 0) this.#stopIn(leftMs);
        else this.#process?.stop(closed());
      },
      Math.min(waitMs, timerMsMax),
    );
    this.#idle.unref();
  }

  #pingLater(): void {
    this.#ping = setTimeout(() => {
      const process = this.#process;
      if (process?.alive !== true) return;
      this.#pingLater();
      if (this.#pinging) return;
      // Whoever works on one thing at a time cannot answer meanwhile; who can be cancelled can also answer.
      const busy = process.callsUnderWay() > 0;
      if (busy && !process.negotiated.features.includes("cancel")) return;
      this.#pinging = true;
      const timeoutMs = busy ? limits.pluginPingBusyTimeoutMs : limits.pluginPingTimeoutMs;
      // Without an answer the connection ends the process.
      void process
        .call(hostCalls.ping, {}, { timeoutMs })
        .catch(() => undefined)
        .finally(() => {
          this.#pinging = false;
        });
    }, limits.pluginPingMs);
    this.#ping.unref();
  }
}

const timerMsMax = 2 ** 31 - 1;
const notItsFault: readonly string[] = ["PLUGIN_MODIFIED", "CONTAINMENT_UNAVAILABLE"];

function closed(): AkcError {
  return new AkcError("CANCELLED", { message: "the plugin is being stopped" });
}

function broken({ id }: PluginManifest, { faultsInRow }: Health, waitMs: number): AkcError {
  return new AkcError("PLUGIN_CIRCUIT_OPEN", {
    details: { plugin: id, faultsInRow, triedAgainInMs: Math.ceil(waitMs) },
  });
}

/** How long somebody waits before the call is made; from then on the connection minds the time. */
class Patience {
  readonly over: Promise<AkcError>;
  readonly #over = Promise.withResolvers<AkcError>();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.#give(new AkcError("CANCELLED"));
  given = false;

  constructor(timeoutMs: number, method: string, signal: AbortSignal | undefined) {
    this.over = this.#over.promise;
    this.#signal = signal;
    this.#timer = setTimeout(
      () => this.#give(new AkcError("PLUGIN_TIMEOUT", { details: { method, timeoutMs, sent: false } })),
      timeoutMs,
    );
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  async race<T>(work: Promise<T>): Promise<T> {
    const first = await Promise.race([work, this.over]);
    if (first instanceof AkcError) {
      work.catch(() => undefined);
      throw first;
    }
    return first;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
  }

  #give(error: AkcError): void {
    this.given = true;
    this.#over.resolve(error);
  }
}
