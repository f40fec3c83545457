/**
 * A month of a controller in a few seconds: five scopes on the real memory, with failing rollouts, drift, silent providers, hooks that
 * fail, lost leases, clocks that are set, and a controller that dies between any two writes. All that it wrote is counted a second time.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createChronicle } from "../../src/autopilot/chronicle/chronicle.ts";
import { readHistory } from "../../src/autopilot/chronicle/history-file.ts";
import type { AutopilotStore, Chronicle, Gates } from "../../src/autopilot/contract.ts";
import { createController, type RunningController } from "../../src/autopilot/controller.ts";
import { budgetGate } from "../../src/autopilot/gates/budget.ts";
import { createTold } from "../../src/autopilot/loop/told.ts";
import { emptyState, fold } from "../../src/autopilot/machine.ts";
import {
  type Attempt,
  type Entry,
  type RunOutcome,
  type ScopeId,
  type ScopeState,
  scopeName,
} from "../../src/autopilot/model.ts";
import type { VisitPorts } from "../../src/autopilot/visit.ts";
import { AkcError } from "../../src/errors.ts";
import type { Clock } from "../../src/system/clock.ts";
import {
  aTrigger,
  bundle,
  configOf,
  easyBudgets,
  type Imagined,
  imagine,
  Leases,
  recompileHook,
} from "./imagined.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const budgets = { ...easyBudgets, mutationsPerDay: 3, rollbacksPerDay: 3, concurrentRollouts: 2 };
const scopes: readonly ScopeId[] = ["a", "b", "c", "d", "e"].map((repoId) => ({ tenantId: "acme", repoId }));
const withHook = new Set(["acme/a", "acme/b"]);

/** Seeded, so that a month that went wrong can be lived through again. */
function chances(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    in: (probability: number) => next() < probability,
    below: (count: number) => Math.floor(next() * count),
    of: <T>(...options: readonly [T, ...T[]]): T =>
      options[Math.floor(next() * options.length)] ?? options[0],
  };
}
type Chances = ReturnType<typeof chances>;

/** A second account of every scope, from the entries as they were committed, by rules written down here alone. */
class Account {
  readonly entries = new Map<string, Entry[]>();
  readonly open = new Map<string, Attempt>();
  readonly counted: { readonly scope: string; readonly attemptId: string; readonly atMs: number }[] = [];
  readonly ended = new Map<string, string>();
  readonly rejected = new Map<string, Set<string>>();
  readonly held = new Map<string, "paused" | "escalated" | undefined>();
  readonly states = new Map<string, ScopeState>();
  starts = 0;
  /** How often the budget of a day was used up. */
  usedUp = 0;

  take(scope: string, entry: Entry): void {
    const all = this.entries.get(scope) ?? [];
    const last = all.at(-1);
    expect(entry.seq).toBe((last?.seq ?? 0) + 1);
    expect(entry.atMs).toBeGreaterThanOrEqual(last?.atMs ?? 0);
    if (entry.token > 0)
      expect(entry.token).toBeGreaterThanOrEqual(all.findLast(({ token }) => token > 0)?.token ?? 0);
    all.push(entry);
    this.entries.set(scope, all);
    const state = fold(this.states.get(scope) ?? emptyState(), entry);
    this.states.set(scope, state);
    const rejected = this.rejected.get(scope) ?? new Set<string>();
    this.rejected.set(scope, rejected);
    const { fact } = entry;
    switch (fact.type) {
      case "attempt_started": {
        const { attempt } = fact;
        expect(this.open.has(scope)).toBe(false);
        expect(this.held.get(scope)).toBeUndefined();
        expect(this.open.size).toBeLessThan(budgets.concurrentRollouts);
        if (attempt.kind === "rollout") expect([...rejected]).not.toContain(attempt.bundleSha256);
        this.open.set(scope, attempt);
        this.starts += 1;
        this.counted.push({ scope, attemptId: attempt.attemptId, atMs: entry.atMs });
        const { length } = this.lastDay(scope, entry.atMs);
        expect(length).toBeLessThanOrEqual(budgets.mutationsPerDay);
        if (length === budgets.mutationsPerDay) this.usedUp += 1;
        break;
      }
      case "attempt_ended": {
        const attempt = this.open.get(scope);
        expect(attempt?.attemptId).toBe(fact.attemptId);
        this.open.delete(scope);
        this.ended.set(fact.attemptId, fact.verdict);
        if (fact.verdict === "not_started") {
          const at = this.counted.findIndex(({ attemptId }) => attemptId === fact.attemptId);
          this.counted.splice(at, 1);
        } else if (fact.verdict !== "kept" && attempt?.kind === "rollout") rejected.add(attempt.bundleSha256);
        break;
      }
      case "recompile_started":
        expect(this.held.get(scope)).toBeUndefined();
        break;
      case "escalated":
        this.held.set(scope, "escalated");
        break;
      case "word":
        if (fact.word === "pause") this.held.set(scope, "paused");
        if (fact.word === "resume" && this.held.get(scope) === "paused") this.held.delete(scope);
        if (fact.word === "ack") {
          if (this.held.get(scope) === "escalated") this.held.delete(scope);
          rejected.clear();
        }
        break;
    }
    expect(state.mutationsAtMs).toEqual(this.lastDay(scope, entry.atMs));
  }

