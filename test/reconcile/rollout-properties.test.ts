/**
 * What holds for every rollout: in any world, with any strategy, whoever dies and whatever is said. The world itself checks at
 * every turn that no more than allowed is changed at once, that enough copies stay ready, that the order of dependencies holds both
 * ways, that a rollout kept as JSON goes on as the same, and that hearing a fact twice is like hearing it once.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Health } from "../../src/providers/contract.ts";
import { ended, fold, next, wakeAtMs } from "../../src/reconciler/rollout/machine.ts";
import {
  endedPhases,
  type Rollout,
  type RolloutInput,
  type RolloutStep,
  rolloutCommands,
  type Strategy,
} from "../../src/reconciler/rollout/model.ts";
import { type Driving, good, type Member, member, type Nature, strategy, World } from "./rollout-world.ts";

const amounts = fc.oneof(
  fc.record({ count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ share: fc.constantFrom(0.1, 0.34, 0.5, 0.9) }),
);
const analyses = fc.record({
  name: fc.constant("latency"),
  checks: fc.constant([{ metric: "p99" }]),
  initialDelayMs: fc.constantFrom(0, 3_000),
  intervalMs: fc.constantFrom(1_000, 20_000),
  count: fc.constantFrom(1, 4),
  failureLimit: fc.constant(0),
  inconclusiveLimit: fc.constant(0),
  errorLimit: fc.constantFrom(0, 1),
  dryRun: fc.boolean(),
});
const steps = fc
  .record({
    bakeMs: fc.constantFrom(0, 5_000),
    pause: fc.boolean(),
    analysis: fc.option(analyses, { nil: undefined }),
  })
  .map(({ analysis, ...rest }) => ({ ...rest, ...(analysis === undefined ? {} : { analysis }) }));

const strategies: fc.Arbitrary<Strategy> = fc
  .record({
    kind: fc.constantFrom("all_at_once", "rolling", "canary", "blue_green"),
    of: fc.constantFrom("resources", "copies"),
    surge: fc.constantFrom({ count: 0 }, { count: 1 }, { count: 3 }, { share: 0.3 }),
    missing: fc.constantFrom({ count: 0 }, { count: 1 }, { share: 0.5 }),
    parallel: fc.integer({ min: 1, max: 3 }),
    approval: fc.boolean(),
    minHealthyMs: fc.constantFrom(0, 2_000),
    last: steps,
    before: fc.array(fc.tuple(amounts, steps), { maxLength: 2 }),
    rollbackOnFailure: fc.boolean(),
  })
  .map(({ surge, missing, minHealthyMs, last, before, kind, ...rest }) => {
    const all: RolloutStep = { amount: { share: 1 }, ...last };
    const early = before.map(([amount, step]): RolloutStep => ({ amount, ...step }));
    const none = "count" in surge && surge.count === 0 && "count" in missing && missing.count === 0;
    return strategy({
      ...rest,
      kind,
      steps: kind === "canary" ? [...early, all] : [all],
      maxSurge: none ? { count: 1 } : surge,
      maxUnavailable: missing,
      health: { ...strategy().health, minHealthyMs },
    });
  });

const natures: fc.Arbitrary<Nature> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(good) },
  {
    weight: 1,
    arbitrary: fc.record({
      readyAfterMs: fc.constantFrom(null, 10, 4_000),
      whileNot: fc.constantFrom<Health[]>("unknown", "degraded", "failed"),
      duds: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }),
    }),
  },
);

function members(nature: fc.Arbitrary<Nature>): fc.Arbitrary<readonly Member[]> {
  return fc
    .array(
      fc.record({
        layer: fc.integer({ min: 0, max: 2 }),
        operation: fc.constantFrom("update", "update", "create", "delete"),
        replicas: fc.constantFrom(null, 1, 3, 6),
        nature,
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((list) =>
      list.map((one, index) =>
        member(`r${index}`, {
          ...one,
          operation: one.operation === "create" || one.operation === "delete" ? one.operation : "update",
          targetHash: one.operation === "delete" ? "absent" : "new",
          previousHash: one.operation === "create" ? null : "old",
        }),
      ),
    );
}

/** A driver that dies, providers that are busy, looks that see nothing. From a list of chances, so that a failure can be told. */
const troubles: fc.Arbitrary<Driving> = fc
  .record({
    dies: fc.array(fc.constantFrom("no", "no", "before", "after"), { maxLength: 12 }),
    refuses: fc.array(fc.constantFrom(undefined, undefined, true), { maxLength: 12 }),
    hides: fc.array(fc.boolean(), { maxLength: 40 }),
  })
  .map(({ dies, refuses, hides }) => ({
    dies: (n) => dies[n] ?? "no",
    refuses: (n) => (refuses[n] ? { message: "busy", retryable: true } : undefined),
    hides: (n) => hides[n] === true,
  }));

/** Answers whatever the rollout waits for. */
const willing: Driving["says"] = (_turn, { phase }) =>
  phase === "paused" ? { kind: "command", command: "promote", by: "ada" } : undefined;

