/** What a rollout does in a world that behaves, and in one that does not, case by case. */
import { describe, expect, test } from "bun:test";
import { ended, fold, next, wakeAtMs, wants } from "../../src/reconciler/rollout/machine.ts";
import type { Analysis, RolloutStep } from "../../src/reconciler/rollout/model.ts";
import { bad, good, member, start0, strategy, World } from "./rollout-world.ts";

const step = (amount: RolloutStep["amount"], more: Partial<RolloutStep> = {}): RolloutStep => ({
  amount,
  bakeMs: 0,
  pause: false,
  ...more,
});
const analysis = (more: Partial<Analysis> = {}): Analysis => ({
  name: "latency",
  checks: [{ promql: "up" }],
  initialDelayMs: 1_000,
  intervalMs: 2_000,
  count: 3,
  failureLimit: 0,
  inconclusiveLimit: 0,
  errorLimit: 1,
  dryRun: false,
  ...more,
});

describe("all at once", () => {
  test("dependencies stand before what needs them, and what is not wanted any more goes last, dependants first", () => {
    const world = new World(
      [
        member("web", { layer: 2 }),
        member("api", { layer: 1, operation: "create", previousHash: null }),
        member("db"),
        member("old-db", { operation: "delete", targetHash: "absent" }),
        member("old-web", { operation: "delete", targetHash: "absent", layer: 1 }),
      ],
      strategy(),
    ).run();
    expect(world.rollout.phase).toBe("completed");
    expect(world.done).toEqual(["db new", "api new", "web new", "old-web -", "old-db -"]);
    expect(world.remaining()).toEqual([]);
  });

  test("a failure brings the whole set back against the order of dependencies, also what stood already", () => {
    const world = new World(
      [
        member("api", { layer: 1, operation: "create", previousHash: null }),
        member("db"),
        member("queue"),
        member("web", { layer: 2, nature: bad }),
      ],
      strategy(),
    ).run();
    expect(world.rollout).toMatchObject({
      phase: "rolled_back",
      reason: "unhealthy",
      message: "web: it is failed",
    });
    expect(world.done.slice(4)).toEqual(["web old", "api -", "db old", "queue old"]);
    expect(world.isAsBefore()).toBe(true);
    expect(world.unit("web")).toMatchObject({ state: "rolled_back", reason: "unhealthy" });
  });

  test("nothing more is begun after a failure that is not to be brought back", () => {
    const world = new World(
      [member("db", { nature: bad }), member("web", { layer: 1 })],
      strategy({ rollbackOnFailure: false }),
    ).run();
    expect(world.rollout).toMatchObject({ phase: "failed", reason: "unhealthy" });
    expect(world.done).toEqual(["db new"]);
    expect(next(world.rollout, world.nowMs)).toEqual([]);
  });

  test("what has no revision to go back to is said to have none, and the rest goes back all the same", () => {
    const world = new World(
      [member("db", { previousHash: null }), member("web", { layer: 1, nature: bad })],
      strategy(),
    ).run();
    expect(world.rollout).toMatchObject({ phase: "failed", reason: "rollback_unsupported" });
    expect(world.rollout.message).toContain("unhealthy");
    expect(world.unit("db").state).toBe("rollback_unsupported");
    expect(world.standing("web")).toEqual({ old: 1 });
  });

  test("without a change there is nothing to do", () => {
    expect(new World([], strategy()).rollout.phase).toBe("completed");
  });
});