  /** When what counts against the budget was begun. */
  lastDay(scope: string, atMs: number): readonly number[] {
    return this.counted
      .filter((one) => one.scope === scope && one.atMs > atMs - dayMs)
      .map((one) => one.atMs);
  }
}

/** One controller's life: when it is over, nothing that it was about to do is done. */
class Life {
  over = false;
  /** Writes until it dies; undefined: it does not. */
  writesLeft: number | undefined;
  dieAfterWrite = false;

  async outlive<T>(work: () => Promise<T>): Promise<T> {
    if (this.over) return new Promise<T>(() => {});
    const done = await work();
    return this.over ? new Promise<T>(() => {}) : done;
  }

  clock(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => this.outlive(() => clock.sleep(ms, signal)),
    };
  }

  store(store: AutopilotStore, account: Account): AutopilotStore {
    return {
      ...store,
      state: (scope) => this.outlive(() => store.state(scope)),
      version: () => this.outlive(() => store.version()),
      beat: (row, tallies) => this.outlive(() => store.beat(row, tallies)),
      append: (scope, facts, fence, options) =>
        this.outlive(async () => {
          const isLast = this.writesLeft !== undefined && this.writesLeft-- <= 0;
          if (isLast) this.over = true;
          if (isLast && !this.dieAfterWrite) return [];
          const entries = await store.append(scope, facts, fence, options);
          for (const entry of entries) account.take(scopeName(scope), entry);
          return entries;
        }),
    };
  }
}

interface Running {
  readonly life: Life;
  readonly controller: RunningController;
  readonly ended: Promise<unknown>;
  readonly keeper: ReturnType<Leases["keeper"]>;
}

function born(
  world: Imagined,
  account: Account,
  leases: Leases,
  holder: string,
  chronicle: Chronicle,
): Running {
  const life = new Life();
  const clock = life.clock(world.clock);
  const keeper = leases.keeper(holder);
  const { ports } = world;
  const gates: Gates = { ask: async (question) => ({ answers: [budgetGate(question)] }) };
  const mortal =
    <A extends readonly unknown[], R>(work: (...given: A) => Promise<R>) =>
    (...given: A): Promise<R> =>
      life.outlive(() => work(...given));
  const { rollouts, sources, recompiler, sentries } = ports;
  const mine: Omit<VisitPorts, "tell" | "looked"> = {
    ...ports,
    clock,
    store: life.store(ports.store, account),
    gates,
    chronicle,
    sources: { collect: mortal(sources.collect) },
    sentries: { ...sentries, look: mortal(sentries.look) },
    recompiler: { ...recompiler, recompile: mortal(recompiler.recompile) },
    rollouts: {
      ...rollouts,
      begin: mortal(rollouts.begin),
      recover: mortal(rollouts.recover),
      validate: mortal(rollouts.validate),
      rollBack: mortal(rollouts.rollBack),
    },
  };
  const config = configOf(world, { scope: { budgets, intervalMs: 2 * hourMs } });
  const overridden = new Map(
    scopes
      .filter((id) => withHook.has(scopeName(id)))
      .map((id) => [scopeName(id), { recompile: recompileHook }]),
  );
  const whole = { ...config, scopes: overridden, retention: { ...config.retention, entriesMs: 8 * dayMs } };
  const controller = createController({
    ports: mine,
    keeper,
    told: createTold(),
    config: whole,
    readConfig: async () => whole,
    discover: async () => ({ scopes, faults: [], news: [] }),
    identity: { holder, host: "h", pid: 1, version: "0" },
    pace: { pollMs: 30 * minuteMs, discoverMs: dayMs, beatMs: 3 * hourMs, pruneMs: dayMs },
  });
  return { life, controller, ended: controller.run(), keeper };
}

