/**
 * The loop of the autopilot: takes turns, begins what is due, and is told to reload, to stop or to look. It knows nothing of what is
 * done in a visit, and nothing that goes wrong in one scope reaches another.
 *
 * Source: spec cli §14.1, §17.1 W-02, W-18, W-65; controller-runtime (design only).
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { steadyClock } from "../system/steady-clock.ts";
import type { AutopilotConfig } from "./config/model.ts";
import { scopeConfigOf } from "./config/scope-config.ts";
import type { Controller, ControllerPhase, ControllerRow, ControllerStatus, Telling } from "./contract.ts";
import type { LeaseKeeper } from "./lease/contract.ts";
import { type Chores, choresOf, type Discover } from "./loop/chores.ts";
import { DueQueue } from "./loop/due-queue.ts";
import { type Ground, hasten, type Pace } from "./loop/ground.ts";
import { Looks } from "./loop/looks.ts";
import { Places } from "./loop/places.ts";
import { rereadConfig } from "./loop/reloading.ts";
import type { Told } from "./loop/told.ts";
import { Upkeep } from "./loop/upkeep.ts";
import { Visits } from "./loop/visits.ts";
import { countVerdict, statusOf } from "./loop/watched.ts";
import { type ScopeId, scopeName } from "./model.ts";
import type { VisitPorts } from "./visit.ts";

export interface ControllerParts {
  readonly ports: Omit<VisitPorts, "tell" | "looked">;
  readonly keeper: LeaseKeeper;
  /** Made before it, so that leases and files can be told of as well. */
  readonly told: Told;
  readonly config: AutopilotConfig;
  /** @throws AkcError AUTOPILOT_CONFIG_INVALID */
  readConfig(): Promise<AutopilotConfig>;
  /** From here on this one counts. */
  onConfig?(config: AutopilotConfig): void;
  readonly discover: Discover;
  readonly identity: Pick<ControllerRow, "holder" | "host" | "pid" | "version">;
  /** Other paces than those of `limits`, milliseconds: a test lives faster or slower. */
  readonly pace?: Partial<Pace>;
}

/** Why `run` ended: it was told to, it was cut off, or it has made as many passes as it was to. */
export interface ControllerEnd {
  readonly by: "drain" | "abort" | "iterations";
  readonly reason: string;
}

export type RunningController = Controller & {
  /** Once. Ends after `drain`, `abort` or the last pass; leases are given back then. */
  run(): Promise<ControllerEnd>;
};

export function createController(parts: ControllerParts): RunningController {
  return new Loop(parts);
}