describe("refusals", () => {
  test("another try is made with growing waits until the deadline", () => {
    const world = new World([member("db")], strategy(), {
      refuses: (n) => (n <= 3 ? { message: "busy", retryable: true } : undefined),
    }).run();
    expect(world.rollout.phase).toBe("completed");
    expect(world.nowMs - start0).toBeGreaterThan(2_000);
  });

  test("what never helps ends with the last refusal and how often it was tried", () => {
    const world = new World([member("db")], strategy(), {
      refuses: () => ({ message: "busy", retryable: true }),
    }).run();
    expect(world.rollout.reason).toBe("rollback_failed");
    expect(world.rollout.message).toMatch(/apply_failed: db: busy \(tried \d+ times\)/);
  });

  for (const reason of ["policy_denied", "not_owned", "provider_refused"] as const) {
    test(`${reason} is not tried again, even if somebody says it may help, and brings nothing back`, () => {
      const world = new World([member("db")], strategy());
      const about = { resourceId: "db", why: "rollout" as const };
      world.tell({ kind: "begun", ...about, updated: null });
      world.tell({ kind: "refused", ...about, reason, message: "no", retryable: true });
      expect(world.rollout).toMatchObject({ phase: "rolled_back", reason });
      expect(world.unit("db")).toMatchObject({ state: "failed", touched: false, failures: 1 });
    });
  }

  test("a denial before anything was begun ends the rollout", () => {
    const world = new World([member("db")], strategy());
    const refusal = { reason: "policy_denied", message: "no", retryable: false } as const;
    world.tell({ kind: "refused", resourceId: "db", why: "rollout", ...refusal });
    expect(world.rollout).toMatchObject({ phase: "rolled_back", reason: "policy_denied" });
  });

  test("the late answer to a change that was given up on is not taken for that of the way back", () => {
    const world = new World([member("db")], strategy());
    world.tell({ kind: "begun", resourceId: "db", why: "rollout", updated: null });
    world.command("abort");
    world.tell({ kind: "applied", resourceId: "db", why: "rollout" });
    expect(next(world.rollout, world.nowMs)).toMatchObject([{ kind: "apply", hash: "old", why: "rollback" }]);
  });
});

test("what was to be done before it failed or paused is not wanted after, and not begun", () => {
  const members = [member("a"), member("b"), member("c")];
  const about = { resourceId: "b", why: "rollout" as const };
  for (const command of ["abort", "pause"] as const) {
    const world = new World(members, strategy());
    const [first, second] = next(world.rollout, world.nowMs);
    if (first === undefined || second === undefined) throw new Error("two are to be done");
    expect(wants(world.rollout, second, world.nowMs)).toBe(true);
    world.tell({ kind: "begun", resourceId: "a", why: "rollout", updated: null });
    expect(wants(world.rollout, second, world.nowMs)).toBe(true);
    world.command(command);
    expect(wants(world.rollout, second, world.nowMs)).toBe(false);
    const before = world.rollout;
    world.tell({ kind: "begun", ...about, updated: null });
    expect(world.rollout).toStrictEqual(before);
  }
});

test("a denial that comes while it goes back does not turn it round", () => {
  const world = new World([member("a"), member("b")], strategy());
  world.tell({ kind: "begun", resourceId: "a", why: "rollout", updated: null });
  world.tell({ kind: "applied", resourceId: "a", why: "rollout" });
  world.command("abort");
  const before = world.rollout;
  const denial = { reason: "policy_denied", message: "no", retryable: false } as const;
  world.tell({ kind: "refused", resourceId: "b", why: "rollout", ...denial });
  expect(world.rollout).toStrictEqual(before);
});