/** Lets scopes go wrong in the ways in which they do. */
function arrange(world: Imagined, chance: Chances): void {
  for (const scope of scopes) {
    const at = world.place(scope);
    at.stands = "b0";
    at.outcome = (_attempt, signal): Partial<RunOutcome> | Promise<Partial<RunOutcome>> => {
      const fate = chance.below(100);
      if (fate < 5) throw new AkcError("LEASE_HELD");
      if (fate < 8) throw new AkcError("BUNDLE_INVALID");
      if (fate < 13) return { healthy: false, outcome: "failed", rollbacks: 1, rollbacksSucceeded: 1 };
      if (fate < 18) return { healthy: false, outcome: "failed", converged: false };
      if (fate < 22)
        return new Promise((_, refuse) => {
          signal.addEventListener("abort", () => refuse(signal.reason), { once: true });
        });
      return { converged: true };
    };
    at.validate = () => ({ holds: !chance.in(0.08), message: "judged" });
    at.rollBack = () => ({ ok: !chance.in(0.1), message: "brought back" });
    at.hook = () => {
      const fate = chance.below(10);
      if (fate < 3) return { result: "failed", code: "RECOMPILE_FAILED", message: "no" };
      if (fate < 6) return { result: "unchanged", message: "the same" };
      return { result: "offered", offer: { ...bundle(`h${chance.below(10_000)}`), source: "recompile" } };
    };
  }
}

/** What comes from outside in a quarter of an hour or so. */
async function disturb(world: Imagined, account: Account, chance: Chances): Promise<void> {
  for (const scope of scopes) {
    const at = world.place(scope);
    if (chance.in(0.03)) at.newest = `b${chance.below(10_000)}`;
    if (chance.in(0.01))
      at.sighting = { kind: "drifted", resources: [{ resourceId: "svc", what: "changed", message: "" }] };
    if (chance.in(0.01)) at.sighting = { kind: "unseen", code: "TOOL_TIMEOUT", message: "" };
    if (chance.in(0.05) && typeof at.sighting !== "function" && at.sighting.kind === "unseen")
      at.sighting = { kind: "standing" };
    if (chance.in(0.01)) at.triggers.push(aTrigger(`t${chance.below(1_000_000)}`));
    const state = await world.store.state(scope);
    const say = async (word: "ack" | "pause" | "resume") => {
      const fact = { type: "word", word, by: "me", reason: "r" } as const;
      const entry = await world.store.say(scope, fact, "me@host", world.clock.nowMs());
      if (entry !== undefined) account.take(scopeName(scope), entry);
    };
    if (state.escalated !== undefined && chance.in(0.05)) await say("ack");
    if (state.paused === undefined && chance.in(0.002)) await say("pause");
    if (state.paused !== undefined && chance.in(0.05)) await say("resume");
  }
}

