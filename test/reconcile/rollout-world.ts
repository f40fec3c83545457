/**
 * A world for rollouts, without a disk or a clock: copies that become ready in their own time, or never, and a driver that may die
 * between any two of its steps. It checks the bounds that no rollout may ever cross while it goes on.
 */
import { expect } from "bun:test";
import type { Health } from "../../src/providers/contract.ts";
import { roomOf } from "../../src/reconciler/rollout/copies.ts";
import {
  begin,
  ended,
  fold,
  next,
  type PlannedUnit,
  wakeAtMs,
} from "../../src/reconciler/rollout/machine.ts";
import type {
  Rollout,
  RolloutAction,
  RolloutInput,
  Strategy,
  Unit,
} from "../../src/reconciler/rollout/model.ts";
import { goesBack } from "../../src/reconciler/rollout/order.ts";

/** How one revision behaves wherever it runs. */
export interface Nature {
  /** After so long a copy is ready; null: never. */
  readonly readyAfterMs: number | null;
  /** What is said of it while it is not. */
  readonly whileNot: Health;
  /** Numbers of copies (in the order in which they were started) that never become ready. */
  readonly duds: readonly number[];
}

export const good: Nature = { readyAfterMs: 1_000, whileNot: "unknown", duds: [] };
export const bad: Nature = { readyAfterMs: null, whileNot: "failed", duds: [] };

interface Copy {
  readonly hash: string;
  readonly number: number;
  readonly startedMs: number;
}

export interface Member extends PlannedUnit {
  readonly nature: Nature;
}

export interface Driving {
  /** Whether the driver dies after the n-th recorded begin: before the change, or after it without telling. */
  readonly dies?: (n: number) => "before" | "after" | "no";
  /** What the n-th change is answered with; undefined: it is made. */
  readonly refuses?: (n: number) => { readonly message: string; readonly retryable: boolean } | undefined;
  /** What nobody can see at the n-th look. */
  readonly hides?: (n: number) => boolean;
  readonly measures?: (n: number) => "pass" | "fail" | "inconclusive" | "error";
  /** A person's words, by turn. */
  readonly says?: (turn: number, rollout: Rollout) => RolloutInput | undefined;
}

export const start0 = 1_700_000_000_000;

export class World {
  nowMs = start0;
  turns = 0;
  rollout: Rollout;
  readonly phases: string[] = [];
  readonly done: string[] = [];
  #begins = 0;
  #looks = 0;
  #measurements = 0;
  #started = 0;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #copies = new Map<string, Copy[]>();
  readonly #driving: Driving;
  readonly #planned: readonly Member[];