describe("copies", () => {
  const five = { replicas: 5 };

  test("rolling replaces them as they become ready, within the surge", () => {
    const world = new World(
      [member("web", five)],
      strategy({ kind: "rolling", maxSurge: { count: 2 } }),
    ).run();
    expect(world.done).toEqual(["web new 2+5", "web new 4+3", "web new 5+1", "web new 5+0"]);
    expect(world.standing("web")).toEqual({ new: 5 });
  });

  test("rolling without surge lets so many be missing and no more", () => {
    const room = { maxSurge: { count: 0 }, maxUnavailable: { share: 0.4 } };
    const world = new World([member("web", five)], strategy({ kind: "rolling", ...room })).run();
    expect(world.done).toEqual(["web new 2+3", "web new 4+1", "web new 5+0"]);
  });

  test("a bad copy in the middle stops it and brings the others back without an outage", () => {
    const nature = { ...good, whileNot: "degraded", duds: [8] } as const;
    const world = new World([member("web", { ...five, nature })], strategy({ kind: "rolling" })).run();
    expect(world.phases).toEqual(["progressing", "rolling_back", "rolled_back"]);
    expect(world.rollout.reason).toBe("healthy_deadline_exceeded");
    expect(world.standing("web")).toEqual({ old: 5 });
  });

  test("a canary of copies keeps the others old until the last step", () => {
    const steps = [step({ share: 0.2 }, { pause: true }), step({ share: 1 })];
    const world = new World([member("web", five)], strategy({ kind: "canary", of: "copies", steps }));
    world.runUntil("paused");
    expect(world.standing("web")).toEqual({ new: 1, old: 4 });
    expect(world.rollout.reason).toBe("step_pause");
    world.command("resume").run();
    expect(world.standing("web")).toEqual({ new: 5 });
  });

  test("blue-green builds the whole new set beside the old and drops the old only after approval", () => {
    const world = new World([member("web", five)], strategy({ kind: "blue_green", approval: true }));
    world.runUntil("paused");
    expect(world.rollout.reason).toBe("awaiting_approval");
    expect(world.standing("web")).toEqual({ new: 5, old: 5 });
    world.command("resume").turn();
    expect(world.rollout.phase).toBe("paused");
    world.command("promote").run();
    expect(world.done).toEqual(["web new 5+5", "web new 5+0"]);
  });

  test("blue-green that is aborted at the approval drops the new set in one go", () => {
    const world = new World([member("web", five)], strategy({ kind: "blue_green", approval: true }));
    world.runUntil("paused").command("abort").run();
    expect(world.rollout).toMatchObject({ phase: "rolled_back", reason: "aborted_by_operator" });
    expect(world.done).toEqual(["web new 5+5", "web old"]);
  });

  test("an ill old revision does not keep its mend from being rolled out", () => {
    const world = new World([member("web", { replicas: 2 })], strategy({ kind: "rolling" }));
    const web = { kind: "observed", resourceId: "web", present: true } as const;
    const about = { resourceId: "web", why: "rollout" as const };
    world.tell({ kind: "begun", ...about, updated: 1 });
    world.tell({ kind: "applied", ...about });
    const copies = { updated: 1, updatedReady: 0, ready: 0 };
    world.tell({ ...web, matches: false, health: "failed", copies });
    expect(world.rollout.phase).toBe("progressing");
    world.tell({
      ...web,
      matches: false,
      health: "failed",
      copies: { ...copies, updatedReady: 1, ready: 1 },
    });
    expect(next(world.rollout, world.nowMs)).toMatchObject([{ copies: { updated: 2, previous: 1 } }]);
  });
});