test("a month with every fault there is: budgets, history and state are what a second account says, and nothing grows", async () => {
  await using world = await imagine();
  const { clock, store } = world;
  const chance = chances(7);
  const account = new Account();
  const leases = new Leases(store, clock);
  arrange(world, chance);
  const real = createChronicle({
    store,
    retention: () => ({ decisionFilesMax: 50, historyBytesMax: 10_000_000 }),
    lease: () => ({ backend: "sqlite" }),
    leaseNameOf: scopeName,
    tell: (told) => world.told.push(told),
    clock,
  });
  const scoredAt = new Map<string, number>();
  // Its files are real and take no time by this clock. It catches up by itself, so once in a while is enough.
  const chronicle: Chronicle = {
    async record() {},
    async score(scope, state, nowMs) {
      const key = scopeName(scope.scope);
      if (nowMs - (scoredAt.get(key) ?? 0) < dayMs) return undefined;
      scoredAt.set(key, nowMs);
      const scoring = real.score(scope, state, nowMs);
      clock.busy.add(scoring);
      return scoring.finally(() => clock.busy.delete(scoring));
    },
  };

  let lives = 1;
  let visits = 0;
  let running = born(world, account, leases, "ctl-1", chronicle);
  const count = () => {
    visits += running.controller.status().scopes.reduce((sum, scope) => sum + scope.visits, 0);
  };
  for (let elapsedMs = 0; elapsedMs < 30 * dayMs; ) {
    const stepMs = chance.of(15, 20, 40) * minuteMs;
    await disturb(world, account, chance);
    if (chance.in(0.03) && running.life.writesLeft === undefined) {
      running.life.writesLeft = chance.below(6);
      running.life.dieAfterWrite = chance.in(0.5);
    }
    if (chance.in(0.02)) {
      const [scope] = running.keeper.held().toSorted(() => (chance.in(0.5) ? 1 : -1));
      if (scope !== undefined) running.keeper.lose(scope);
    }
    if (chance.in(0.004)) clock.set(-hourMs);
    if (chance.in(0.004)) clock.set(chance.of(hourMs, 3 * hourMs));
    await clock.pass(stepMs);
    elapsedMs += stepMs;
    if (running.life.over) {
      count();
      lives += 1;
      leases.free(`ctl-${lives - 1}`);
      running = born(world, account, leases, `ctl-${lives}`, chronicle);
    }
    for (const scope of scopes) {
      const state = await store.state(scope);
      expect(state.openTriggers.length).toBeLessThan(50);
      expect(state.rejected.length).toBeLessThanOrEqual(100);
      const mine = account.states.get(scopeName(scope)) ?? emptyState();
      // The whole of it is compared at the end; at every step what decides.
      expect([state.seq, state.attempt?.attemptId, state.mutationsAtMs.length]).toEqual([
        mine.seq,
        mine.attempt?.attemptId,
        mine.mutationsAtMs.length,
      ]);
    }
  }
  running.life.writesLeft = undefined;
  count();
  const draining = running.controller.drain("the month is over");
  await clock.pass(10 * minuteMs);
  await Promise.all([draining, running.ended]);

  const verdicts = [...account.ended.values()];
  const seen = new Set(verdicts);
  expect([...seen].sort()).toEqual(["failed", "kept", "not_started", "rollback_failed", "rolled_back"]);
  expect(visits).toBeGreaterThan(2_000);
  expect(lives).toBeGreaterThan(15);
  expect(account.starts).toBeGreaterThan(100);
  expect(account.usedUp).toBeGreaterThan(5);
  // Every attempt that was begun has ended, but for what the last controller left to the next.
  expect(account.ended.size + account.open.size).toBe(account.starts);
  // No run was begun twice, and none without having been written down.
  const written = new Set(
    [...account.entries.values()]
      .flat()
      .flatMap(({ fact }) => (fact.type === "attempt_started" ? [fact.attempt.runtimeRunId] : [])),
  );
  const begun = world.deeds.filter(({ what, sha256 }) => what === "begin" && sha256 !== undefined);
  const rollouts = begun.map(({ runtimeRunId }) => runtimeRunId ?? "").filter((id) => id.startsWith("run-"));
  expect(rollouts.filter((id) => !written.has(id))).toEqual([]);
  const byRun = Map.groupBy(begun, ({ runtimeRunId }) => runtimeRunId);
  const repaired = new Set(
    [...account.entries.values()]
      .flat()
      .flatMap(({ fact }) =>
        fact.type === "attempt_started" && fact.attempt.kind === "repair" ? [fact.attempt.runtimeRunId] : [],
      ),
  );
  expect([...byRun].filter(([id, all]) => all.length > 1 && !repaired.has(id ?? ""))).toEqual([]);

  for (const scope of scopes) {
    const state = await store.state(scope);
    const mine = account.entries.get(scopeName(scope)) ?? [];
    const record = real.record(world.config({}, scope), [], state);
    clock.busy.add(record);
    await record;
    expect(mine.reduce(fold, emptyState())).toEqual(state);
    const { rows, unreadable } = await readHistory(join(world.root, scopeName(scope), ".akc/autopilot"));
    expect(unreadable).toBe(0);
    const ends = new Map(
      mine
        .flatMap(({ fact, seq }) =>
          fact.type === "attempt_started" ? [[fact.attempt.attemptId, fact.attempt.kind, seq] as const] : [],
        )
        .map(([id, kind]) => [id, kind]),
    );
    const expected = mine.flatMap(({ fact }) =>
      fact.type === "attempt_ended" && ends.get(fact.attemptId) === "rollout"
        ? [`${fact.attemptId} ${fact.verdict === "not_started" ? "promotion_prevented" : "runtime_rollout"}`]
        : [],
    );
    const held = new Set(mine.flatMap(({ fact }) => (fact.type === "held" ? [fact.attemptId] : [])));
    const found = rows.filter(({ attempt_id }) => !held.has(attempt_id));
    expect(found.map(({ attempt_id, event_kind }) => `${attempt_id} ${event_kind}`)).toEqual(expected);
    expect(mine.length).toBeGreaterThan(40);
  }
  expect(await store.verify()).toEqual([]);
  // A week and a day of facts, and what no scoreboard was made of yet: not the whole month.
  const all = [...account.entries.values()].flat().length;
  const left = (await Promise.all(scopes.map((scope) => store.entries(scope, 0, 100_000)))).flat().length;
  expect(left).toBeLessThan(all * 0.7);
  expect(world.told.filter((one) => one.kind === "note" && one.level === "error")).toEqual([]);
}, 60_000);