class Loop implements RunningController {
  readonly #parts: ControllerParts;
  readonly #ground: Ground;
  readonly #visits: Visits;
  readonly #chores: Chores;
  readonly #upkeep: Upkeep;
  readonly #cut = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #config: AutopilotConfig;
  #loadedAtMs: number;
  #reloadFault: string | undefined;
  #phase: ControllerPhase = "starting";
  #end: ControllerEnd | undefined;
  #turns = 0;
  #lastTurnMs: number;
  #lastProofMs: number;
  #resting = new AbortController();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#config = parts.config;
    const clock = steadyClock(parts.ports.clock);
    this.#loadedAtMs = clock.nowMs();
    this.#lastTurnMs = clock.monotonicMs();
    this.#lastProofMs = clock.monotonicMs();
    const looks = new Looks();
    const places = new Places(
      () => this.#config.parallelMax,
      () => {
        for (const key of places.called()) hasten(this.#ground, key);
        this.#kick();
      },
    );
    this.#ground = {
      ports: {
        ...parts.ports,
        tell: (told) => this.#tell(told),
        looked: (scope, kind, atMs) => looks.count(scope, kind, atMs),
      },
      keeper: parts.keeper,
      identity: parts.identity,
      startedAtMs: clock.nowMs(),
      clock,
      pace: {
        pollMs: limits.autopilotPollMs,
        discoverMs: limits.autopilotDiscoverMs,
        beatMs: limits.autopilotBeatMs,
        pruneMs: limits.autopilotPruneMs,
        ...parts.pace,
      },
      scopes: new Map(),
      queue: new DueQueue(),
      places,
      cut: this.#cut.signal,
      config: () => this.#config,
      isStopping: () => this.#end !== undefined,
      kick: () => this.#kick(),
      proved: () => {
        this.#lastProofMs = clock.monotonicMs();
      },
    };
    this.#visits = new Visits(this.#ground);
    this.#chores = choresOf(this.#ground, looks, parts.discover);
    this.#upkeep = new Upkeep(this.#chores.all, clock, (told) => this.#tell(told), clock.nowMs());
  }

  async run(): Promise<ControllerEnd> {
    const { clock } = this.#ground;
    this.#tellPhase();
    await this.#upkeep.run(this.#chores.discovery);
    while (this.#end === undefined) {
      const resting = new AbortController();
      this.#resting = resting;
      const nowMs = clock.nowMs();
      this.#upkeep.turn(nowMs);
      this.#visits.startDue(nowMs);
      this.#turns += 1;
      this.#lastTurnMs = clock.monotonicMs();
      if (this.#phase === "starting") this.#enter("running");
      this.#endAfterPasses();
      if (this.#end === undefined) await clock.sleep(Math.max(0, this.#restMs()), resting.signal);
    }
    await this.#leave();
    return this.#end;
  }

  status(): ControllerStatus {
    const { keeper, ports } = this.#parts;
    const { clock, queue, scopes, identity, startedAtMs } = this.#ground;
    const held = new Set(keeper.held().map(scopeName));
    const observedAtMs = ports.clock.nowMs();
    const aheadMs = observedAtMs - clock.nowMs();
    return {
      holder: identity.holder,
      phase: this.#phase,
      startedAtMs,
      observedAtMs,
      turns: this.#turns,
      lastTurnMonotonicMs: this.#lastTurnMs,
      lastStoreProofMonotonicMs: this.#lastProofMs,
      config: {
        path: this.#config.configPath,
        loadedAtMs: this.#loadedAtMs,
        reloadFault: this.#reloadFault,
      },
      scopes: [...scopes.values()].map((scope) => {
        const dueMs = queue.dueMs(scope.key);
        const { mode } = scopeConfigOf(this.#config, scope.id);
        const shownMs = dueMs === undefined ? undefined : dueMs + aheadMs;
        return statusOf(scope, mode, keeper, held.has(scope.key), shownMs);
      }),
    };
  }

  listen(listener: (told: Telling) => void): () => void {
    return this.#parts.told.listen(listener);
  }

  wake(scope?: ScopeId): void {
    const keys = scope === undefined ? [...this.#ground.scopes.keys()] : [scopeName(scope)];
    for (const key of keys) hasten(this.#ground, key);
    this.#kick();
  }

  async reload(): Promise<{ readonly ok: boolean; readonly message: string }> {
    if (this.#phase === "running") this.#enter("reloading");
    const answer = await this.#reloaded();
    this.#reloadFault = answer.ok ? undefined : answer.message;
    this.#tell({ kind: "reloaded", ...answer, atMs: this.#ground.clock.nowMs() });
    if (this.#phase === "reloading") this.#enter("running");
    this.#kick();
    return answer;
  }

  drain(reason: string): Promise<void> {
    this.#stop({ by: "drain", reason });
    return this.#ended.promise;
  }

  abort(reason: string): void {
    this.#stop({ by: "abort", reason });
    this.#cut.abort(new AkcError("AUTOPILOT_DRAINED", { message: `the autopilot is cut off: ${reason}` }));
  }

  #stop(end: ControllerEnd): void {
    if (this.#phase === "stopped") return;
    const isFirst = this.#end === undefined;
    if (isFirst || end.by === "abort") this.#end = end;
    if (isFirst) this.#enter("draining");
    this.#kick();
  }

  /** What is under way has its time, then it is cut off. What hangs even so keeps its lease until that is over by itself. */
  async #leave(): Promise<void> {
    const { keeper, told } = this.#parts;
    const { scopes, clock } = this.#ground;
    await this.#visits.end(this.#config.drainMs, this.#cut.signal);
    if (this.#visits.areUnderWay) {
      if (!this.#cut.signal.aborted) this.abort("the time for a stop is over");
      await this.#visits.end(limits.autopilotCutOffMsMax);
    }
    const free = [...scopes.values()].filter(({ visiting }) => !visiting);
    const done = new AbortController();
    // Each by itself: one lease that cannot be given back keeps no other.
    const released = Promise.all(free.map(({ id }) => keeper.release(id).catch(() => undefined)));
    void released.then(() => done.abort());
    await clock.sleep(limits.autopilotCutOffMsMax, done.signal);
    // After the leases: a beat that holds nothing is a farewell.
    await this.#chores.lastBeat();
    this.#enter("stopped");
    told.flush();
    this.#ended.resolve();
  }

  async #reloaded(): Promise<{ readonly ok: boolean; readonly message: string }> {
    const { clock, scopes, queue } = this.#ground;
    const reread = await rereadConfig(this.#config, () => this.#parts.readConfig(), clock);
    if (reread.kind === "refused") return { ok: false, message: reread.why };
    const { config } = reread;
    this.#config = config;
    this.#loadedAtMs = clock.nowMs();
    this.#parts.onConfig?.(config);
    await this.#upkeep.run(this.#chores.discovery);
    for (const { id, key, startedMs } of scopes.values()) {
      if (startedMs !== undefined) queue.hasten(key, startedMs + scopeConfigOf(this.#config, id).intervalMs);
    }
    return { ok: true, message: "the new configuration counts from the next visits on" };
  }

  #endAfterPasses(): void {
    const { iterationsMax } = this.#config;
    if (iterationsMax === undefined || !this.#chores.hasDiscovered()) return;
    const open = [...this.#ground.scopes.values()].some(
      ({ visits, visiting }) => visiting || visits < iterationsMax,
    );
    if (!open)
      this.#stop({ by: "iterations", reason: iterationsMax === 1 ? "1 pass" : `${iterationsMax} passes` });
  }

  #restMs(): number {
    const { clock, pace, places, queue } = this.#ground;
    const nowMs = clock.nowMs();
    const visitMs = places.hasVisitPlace() ? queue.nextDueMs() : undefined;
    return Math.min(pace.pollMs, this.#upkeep.nextDueMs() - nowMs, (visitMs ?? nowMs + pace.pollMs) - nowMs);
  }

  #kick(): void {
    this.#resting.abort();
  }

  #enter(phase: ControllerPhase): void {
    this.#phase = phase;
    this.#tellPhase();
  }

  #tellPhase(): void {
    this.#tell({ kind: "phase", phase: this.#phase, atMs: this.#ground.clock.nowMs() });
  }

  #tell(told: Telling): void {
    if (told.kind === "entry") {
      this.#ground.proved();
      const scope = this.#ground.scopes.get(scopeName(told.scope));
      if (scope !== undefined) countVerdict(scope, told.entry);
    }
    this.#parts.told.tell(told);
  }
}