describe("waits", () => {
  test("a bake needs health without a break, and a look after its end", () => {
    const world = new World([member("db")], strategy({ steps: [step({ share: 1 }, { bakeMs: 10_000 })] }));
    world.runUntil("baking");
    const db = { kind: "observed", resourceId: "db", matches: true, health: "healthy" } as const;
    const begunMs = world.nowMs;
    world.nowMs = begunMs + 9_000;
    world.tell({ ...db, present: "unobservable" });
    world.nowMs = begunMs + 11_000;
    world.tell({ kind: "tick" });
    world.tell({ ...db, present: true });
    expect(world.rollout.phase).toBe("baking");
    world.nowMs += 10_000;
    world.tell({ kind: "tick" });
    expect(world.rollout.phase).toBe("baking");
    world.tell({ ...db, present: true });
    expect(world.rollout.phase).toBe("completed");
  });

  for (const wait of ["baking", "analysing", "paused"] as const) {
    test(`what turns bad while the rollout is ${wait} brings everything back`, () => {
      const more = {
        bakeMs: wait === "baking" ? 60_000 : 0,
        pause: true,
        analysis: analysis({ initialDelayMs: 9e6 }),
      };
      const only = wait === "paused" ? { bakeMs: 0, pause: true } : more;
      const world = new World(
        [member("db"), member("web", { layer: 1 })],
        strategy({ steps: [step({ share: 1 }, only)] }),
      );
      world.runUntil(wait);
      world.tell({
        kind: "observed",
        resourceId: "db",
        present: true,
        matches: true,
        health: "degraded",
        message: "2 of 5 checks fail",
      });
      expect(world.rollout).toMatchObject({ phase: "rolling_back", message: "db: 2 of 5 checks fail" });
      expect(world.run().isAsBefore()).toBe(true);
    });
  }

  test("a pause that nobody ends is aborted at its deadline, and says what it waited for", () => {
    const world = new World([member("db")], strategy({ steps: [step({ share: 1 }, { pause: true })] })).run();
    expect(world.rollout).toMatchObject({ phase: "rolled_back", reason: "pause_deadline_exceeded" });
    expect(world.rollout.message).toContain("step_pause");
    expect(world.nowMs - start0).toBeGreaterThan(300_000);
  });

  test("a health that nobody can judge pauses at the deadline instead of failing; promote takes it as it is", () => {
    const members = [member("db", { nature: { ...good, readyAfterMs: null } }), member("web", { layer: 1 })];
    const world = new World(members, strategy()).runUntil("paused");
    expect(world.rollout).toMatchObject({ reason: "health_inconclusive", message: "db is unknown" });
    expect(world.done).toEqual(["db new"]);
    world.command("promote");
    expect(world.rollout.phase).toBe("progressing");
    expect(next(world.rollout, world.nowMs)).toMatchObject([{ resourceId: "web" }]);
  });

  test("time in which akc did not run ends no wait for health", () => {
    const world = new World([member("db")], strategy()).runUntil("progressing");
    world.turn();
    expect(world.unit("db").state).toBe("verifying");
    world.nowMs += 24 * 3_600_000;
    expect(world.run().rollout.phase).toBe("completed");
  });

  test("a deadline that passed while akc did not run counts from the next look", () => {
    const world = new World([member("db", { nature: { ...bad, whileNot: "degraded" } })], strategy());
    world.turn();
    world.nowMs += 24 * 3_600_000;
    world.tell({ kind: "tick" });
    expect(world.rollout.phase).toBe("progressing");
    world.turn();
    expect(world.rollout).toMatchObject({ phase: "rolling_back", reason: "healthy_deadline_exceeded" });
  });

  test("a healthy look at what is not yet as it was asked for settles nothing, and a bad one fails nothing", () => {
    const world = new World([member("db")], strategy());
    const about = { resourceId: "db", why: "rollout" as const };
    const seen = { kind: "observed", resourceId: "db", present: true, matches: false } as const;
    world.tell({ kind: "begun", ...about, updated: null });
    world.tell({ kind: "applied", ...about });
    world.tell({ ...seen, health: "healthy" });
    world.tell({ ...seen, health: "failed" });
    expect(world.unit("db").state).toBe("verifying");
    world.tell({ ...seen, matches: true, health: "healthy" });
    expect(world.rollout.phase).toBe("completed");
  });

  test("where nobody looks, time alone ends it", () => {
    const world = new World([member("db")], strategy());
    world.tell({ kind: "begun", resourceId: "db", why: "rollout", updated: null });
    for (let turn = 0; !ended(world.rollout) && turn < 50; turn += 1) {
      world.nowMs = wakeAtMs(world.rollout, world.nowMs) ?? world.nowMs;
      world.tell({ kind: "tick" });
    }
    expect(world.rollout.phase).toBe("failed");
    expect(world.rollout.reason).toBe("rollback_failed");
  });

  test("min_healthy starts again with every break", () => {
    const health = { ...strategy().health, minHealthyMs: 5_000 };
    const world = new World([member("db")], strategy({ health, inconclusiveOn: [] }));
    const about = { resourceId: "db", why: "rollout" as const };
    const seen = (healthy: boolean) =>
      world.tell({
        kind: "observed",
        resourceId: "db",
        present: true,
        matches: true,
        health: healthy ? "healthy" : "degraded",
      });
    world.tell({ kind: "begun", ...about, updated: null });
    world.tell({ kind: "applied", ...about });
    for (const healthy of [true, false, true]) {
      seen(healthy);
      world.nowMs += 4_000;
    }
    seen(true);
    expect(world.rollout.phase).toBe("progressing");
    world.nowMs += 1_000;
    seen(true);
    expect(world.rollout.phase).toBe("completed");
  });

  test("a strict gate lets unknown pass within its grace, counted from the change", () => {
    const health = { ...strategy().health, gate: "strict" as const };
    const nature = { ...good, readyAfterMs: null };
    const strict = (unknownGraceMs: number) =>
      new World(
        [member("db", { nature })],
        strategy({ health: { ...health, unknownGraceMs }, inconclusiveOn: [] }),
      ).run();
    expect(strict(0).rollout).toMatchObject({ phase: "rolled_back", reason: "healthy_deadline_exceeded" });
    expect(strict(10_000).rollout.phase).toBe("completed");
  });
});

