/**
 * One run in a world where things go wrong: processes that begin, die, stand still and take over from one another, until
 * the run has ended and nobody works on it any more. It says what became of the run and what was not as promised.
 */
import { AkcError } from "../../src/errors.ts";
import type { ActionRow, LeaseHolder, Outcome, Store } from "../../src/store/contract.ts";
import { startedAtMs } from "../store/builders.ts";
import { createScriptedAdapter, Outside } from "./adapter.ts";
import type { Fault } from "./faults.ts";
import { foldFault } from "./fold.ts";
import { Life } from "./life.ts";
import { type Ended, runtimeRunId, work } from "./process.ts";
import type { Random } from "./random.ts";
import { planOf, type Scenario, type SentSignal } from "./scenario.ts";
import { settled, Timeline } from "./timeline.ts";
import { atPoint, diskFaults } from "./trouble.ts";
import { type Claim, Witness } from "./witness.ts";

export interface History {
  readonly outcome: Outcome | null;
  /** What was not as promised, in the order in which it was seen. */
  readonly faults: readonly string[];
  readonly rows: readonly ActionRow[];
  readonly witness: Witness;
  readonly outside: Outside;
  readonly lives: number;
  /** How often the events were folded again and held against the living state. */
  readonly folds: number;
  readonly happened: number;
  readonly lastedMs: number;
}

/** More than any run of these plans needs. */
const happeningsMax = 100_000;
const livesMax = 60;

export interface WorldParts {
  readonly scenario: Scenario;
  readonly faults: readonly Fault[];
  readonly random: Random;
  openStore(isGone: (holder: LeaseHolder) => boolean): Promise<Store>;
}

export async function live({ scenario, faults, random, openStore }: WorldParts): Promise<History> {
  const world = new World(scenario, faults, random);
  const store = await openStore((holder) => world.isGone(holder));
  try {
    return await world.run(store);
  } finally {
    await store.close();
  }
}

class World {
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #timeline: Timeline;
  readonly #wall = { offsetMs: startedAtMs };
  readonly #witness: Witness;
  readonly #outside = new Outside();
  readonly #plan;
  readonly #lives: { readonly life: Life; readonly signal: AbortController; ended: boolean }[] = [];
  readonly #faults: readonly Fault[];
  /** Whether somebody may say of a dead process that it is dead; otherwise only its lease's end does. */
  readonly #deathIsSeen: boolean;
  /** Whether all events are folded again after every commit. */
  readonly #folds: boolean;
  #foldCount = 0;
  /** Steps that somebody will run again when the run has ended; a signal that was taken does not come again. */
  #reruns: readonly string[] = [];
  /** Nothing is left to do. */
  #over = false;
  /** Whether somebody will begin a new process. */
  #expected = false;

