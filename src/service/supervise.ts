/**
 * Between a running controller and whoever supervises the process: tells the service manager how it stands, and is the only owner
 * of SIGTERM, SIGINT, SIGHUP and SIGUSR1 while it runs. It decides nothing about scopes and never lets a fault of its own end the daemon.
 *
 * Source: sd_notify(3), systemd.service(5) Type=notify-reload; spec cli §17.3.
 */
import type { Controller } from "../autopilot/contract.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import { isIgnored } from "../system/ignored-signal.ts";
import { dumpState } from "./dump.ts";
import type { Journal } from "./journal.ts";
import { type MutableEnvironment, monotonicUsec, type NotifyState, openNotifier } from "./notify.ts";
import { statusLine } from "./status-line.ts";
import { logTellings } from "./told-lines.ts";
import { createWatchdog, takeWatchdogMs } from "./watchdog.ts";

export interface SuperviseDeps {
  readonly clock: Clock;
  /** The process's own: what is for the service manager's main process alone is taken out of it. */
  readonly env: MutableEnvironment;
  readonly journal: Journal;
  secrets(): readonly string[];
  /** How long a stop may take before what is under way is cut off; asked when it begins. */
  drainMs(): number;
  /** Ends the process now, and all that came of it. */
  die(exitCode: number): void;
}

export interface Supervision {
  /** 0; after a second signal that of the signal. */
  exitCode(): 0 | 130 | 143;
  /** To be called once the controller's run has ended, however it did: nothing is told and no signal is heard after it. */
  end(): void;
}

const stopCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof stopCodes;

/** Call it when the controller is made and before its run begins: from then on it is ready as soon as it can take a turn. */
export function supervise(controller: Controller, deps: SuperviseDeps): Supervision {
  return new Supervisor(controller, deps);
}

class Supervisor implements Supervision {
  readonly #controller: Controller;
  readonly #deps: SuperviseDeps;
  readonly #notifier;
  readonly #folder: string | undefined;
  readonly #ended = new AbortController();
  readonly #undo: (() => void)[] = [];
  /** What was not taken and matters; it is tried again at each tick. */
  #owed: NotifyState = {};
  #ready = false;
  #told = "";
  #stop: { readonly signal: StopSignal; readonly byMs: number } | undefined;
  #exitCode: 0 | 130 | 143 = 0;
  #reload: "idle" | "busy" | "again" = "idle";
  #starved = false;

  constructor(controller: Controller, deps: SuperviseDeps) {
    this.#controller = controller;
    this.#deps = deps;
    this.#notifier = openNotifier(deps.env);
    this.#folder = deps.env["RUNTIME_DIRECTORY"]?.split(":")[0];
    const watchdogMs = takeWatchdogMs(deps.env, process.pid);
    this.#undo.push(logTellings(controller, deps.journal));
    this.#undo.push(
      controller.listen((told) => {
        if (told.kind === "phase") this.#guarded(() => this.#look());
      }),
    );
    this.#hear("SIGTERM", () => this.#stopped("SIGTERM"));
    this.#hear("SIGINT", () => this.#stopped("SIGINT"));
    this.#hear("SIGHUP", () => this.#reloaded());
    this.#hear("SIGUSR1", () => this.#dump());
    if (this.#notifier.listens) this.#every(limits.serviceTickMs, () => this.#look());
    if (this.#notifier.listens && watchdogMs !== undefined) this.#watch(watchdogMs);
    this.#look();
  }

  exitCode(): 0 | 130 | 143 {
    return this.#exitCode;
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    // Also of one that ends by itself: the service is then deactivated and not hanging.
    this.#guarded(() => this.#notifier.notify({ ...this.#owed, stopping: true, status: "stopped" }));
    for (const undo of this.#undo.splice(0)) undo();
    this.#deps.journal.flush();
  }

  #hear(name: NodeJS.Signals, heard: () => void): void {
    // A reload is asked for by name; the others are left as whoever started akc wanted them.
    if (name !== "SIGHUP" && isIgnored(name)) return;
    const listener = () => this.#guarded(heard);
    process.on(name, listener);
    this.#undo.push(() => process.off(name, listener));
  }

  /** First: finish in good order. Second: cut off. Third: end here. */
  #stopped(name: StopSignal): void {
    const { journal, clock, drainMs, die } = this.#deps;
    if (this.#exitCode !== 0) {
      die(this.#exitCode);
      return;
    }
    if (this.#stop !== undefined) {
      this.#exitCode = stopCodes[name];
      journal.always({ level: "warn", event: "stop_cut_off", keys: { signal: name } });
      this.#cutOff(`a second ${name}`, this.#exitCode);
      return;
    }
    const forMs = drainMs();
    this.#stop = { signal: name, byMs: clock.monotonicMs() + forMs };
    journal.always({ level: "info", event: "stopping", keys: { signal: name, drain_ms: forMs } });
    this.#tell({ stopping: true });
    this.#look();
    this.#controller.drain(name).catch((cause: unknown) => this.#fault("drain_failed", cause));
    void clock.sleep(forMs, this.#ended.signal).then(() => {
      if (this.#ended.signal.aborted || this.#exitCode !== 0) return;
      journal.always({ level: "warn", event: "stop_cut_off", keys: { after_ms: forMs } });
      this.#cutOff("the time for a stop in good order is over", 1);
    });
  }

  /** @param exitCode if not even that ends the run */
  #cutOff(reason: string, exitCode: number): void {
    const { clock, die, journal } = this.#deps;
    this.#guarded(() => this.#controller.abort(reason));
    void clock.sleep(limits.serviceAbortMs, this.#ended.signal).then(() => {
      if (this.#ended.signal.aborted) return;
      journal.always({ level: "error", event: "stop_hangs", keys: { ended_by_force: true } });
      die(exitCode);
    });
  }