  constructor(members: readonly Member[], strategy: Strategy, driving: Driving = {}) {
    this.#members = new Map(members.map((member) => [member.resourceId, member]));
    this.#planned = members;
    this.#driving = driving;
    for (const { resourceId, operation, previousHash, replicas } of members) {
      const hash = operation === "create" ? null : (previousHash ?? "unkept");
      const many = replicas ?? 1;
      const copies = hash === null ? [] : Array.from({ length: many }, () => this.#copy(hash, -1e9));
      this.#copies.set(resourceId, copies);
    }
    this.rollout = begin({ ...about, strategy, units: members.map(planned), nowMs: this.nowMs });
    this.phases.push(this.rollout.phase);
  }

  /** Until it ends, or it waits for a person of whom nobody knows. */
  run(turnsMax = 3_000): this {
    while (!ended(this.rollout)) {
      if (this.turns > turnsMax) throw new Error(`not over after ${turnsMax} turns: ${this.rollout.phase}`);
      this.turn();
    }
    return this;
  }

  runUntil(phase: string): this {
    for (let turn = 0; this.rollout.phase !== phase; turn += 1) {
      if (ended(this.rollout) || turn > 2_000) throw new Error(`it never was ${phase}: ${this.phases}`);
      this.turn();
    }
    return this;
  }

  turn(): void {
    this.turns += 1;
    const word = this.#driving.says?.(this.turns, this.rollout);
    if (word !== undefined) this.tell(word, "once");
    for (const unit of this.rollout.units) this.tell(this.#look(unit));
    this.tell({ kind: "tick" });
    for (const action of next(this.rollout, this.nowMs)) this.#carryOut(action);
    this.#check();
    const due = wakeAtMs(this.rollout, this.nowMs);
    this.nowMs = Math.max(this.nowMs + 1, Math.min(due ?? Number.POSITIVE_INFINITY, this.nowMs + 500));
  }

  command(command: Extract<RolloutInput, { kind: "command" }>["command"]): this {
    this.tell({ kind: "command", command, by: "ada@host" }, "once");
    return this;
  }

  /** Told twice where a crash could tell it twice, and kept in between. */
  tell(input: RolloutInput, times: "once" | "twice" = "twice"): void {
    const { phase } = this.rollout;
    const told = fold(this.rollout, input, this.nowMs);
    const kept: Rollout = JSON.parse(JSON.stringify(told));
    expect(kept).toStrictEqual(told);
    if (times === "twice") expect(fold(kept, input, this.nowMs)).toStrictEqual(told);
    this.rollout = kept;
    if (kept.phase !== phase) this.phases.push(kept.phase);
  }

  /** Revisions of the copies that stand, e.g. `{ new: 2, old: 3 }`. */
  standing(resourceId: string): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { hash } of this.#at(resourceId)) counts[hash] = (counts[hash] ?? 0) + 1;
    return counts;
  }

  ready(resourceId: string): number {
    return this.#at(resourceId).filter((copy) => this.#isReady(resourceId, copy)).length;
  }

  /** What would have to be changed now: what a plan of the same targets finds. */
  remaining(): readonly PlannedUnit[] {
    return this.#planned.filter(({ resourceId, operation, targetHash }) => {
      const copies = this.#at(resourceId);
      if (operation === "delete") return copies.length > 0;
      return copies.length === 0 || copies.some(({ hash }) => hash !== targetHash);
    });
  }

  /** Whether everything is as it was before the rollout. */
  isAsBefore(): boolean {
    return this.#planned.every(({ resourceId, operation, previousHash }) => {
      const copies = this.#at(resourceId);
      if (operation === "create") return copies.length === 0;
      return copies.length > 0 && copies.every(({ hash }) => hash === previousHash);
    });
  }

  unit(resourceId: string): Unit {
    const unit = this.rollout.units.find((one) => one.resourceId === resourceId);
    if (unit === undefined) throw new Error(`no unit ${resourceId}`);
    return unit;
  }

  #copy(hash: string, startedMs: number): Copy {
    this.#started += 1;
    return { hash, number: this.#started, startedMs };
  }

  #at(resourceId: string): Copy[] {
    return this.#copies.get(resourceId) ?? [];
  }

  #isReady(resourceId: string, { hash, number, startedMs }: Copy): boolean {
    const { targetHash, nature } = this.#member(resourceId);
    if (hash !== targetHash) return this.nowMs >= startedMs + 1_000;
    if (nature.readyAfterMs === null || nature.duds.includes(number)) return false;
    return this.nowMs >= startedMs + nature.readyAfterMs;
  }

  #member(resourceId: string): Member {
    const member = this.#members.get(resourceId);
    if (member === undefined) throw new Error(`no member ${resourceId}`);
    return member;
  }

  #look(unit: Unit): RolloutInput {
    this.#looks += 1;
    const { resourceId } = unit;
    const { targetHash, nature, replicas, previousHash } = this.#member(resourceId);
    if (this.#driving.hides?.(this.#looks) === true) {
      return { kind: "observed", resourceId, present: "unobservable", matches: false, health: "unknown" };
    }
    const copies = this.#at(resourceId);
    const aim = goesBack(unit) ? previousHash : targetHash;
    const mine = copies.filter(({ hash }) => hash === aim);
    const isReady = (copy: Copy) => this.#isReady(resourceId, copy);
    const healthy = copies.length > 0 && copies.every(isReady);
    const ill = copies.some((copy) => copy.hash === targetHash && !isReady(copy));
    return {
      kind: "observed",
      resourceId,
      present: copies.length > 0,
      matches: mine.length > 0 && mine.length === copies.length,
      health: healthy ? "healthy" : ill ? nature.whileNot : "unknown",
      ...(replicas === null
        ? {}
        : {
            copies: {
              updated: mine.length,
              updatedReady: mine.filter(isReady).length,
              ready: copies.filter(isReady).length,
            },
          }),
    };
  }

  #carryOut(action: RolloutAction): void {
    if (action.kind === "measure") {
      this.#measurements += 1;
      const verdict = this.#driving.measures?.(this.#measurements) ?? "pass";
      this.tell({ kind: "measured", step: this.rollout.step, verdict, message: "p99 of 12 ms" });
      return;
    }
    const { resourceId, why } = action;
    this.#begins += 1;
    this.#checkOrder(action);
    const updated = action.kind === "apply" ? (action.copies?.updated ?? null) : null;
    this.tell({ kind: "begun", resourceId, why, updated });
    const dies = this.#driving.dies?.(this.#begins) ?? "no";
    if (dies === "before") return;
    const refusal = this.#driving.refuses?.(this.#begins);
    if (refusal !== undefined) {
      this.tell({ kind: "refused", resourceId, why, reason: "apply_failed", ...refusal });
      return;
    }
    this.#change(action);
    if (dies === "no") this.tell({ kind: "applied", resourceId, why });
  }

  #change(action: Exclude<RolloutAction, { kind: "measure" }>): void {
    const { resourceId } = action;
    const copies = this.#at(resourceId);
    if (action.kind === "delete") {
      this.done.push(`${resourceId} -`);
      this.#copies.set(resourceId, []);
      return;
    }
    const wanted = this.#member(resourceId).replicas ?? 1;
    const { updated, previous } = action.copies ?? { updated: wanted, previous: 0 };
    const mine = copies.filter(({ hash }) => hash === action.hash);
    const others = copies.filter(({ hash }) => hash !== action.hash);
    // What is not ready goes first: it is what a provider with copies has to do.
    const kept = (list: readonly Copy[], many: number) =>
      [...list]
        .sort((a, b) => Number(this.#isReady(resourceId, b)) - Number(this.#isReady(resourceId, a)))
        .slice(0, many);
    const fresh = Math.max(0, updated - mine.length);
    const started = Array.from({ length: fresh }, () => this.#copy(action.hash, this.nowMs));
    this.#copies.set(resourceId, [...kept(mine, updated), ...started, ...kept(others, previous)]);
    this.done.push(`${resourceId} ${action.hash}${action.copies === null ? "" : ` ${updated}+${previous}`}`);
  }

  /** A dependant is never changed before its dependency stands, and never stands longer than it on the way back. */
  #checkOrder({ resourceId, why }: Exclude<RolloutAction, { kind: "measure" }>): void {
    const unit = this.unit(resourceId);
    for (const other of this.rollout.units) {
      if (other.operation === "delete" || unit.operation === "delete") continue;
      if (why === "rollout" && other.layer < unit.layer && other.state !== "settled")
        throw new Error(`${resourceId} was changed while ${other.resourceId} is ${other.state}`);
      if (why === "rollback" && other.layer > unit.layer && other.state === "rolling_back")
        throw new Error(`${resourceId} was brought back before ${other.resourceId}`);
    }
  }

  #check(): void {
    const { strategy, units } = this.rollout;
    const underWay = units.filter(
      ({ state, deadlineMs }) =>
        state === "changing" || state === "verifying" || (state === "rolling_back" && deadlineMs !== null),
    );
    expect(underWay.length).toBeLessThanOrEqual(strategy.parallel);
    if (strategy.kind === "all_at_once") return;
    for (const { resourceId, operation, replicas } of this.#planned) {
      if (operation !== "update" || replicas === null) continue;
      const { surge, unavailable } = roomOf(strategy, replicas);
      const ready = this.ready(resourceId);
      if (ready < replicas - unavailable)
        throw new Error(`${resourceId} has ${ready} of ${replicas} copies: ${this.done}`);
      const most = strategy.kind === "blue_green" ? 2 * replicas : replicas + surge;
      expect(this.#at(resourceId).length).toBeLessThanOrEqual(Math.max(most, replicas + surge));
    }
  }
}

const about = {
  rolloutId: "r-1",
  runtimeRunId: "run-1",
  planId: "plan-1",
  bundleSha256: "b".repeat(64),
  providerId: "world",
};

function planned({ nature: _nature, ...unit }: Member): PlannedUnit {
  return unit;
}

export function member(resourceId: string, more: Partial<Member> = {}): Member {
  return {
    resourceId,
    layer: 0,
    operation: "update",
    targetHash: "new",
    previousHash: "old",
    replicas: null,
    nature: good,
    ...more,
  };
}

export function strategy(more: Partial<Strategy> = {}): Strategy {
  return {
    kind: "all_at_once",
    of: "resources",
    steps: [{ amount: { share: 1 }, bakeMs: 0, pause: false }],
    maxSurge: { count: 1 },
    maxUnavailable: { count: 0 },
    parallel: 2,
    approval: false,
    health: {
      gate: "permissive",
      unknownGraceMs: 0,
      minHealthyMs: 0,
      healthyDeadlineMs: 30_000,
      progressDeadlineMs: 60_000,
    },
    abortOn: ["degraded", "failed"],
    inconclusiveOn: ["unknown"],
    rollbackOnFailure: true,
    pauseDeadlineMs: 300_000,
    ...more,
  };
}