test("in a world that converges every strategy does, through crashes, refusals and blind looks, and leaves nothing to do", () => {
  fc.assert(
    fc.property(members(fc.constant(good)), strategies, troubles, (list, how, trouble) => {
      const world = new World(list, how, { ...trouble, says: willing }).run();
      expect(world.rollout.phase).toBe("completed");
      expect(world.remaining()).toEqual([]);
      expect(world.rollout.units.every(({ state }) => state === "settled")).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test("in any world a rollout ends by itself, and says why", () => {
  fc.assert(
    fc.property(members(natures), strategies, troubles, (list, how, trouble) => {
      const world = new World(list, how, trouble).run();
      expect(world.rollout.reason).toBeDefined();
      expect(world.rollout.deadlineMs).toBeNull();
      if (world.rollout.phase === "completed") expect(world.remaining()).toEqual([]);
      if (world.rollout.phase === "rolled_back") expect(world.isAsBefore()).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("an abort at any moment ends rolled back, and everything is as before", () => {
  fc.assert(
    fc.property(members(natures), strategies, troubles, fc.nat(40), (list, how, trouble, at) => {
      const says: Driving["says"] = (turn, rollout) =>
        turn === at
          ? { kind: "command", command: "abort", by: "ada" }
          : turn < at
            ? willing?.(turn, rollout)
            : undefined;
      const world = new World(list, { ...how, rollbackOnFailure: true }, { ...trouble, says }).run();
      if (world.rollout.phase === "completed") return;
      expect(["rolled_back", "failed"]).toContain(world.rollout.phase);
      if (world.rollout.phase === "rolled_back") expect(world.isAsBefore()).toBe(true);
      expect(world.rollout.units.map(({ state }) => state)).not.toContain("rolling_back");
    }),
    { numRuns: 150 },
  );
});

test("an abort of a world without trouble always brings everything back, and a retry then completes", () => {
  fc.assert(
    fc.property(members(fc.constant(good)), strategies, fc.nat(30), (list, how, at) => {
      const world = new World(list, how, { says: willing });
      for (let turn = 0; turn < at && !ended(world.rollout); turn += 1) world.turn();
      if (world.rollout.phase === "completed") world.command("undo").run();
      else world.command("abort").run();
      expect(world.rollout.phase).toBe("rolled_back");
      expect(world.isAsBefore()).toBe(true);
      expect(world.command("retry").run().rollout.phase).toBe("completed");
    }),
    { numRuns: 150 },
  );
});

test("whatever is told in whatever order, the rollout stays sound and time alone ends it", () => {
  const ids = fc.constantFrom("r0", "r1", "r2", "nobody");
  const whys = fc.constantFrom("rollout" as const, "rollback" as const);
  const counts = fc.nat(6);
  const inputs: fc.Arbitrary<RolloutInput> = fc.oneof(
    fc.record({
      kind: fc.constant("observed" as const),
      resourceId: ids,
      present: fc.constantFrom(true, false, "unobservable" as const),
      matches: fc.boolean(),
      health: fc.constantFrom(
        "healthy" as const,
        "healthy" as const,
        "unknown" as const,
        "degraded" as const,
        "failed" as const,
      ),
      copies: fc.record({ updated: counts, updatedReady: counts, ready: counts }),
    }),
    fc.record({
      kind: fc.constant("begun" as const),
      resourceId: ids,
      why: whys,
      updated: fc.constant(null),
    }),
    fc.record({ kind: fc.constant("applied" as const), resourceId: ids, why: whys }),
    fc.record({
      kind: fc.constant("refused" as const),
      resourceId: ids,
      why: whys,
      reason: fc.constantFrom("apply_failed" as const, "not_owned" as const, "world_moved" as const),
      message: fc.constant("no"),
      retryable: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("measured" as const),
      verdict: fc.constantFrom("pass" as const, "fail" as const, "inconclusive" as const, "error" as const),
      message: fc.constant("12 ms"),
    }),
    fc.record({
      kind: fc.constant("command" as const),
      command: fc.constantFrom(...rolloutCommands),
      by: fc.constant("ada"),
    }),
    fc.constant({ kind: "tick" as const }),
  );
  fc.assert(
    fc.property(
      members(natures),
      strategies,
      fc.array(fc.tuple(inputs, fc.constantFrom(0, 10, 1_000, 40_000)), { maxLength: 60 }),
      (list, how, told) => {
        let { rollout, nowMs } = new World(list, how);
        for (const [input, ms] of told) {
          nowMs += ms;
          rollout = fold(rollout, input, nowMs);
          sound(rollout, nowMs);
        }
        // From here on nobody says anything, and nobody looks.
        for (let turn = 0; !ended(rollout); turn += 1) {
          expect(turn).toBeLessThan(500);
          const due = wakeAtMs(rollout, nowMs);
          if (due === null) throw new Error(`${rollout.phase} waits for ever`);
          expect(due).toBeGreaterThan(nowMs);
          nowMs = due;
          rollout = fold(rollout, { kind: "tick" }, nowMs);
          sound(rollout, nowMs);
        }
      },
    ),
    { numRuns: 400 },
  );
});

function sound(rollout: Rollout, nowMs: number): void {
  expect(JSON.parse(JSON.stringify(rollout))).toStrictEqual(rollout);
  const over = endedPhases.has(rollout.phase);
  expect(rollout.deadlineMs === null).toBe(over);
  if (rollout.phase === "paused") expect(rollout.reason).toBeDefined();
  if (over) expect(next(rollout, nowMs)).toEqual([]);
  else expect(wakeAtMs(rollout, nowMs)).not.toBeNull();
  for (const unit of rollout.units) {
    if (unit.state === "changing" || unit.state === "verifying") expect(unit.deadlineMs).not.toBeNull();
    if (rollout.phase === "completed") expect(unit.state).toBe("settled");
    if (rollout.phase === "rolled_back") expect(["rolled_back", "waiting", "failed"]).toContain(unit.state);
  }
}