describe("analysis", () => {
  const analysed = (more: Partial<Analysis>) =>
    strategy({ steps: [step({ share: 1 }, { analysis: analysis(more) })] });

  test("takes as many measurements as it says, at its interval, after its delay", () => {
    const at: number[] = [];
    const world: World = new World([member("db")], analysed({}), {
      measures: () => {
        at.push(world.nowMs);
        return "pass";
      },
    });
    world.run();
    expect(world.rollout.phase).toBe("completed");
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 2_000, 4_000]);
  });

  test("one failure too many fails it at once and brings everything back without another analysis", () => {
    const world = new World([member("db")], analysed({ failureLimit: 1 }), { measures: () => "fail" }).run();
    expect(world.phases).toEqual(["progressing", "analysing", "rolling_back", "rolled_back"]);
    expect(world.rollout).toMatchObject({ reason: "analysis_failed" });
    expect(world.rollout.message).toContain("2 failed");
  });

  test("no data is never a success: it pauses for a person, and promote goes on", () => {
    const world = new World([member("db")], analysed({ inconclusiveLimit: 2 }), {
      measures: () => "inconclusive",
    });
    world.runUntil("paused");
    expect(world.rollout.reason).toBe("analysis_inconclusive");
    expect(world.command("promote").run().rollout.phase).toBe("completed");
  });

  test("errors and doubt within their limits are no success without a single pass", () => {
    const world = new World([member("db")], analysed({ count: 2, inconclusiveLimit: 1 }), {
      measures: (n) => (n === 1 ? "error" : "inconclusive"),
    });
    expect(world.runUntil("paused").rollout.reason).toBe("analysis_inconclusive");
  });

  test("an inconclusive analysis that is resumed begins anew", () => {
    const world = new World([member("db")], analysed({ count: 1 }), {
      measures: (n) => (n === 1 ? "inconclusive" : "pass"),
    });
    world.runUntil("paused").command("resume");
    expect(world.rollout).toMatchObject({ phase: "analysing", analysis: { inconclusive: 0 } });
    expect(world.run().rollout.phase).toBe("completed");
  });

  test("errors in a row fail it, errors with passes between them do not", () => {
    const broken = new World([member("db")], analysed({}), { measures: () => "error" }).run();
    expect(broken.rollout).toMatchObject({ phase: "rolled_back", reason: "analysis_failed" });
    const shaky = new World([member("db")], analysed({}), { measures: (n) => (n % 2 ? "error" : "pass") });
    expect(shaky.run().rollout.phase).toBe("completed");
  });

  test("a dry one decides nothing", () => {
    const world = new World([member("db")], analysed({ dryRun: true }), { measures: () => "fail" }).run();
    expect(world.rollout.phase).toBe("completed");
  });

  test("measurements that never come end in a pause with a deadline", () => {
    const world = new World([member("db")], analysed({})).runUntil("analysing");
    for (let turn = 0; world.rollout.phase === "analysing" && turn < 50; turn += 1) {
      world.nowMs = wakeAtMs(world.rollout, world.nowMs) ?? world.nowMs;
      world.tell({ kind: "tick" });
    }
    expect(world.rollout).toMatchObject({ phase: "paused", reason: "analysis_inconclusive" });
    expect(world.rollout.deadlineMs).not.toBeNull();
  });
});