  constructor(scenario: Scenario, faults: readonly Fault[], random: Random) {
    this.#scenario = scenario;
    this.#faults = faults;
    this.#random = random;
    this.#deathIsSeen = random.fork("hosts").chance(0.7);
    if (![...scenario.routes.values()].some(({ kind }) => kind === "wait"))
      this.#reruns = faults.flatMap((fault) => {
        const step = fault.kind === "rerun" ? scenario.steps[fault.step]?.stepId : undefined;
        return step === undefined ? [] : [step];
      });
    this.#timeline = new Timeline(random.fork("time"));
    this.#plan = planOf(scenario);
    this.#witness = new Witness(this.#plan, {
      mayConsume: !scenario.without.includes("runtime.event.consume"),
      wallIsTrue: !faults.some(({ kind }) => kind === "wall jump"),
    });
    this.#folds = random.fork("folds").chance(0.15);
  }

  isGone({ name }: LeaseHolder): boolean {
    if (!this.#deathIsSeen) return false;
    return this.#lives.some(({ life, ended }) => `host:${life.number}` === name && (ended || !life.alive));
  }

  async run(store: Store): Promise<History> {
    this.#begin(store);
    for (const fault of this.#faults) this.#schedule(store, fault);
    for (const signal of this.#scenario.signals) this.#send(store, signal, signal.atMs);
    while (!this.#over || this.#anybodyWorks()) {
      if (this.#timeline.happened > happeningsMax || this.#witness.faults.length > 0) break;
      if (!(await this.#timeline.advance())) {
        this.#witness.fault("everybody waits for something that never comes");
        break;
      }
      if (!this.#over && !this.#expected && !this.#anybodyWorks()) this.#beginLater(store);
    }
    await settled();
    if (this.#timeline.happened > happeningsMax) this.#witness.fault("the run does not end");
    const reader = await store.openRun(runtimeRunId);
    await this.#witness.checkKept(reader);
    const rows = await reader.actions();
    const { outcome } = await reader.run();
    this.#checkEffects(rows);
    await reader.close();
    const { happened, nowMs } = this.#timeline;
    return {
      outcome,
      faults: this.#witness.faults,
      rows,
      witness: this.#witness,
      outside: this.#outside,
      lives: this.#lives.length,
      folds: this.#foldCount,
      happened,
      lastedMs: nowMs,
    };
  }

  /** Nothing is said to be done that was not. */
  #checkEffects(rows: readonly ActionRow[]): void {
    for (const { actionId, nodeId, phase } of rows) {
      if (phase !== "succeeded" || this.#scenario.routes.get(nodeId)?.kind === "wait") continue;
      const key = this.#witness.keyOf(actionId);
      if (key === undefined || !this.#outside.effects.has(key))
        this.#witness.fault(`${actionId} succeeded without having been done`);
    }
  }

  /** Somebody outside sends until the run takes it in or needs it no more. */
  #send(store: Store, signal: SentSignal, delayMs: number): void {
    this.#timeline.plan(delayMs, async () => {
      if (this.#over) return;
      const { id, name, payload } = signal;
      const sentAtMs = this.#wall.offsetMs + this.#timeline.nowMs;
      try {
        await store.sendSignal(runtimeRunId, { id, name, payload, sentAtMs, sender: "ann@desk" });
        this.#witness.arrived({ id, name, sentAtMs });
      } catch (cause) {
        const code = codeOf(cause);
        if (code === "RUN_NOT_FOUND" || code === "RUN_EXISTS") this.#send(store, signal, 1_000);
        else this.#witness.fault(`sending ${id}: ${describe(cause)}`);
      }
    });
  }

  #anybodyWorks(): boolean {
    return this.#lives.some(({ life, ended }) => life.alive && !ended);
  }

  #beginLater(store: Store): void {
    this.#expected = true;
    this.#timeline.plan(this.#random.pick([1, 100, 3_000, 20_000]), () => {
      this.#expected = false;
      if (this.#over) return;
      if (this.#refusals < 5) return this.#begin(store);
      this.#refusals = 0;
      void this.#takeOver(store);
    });
  }

  #rerunNext = false;

  #begin(store: Store): void {
    const rerun = this.#rerunNext ? this.#reruns.slice(0, 1) : [];
    if (this.#rerunNext) this.#reruns = this.#reruns.slice(1);
    this.#rerunNext = false;
    const number = this.#lives.length + 1;
    if (number > livesMax) {
      this.#witness.fault("nobody ever finishes");
      return;
    }
    const life = new Life(number, this.#timeline, this.#wall, {
      reached: (reached) => atPoint(this.#faults, reached, this.#whenStill),
    });
    const signal = new AbortController();
    const entry = { life, signal, ended: false };
    this.#lives.push(entry);
    const random = this.#random.fork(`life ${number}`);
    let held: Claim | undefined;
    work({
      life,
      store,
      plan: this.#plan,
      scenario: this.#scenario,
      random,
      witness: this.#witness,
      disk: diskFaults(this.#faults),
      signal: signal.signal,
      rerun,
      adapterOf: (claim) => {
        held = claim;
        return createScriptedAdapter({
          scenario: this.#scenario,
          outside: this.#outside,
          timeline: this.#timeline,
          random: random.fork("adapter"),
          witness: this.#witness,
          claim,
          holds: () => claim.token === this.#witness.token,
        });
      },
      onCommitted: (machine) => {
        // Who has lost the run may learn late of what it committed, and others have gone on.
        if (!this.#folds || held?.token !== this.#witness.token) return;
        this.#foldCount += 1;
        void foldFault(store, machine, this.#plan).then((fault) => {
          if (fault !== undefined) this.#witness.fault(fault);
        });
      },
    }).then((ended) => {
      entry.ended = true;
      this.#ended(ended);
    });
  }

  #ended(ended: Ended): void {
    switch (ended.kind) {
      case "nothing left":
        this.#over = true;
        return;
      case "report":
        // A run that was stopped is gone on with.
        if (ended.report.outcome === "stopped") return;
        if (this.#reruns.length === 0) this.#over = true;
        else this.#rerunNext = true;
        return;
      case "threw": {
        const code = codeOf(ended.cause);
        // A lease that a clock set back has put far off never runs out: an operator breaks it.
        if (code === "LEASE_HELD") this.#refusals += 1;
        if (!expectedCodes.includes(code)) this.#witness.fault(`a process threw ${describe(ended.cause)}`);
        const holds = ended.claim !== undefined && ended.claim.token === this.#witness.token;
        // Whoever loses the lease must have lost it to somebody, if only to the operator who broke it.
        if (code === "LEASE_LOST" && holds && !this.#leaseTaken)
          this.#witness.fault("a lease was lost to nobody");
      }
    }
  }

  #leaseTaken = false;
  #refusals = 0;

  #schedule(store: Store, fault: Fault): void {
    switch (fault.kind) {
      case "takeover":
        this.#timeline.plan(fault.atMs, () => void this.#takeOver(store));
        return;
      case "wall jump":
        this.#timeline.plan(fault.atMs, () => {
          this.#wall.offsetMs += fault.byMs;
          // The lease looks as if it had run out, and somebody who looks just now goes on.
          if (fault.byMs > 0 && this.#random.chance(0.5)) this.#beginBeside(store);
        });
        return;
      case "interrupt":
        this.#timeline.plan(fault.atMs, () => {
          for (const { signal, ended } of this.#lives) if (!ended) signal.abort();
        });
        return;
      case "stop request":
        this.#timeline.plan(fault.atMs, () => {
          const nowMs = this.#wall.offsetMs + this.#timeline.nowMs;
          store.requestStop(runtimeRunId, nowMs).catch(() => {});
        });
        return;
      case "pause":
        this.#whenStill = () => this.#timeline.plan(16_000, () => this.#beginBeside(store));
        return;
      default:
        return;
    }
  }

  #whenStill: () => void = () => {};

  async #takeOver(store: Store): Promise<void> {
    if (this.#over) return;
    try {
      const reader = await store.openRun(runtimeRunId);
      const lease = await reader.lease();
      await reader.close();
      if (lease === null) return;
      this.#leaseTaken = true;
      await store.breakLease(runtimeRunId, lease.token);
      this.#beginBeside(store);
    } catch (cause) {
      if (codeOf(cause) !== "RUN_NOT_FOUND") this.#witness.fault(`breaking the lease: ${describe(cause)}`);
    }
  }

  /** Another process tries to go on, whether the first one lives or not. */
  #beginBeside(store: Store): void {
    this.#leaseTaken = true;
    if (!this.#over) this.#begin(store);
  }
}

/** What a process may end with when the store refuses it. */
const expectedCodes = ["LEASE_LOST", "LEASE_HELD", "DISK_FULL", "STORE_IO"];

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const details = cause instanceof AkcError ? ` ${cause.code} ${JSON.stringify(cause.details ?? {})}` : "";
  return `${cause.message}${details} ${cause.stack?.split("\n").slice(1, 4).join(" ") ?? ""}`;
}

export function codeOf(cause: unknown): string {
  return cause instanceof AkcError ? cause.code : String(cause);
}