  #reloaded(): void {
    if (this.#stop !== undefined) return;
    // Before it is ready there is nothing to be read anew; and one that comes while one is under way may have seen the file too early.
    if (this.#reload !== "idle" || !this.#ready) {
      this.#reload = "again";
      return;
    }
    this.#reload = "busy";
    const sinceUsec = monotonicUsec();
    this.#tell(sinceUsec === undefined ? {} : { reloadingSinceUsec: sinceUsec });
    this.#controller
      .reload()
      .catch((cause: unknown) => this.#fault("reload_failed", cause))
      .finally(() => {
        const again = this.#reload === "again";
        this.#reload = "idle";
        // The manager waits for this word, whether the configuration was taken or not; the status line says which.
        this.#tell({ ready: true, status: this.#statusNow() });
        if (again) this.#guarded(() => this.#reloaded());
      });
  }

  #dump(): void {
    const { journal, secrets } = this.#deps;
    void dumpState(this.#controller.status(), { journal, secrets, folder: this.#folder });
  }

  /** What there is to tell now: that it is ready, what has changed, that a stop goes on. */
  #look(): void {
    const status = this.#controller.status();
    if (!this.#ready && this.#stop === undefined && (status.phase === "running" || status.turns > 0)) {
      this.#ready = true;
      this.#tell({ ready: true, status: this.#statusNow() });
      if (this.#reload === "again") {
        this.#reload = "idle";
        this.#reloaded();
      }
    }
    const line = statusLine(status);
    const changed = line !== this.#told;
    this.#told = line;
    this.#tell({ ...this.#extension(), ...(changed ? { status: line } : {}) });
  }

  /** While a stop goes on within its time: the manager waits for as long as this is said, and no longer. */
  #extension(): NotifyState {
    if (this.#stop === undefined) return {};
    const leftMs = this.#stop.byMs + limits.serviceAbortMs - this.#deps.clock.monotonicMs();
    const stepMs = Math.min(leftMs, extensionTicks * limits.serviceTickMs);
    return stepMs <= 0 ? {} : { extendTimeoutUsec: stepMs * 1_000 };
  }

  #watch(timeoutMs: number): void {
    const { clock, journal } = this.#deps;
    const watchdog = createWatchdog(timeoutMs, clock.monotonicMs());
    this.#every(watchdog.askEveryMs, () => {
      const answer = watchdog.ask(this.#controller.status(), clock.monotonicMs());
      if (answer.kind === "ping") this.#notifier.notify({ watchdog: true });
      // It is counted from READY=1 on.
      const starved = answer.kind === "starved" && this.#ready;
      if (starved && !this.#starved)
        journal.always({ level: "error", event: "watchdog_starved", keys: { why: answer.why } });
      if (answer.kind !== "early") this.#starved = starved;
    });
  }

  #tell(state: NotifyState): void {
    const all = { ...this.#owed, ...state };
    if (Object.keys(all).length === 0) return;
    this.#owed = this.#notifier.notify(all) === "refused" ? all : {};
  }

  #statusNow(): string {
    this.#told = statusLine(this.#controller.status());
    return this.#told;
  }

  #every(ms: number, work: () => void): void {
    const timer = setInterval(() => this.#guarded(work), ms);
    this.#undo.push(() => clearInterval(timer));
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.#fault("supervision_failed", cause);
    }
  }

  #fault(event: string, cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#deps.journal.log({ level: "error", event, keys: { why } });
  }
}

/** One of these may be late, or lost, before the manager loses its patience. */
const extensionTicks = 10;