describe("a person", () => {
  const twoSteps = [
    step({ count: 1 }, { bakeMs: 60_000, pause: true }),
    step({ share: 1 }, { bakeMs: 60_000 }),
  ];
  const canary = strategy({ kind: "canary", steps: twoSteps });

  test("pauses anywhere: what was begun is finished, nothing is begun", () => {
    const world = new World([member("a"), member("b", { layer: 1 })], strategy());
    world.turn();
    world.command("pause");
    for (let turn = 0; turn < 10; turn += 1) world.turn();
    expect(world.rollout).toMatchObject({ phase: "paused", reason: "paused_by_operator" });
    expect(world.unit("a").state).toBe("settled");
    expect(world.done).toEqual(["a new"]);
    expect(world.command("resume").run().rollout.phase).toBe("completed");
  });

  test("promotes step by step, or everything at once", () => {
    const one = new World([member("a"), member("b")], canary).runUntil("baking").command("promote");
    expect(one.rollout).toMatchObject({ phase: "progressing", step: 1 });
    const full = new World([member("a"), member("b")], canary).runUntil("baking").command("promote_full");
    expect(full.run().phases).toEqual(["progressing", "baking", "progressing", "completed"]);
    expect(full.nowMs - start0).toBeLessThan(20_000);
  });

  test("full promotion still looks at health", () => {
    const world = new World([member("a"), member("b", { nature: bad })], canary);
    world.runUntil("baking").command("promote_full").run();
    expect(world.rollout).toMatchObject({ phase: "rolled_back", reason: "unhealthy" });
  });

  test("approves the last step of a plain canary", () => {
    const steps = [step({ count: 1 }), step({ share: 1 })];
    const world = new World([member("a"), member("b")], strategy({ kind: "canary", approval: true, steps }));
    world.runUntil("paused");
    expect(world.rollout.reason).toBe("awaiting_approval");
    expect(world.done).toEqual(["a new"]);
    expect(world.command("promote").run().done).toEqual(["a new", "b new"]);
  });

  test("is not asked where nothing is left to approve", () => {
    const steps = [step({ count: 1 }), step({ share: 1 })];
    const world = new World([member("a")], strategy({ kind: "canary", approval: true, steps })).run();
    expect(world.phases).toEqual(["progressing", "completed"]);
  });

  test("approves a rollout of one step before it begins", () => {
    const world = new World([member("a")], strategy({ approval: true })).command("resume");
    expect(world.rollout).toMatchObject({ phase: "paused", reason: "awaiting_approval" });
    world.turn();
    expect(world.done).toEqual([]);
    expect(world.command("promote").run().done).toEqual(["a new"]);
  });

  test("takes a completed rollout back, whole and in order", () => {
    const world = new World([member("db"), member("web", { layer: 1 })], strategy())
      .run()
      .command("undo")
      .run();
    expect(world.rollout).toMatchObject({ phase: "rolled_back", reason: "undone_by_operator" });
    expect(world.done.slice(2)).toEqual(["web old", "db old"]);
  });

  test("brings back a revision of fewer copies as it was", () => {
    const world = new World([member("web", { replicas: 3 })], strategy({ kind: "rolling" })).run();
    world.command("undo");
    const web = { resourceId: "web", why: "rollback" as const };
    const seen = { kind: "observed", resourceId: "web", present: true, health: "healthy" } as const;
    for (let turn = 0; !ended(world.rollout) && turn < 9; turn += 1) {
      const [action] = next(world.rollout, world.nowMs);
      if (action?.kind !== "apply") throw new Error("nothing to apply");
      const { updated = 1, previous = 0 } = action.copies ?? {};
      world.tell({ kind: "begun", ...web, updated });
      world.tell({ kind: "applied", ...web });
      const copies = { updated, updatedReady: updated, ready: updated + previous };
      world.tell({ ...seen, matches: previous === 0, copies });
    }
    expect(world.rollout.phase).toBe("rolled_back");
  });

  test("takes back copies within the surge too", () => {
    const world = new World([member("web", { replicas: 3 })], strategy({ kind: "rolling" })).run();
    world.done.length = 0;
    world.command("undo").run();
    expect(world.done).toEqual(["web old 1+3", "web old 2+2", "web old 3+1", "web old"]);
  });

  test("tries an ended rollout again from its first step, as another change", () => {
    const world = new World([member("db")], strategy(), {
      refuses: (n) => (n === 1 ? { message: "no space", retryable: false } : undefined),
    }).run();
    expect(world.rollout).toMatchObject({ phase: "rolled_back", generation: 1 });
    expect(world.command("retry").run().rollout).toMatchObject({ phase: "completed", generation: 2 });
  });

  test("a retry of what was left half done still knows what to bring back", () => {
    const nature = { ...bad };
    const world = new World(
      [member("web", { replicas: 3, nature })],
      strategy({ kind: "rolling", rollbackOnFailure: false }),
    ).run();
    expect(world.rollout.phase).toBe("failed");
    expect(world.standing("web")).toEqual({ new: 1, old: 3 });
    world.command("retry").command("abort").run();
    expect(world.rollout.phase).toBe("rolled_back");
    expect(world.standing("web")).toEqual({ old: 3 });
  });

  test("a successor stops it where it stands, also on its way back", () => {
    const world = new World([member("db"), member("web", { nature: bad })], strategy()).runUntil(
      "rolling_back",
    );
    world.tell({ kind: "superseded", by: "bundle 2" });
    expect(world.rollout).toMatchObject({ phase: "superseded", reason: "superseded", deadlineMs: null });
    expect(next(world.rollout, world.nowMs)).toEqual([]);
    for (const command of ["retry", "undo", "resume", "abort"] as const) world.command(command);
    expect(world.rollout.phase).toBe("superseded");
  });
});

test("a fold that means nothing gives back the same rollout", () => {
  const { rollout } = new World([member("db")], strategy());
  const nothing = fold(rollout, { kind: "applied", resourceId: "db", why: "rollout" }, start0);
  expect(nothing).toBe(rollout);
  expect(fold(rollout, { kind: "command", command: "resume", by: "ada" }, start0)).toBe(rollout);
});
