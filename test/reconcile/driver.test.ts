/** What reconciling promises whatever stands and whatever is wanted. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { keptRollout } from "../../src/reconciler/kept.ts";
import { createMemoryScope } from "../../src/store/deployment/memory.ts";
import { policy } from "../kernel/world.ts";
import { anothers, desired, inMemoryWorld, pass, unavailable, unhealthy, unseen } from "./world.ts";

const ids = ["a", "b", "c", "d", "e", "f"];

/** Resources with dependencies that only point to earlier ids, so that there is no cycle. */
const resources = fc
  .subarray(ids)
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((id) =>
        fc
          .record({ replicas: fc.nat(2), dependsOn: fc.subarray(ids.slice(0, ids.indexOf(id))) })
          .map(({ replicas, dependsOn }) => desired(id, { spec: { replicas }, dependsOn })),
      ),
    ),
  );

test("any wanted state converges from any state that stands, in the order of dependencies, and then nothing is left to do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(resources, { minLength: 1, maxLength: 3 }), async (states) => {
      const world = inMemoryWorld();
      const scope = createMemoryScope();
      for (const wanted of states) {
        if (wanted.length === 0) continue;
        world.log.length = 0;
        const result = await pass(world, wanted, scope);
        expect(result.converged).toBe(true);
        expect(new Set(world.log).size).toBe(world.log.length);
        const at = (entry: string) => world.log.indexOf(entry);
        for (const { resourceId, dependsOn } of wanted) {
          for (const id of dependsOn) {
            if (at(`apply ${resourceId}`) < 0 || at(`apply ${id}`) < 0) continue;
            expect(at(`apply ${id}`)).toBeLessThan(at(`apply ${resourceId}`));
          }
        }
        const applied = world.log.findLastIndex((entry) => entry.startsWith("apply"));
        const deleted = world.log.findIndex((entry) => entry.startsWith("delete"));
        if (deleted >= 0) expect(deleted).toBeGreaterThan(applied);
        const owned = (await scope.deployment.owned()).map(({ resourceId }) => resourceId);
        expect(owned.sort()).toEqual(wanted.map(({ resourceId }) => resourceId).sort());
        world.log.length = 0;
        world.looks = 0;
        const again = await pass(world, wanted, scope);
        expect(again).toMatchObject({ converged: true });
        expect(again.rollout).toBeUndefined();
        expect(world.log).toEqual([]);
        expect(world.looks).toBe(1);
      }
    }),
    { numRuns: 150 },
  );
});

test("a simulation changes nothing and shows what would be done", async () => {
  const world = inMemoryWorld();
  const result = await pass(world, [desired("a")], createMemoryScope(), { simulate: true });
  expect(world.log).toEqual([]);
  expect(result.statuses).toMatchObject([
    {
      operation_type: "create",
      applied: false,
      observed_hash: "absent",
      outcome: "planned",
      converged: false,
    },
  ]);
});

test("what cannot be seen is neither created nor deleted, and says so", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  await pass(world, [desired("a"), desired("b")], scope);
  world.log.length = 0;
  world.sights.set("a", unseen);
  world.sights.set("b", unseen);
  const changed = await pass(world, [desired("a", { spec: { v: 2 } })], scope);
  expect(world.log).toEqual([]);
  expect(changed.converged).toBe(false);
  expect(changed.statuses).toMatchObject([
    { resource_id: "a", reason_code: "unobservable", observed_hash: "unobservable", outcome: "blocked" },
    { resource_id: "b", reason_code: "unobservable", outcome: "blocked" },
  ]);
  world.sights.clear();
  expect(await pass(world, [desired("a", { spec: { v: 2 } })], scope)).toMatchObject({ converged: true });
  expect(world.log).toEqual(["apply a", "delete b"]);
});

test("what was made and has died sends the rollout back at once, though it differs by having died", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  await pass(world, [desired("a", { spec: { v: 1 } })], scope);
  const broken = desired("a", { spec: { v: 2 } });
  world.sights.set("a", (seen) => {
    const { standing } = seen;
    if (standing.kind !== "present" || standing.markedHash !== broken.desiredHash) return seen;
    return {
      ...seen,
      standing: { ...standing, fields: { ...standing.fields, stopped: 1 }, health: "failed" },
    };
  });
  expect((await pass(world, [broken], scope)).rollout).toMatchObject({
    phase: "rolled_back",
    reason: "unhealthy",
  });
});

test("what goes back is compared with what the world would make of the older revision, defaults and all", async () => {
  const inner = createInMemoryProvider();
  const world = inMemoryWorld({
    ...inner,
    async observe(revisions, owned, call) {
      const asked = new Map(revisions.map((one) => [one.resourceId, { ...one.fields, byDefault: 1 }]));
      return (await inner.observe(revisions, owned, call)).map((seen) => {
        const { standing } = seen;
        const wanted = asked.get(seen.resourceId);
        if (standing.kind !== "present" || wanted === undefined) return seen;
        return { ...seen, wanted, standing: { ...standing, fields: { ...standing.fields, byDefault: 1 } } };
      });
    },
  });
  const scope = createMemoryScope();
  expect(await pass(world, [desired("a", { spec: { v: 1 } })], scope)).toMatchObject({ converged: true });
  const broken = desired("a", { spec: { v: 2 } });
  world.sights.set("a", (seen) =>
    seen.standing.kind === "present" && seen.standing.markedHash === broken.desiredHash
      ? unhealthy("failed")(seen)
      : seen,
  );
  expect((await pass(world, [broken], scope)).rollout).toMatchObject({
    phase: "rolled_back",
    reason: "unhealthy",
  });
});

test("what akc has not made is left alone unless it is to be adopted", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  await pass(world, [desired("a", { spec: { v: 1 } })]);
  world.log.length = 0;
  world.sights.set("a", anothers);
  const result = await pass(world, [desired("a", { spec: { v: 2 } })], scope);
  expect(world.log).toEqual([]);
  expect(result.statuses).toMatchObject([{ reason_code: "not_owned", converged: false }]);
  world.sights.clear();
  await pass(world, [desired("a", { spec: { v: 2 } })], scope, { adopt: true });
  expect(world.log).toEqual(["apply a"]);
});

test("a plan that was looked at is applied exactly, or not at all once the world has moved", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  await pass(world, [desired("a"), desired("b")], scope);
  const wanted = [desired("a", { spec: { v: 2 } }), desired("b")];
  const { plan } = await pass(world, wanted, scope, { simulate: true });
  const again = await pass(world, wanted, scope, { simulate: true });
  expect(again.plan.planId).toBe(plan.planId);
  await pass(world, [desired("a", { spec: { v: 9 } }), desired("b")], scope);
  world.log.length = 0;
  await expect(pass(world, wanted, scope, { planId: plan.planId })).rejects.toMatchObject({
    code: "PLAN_NOT_FOUND",
  });
  expect(world.log).toEqual([]);
  const { plan: now } = await pass(world, wanted, scope, { simulate: true });
  expect(await pass(world, wanted, scope, { planId: now.planId, exact: true })).toMatchObject({
    converged: true,
  });
  await expect(pass(world, wanted, scope, { planId: now.planId })).rejects.toMatchObject({
    code: "PLAN_STALE",
  });
});

test("a rollout that fails brings the whole set back, and is not begun again by itself", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  const v1 = [desired("a", { spec: { v: 1 } }), desired("b", { spec: { v: 1 }, dependsOn: ["a"] })];
  const v2 = [desired("a", { spec: { v: 2 } }), desired("b", { spec: { v: 2 }, dependsOn: ["a"] })];
  await pass(world, v1, scope);
  world.log.length = 0;
  let applies = 0;
  world.sights.set("b", (seen) => {
    const bad = world.log.filter((entry) => entry === "apply b").length === 1;
    applies += 1;
    return bad ? unhealthy("failed")(seen) : seen;
  });
  const result = await pass(world, v2, scope);
  expect(applies).toBeGreaterThan(0);
  expect(result.rollout).toMatchObject({ phase: "rolled_back" });
  expect(world.log).toEqual(["apply a", "apply b", "apply b", "apply a"]);
  expect(result.statuses).toMatchObject([
    { resource_id: "a", converged: false, outcome: "rolled_back", health_status: "healthy" },
    { resource_id: "b", converged: false, outcome: "rolled_back" },
  ]);
  world.sights.clear();
  world.log.length = 0;
  await pass(world, v2, scope);
  expect(world.log).toEqual([]);
  expect(await pass(world, v1, scope)).toMatchObject({ converged: true });
  expect(world.log).toEqual([]);
  expect(await pass(world, v2, scope, { insist: true })).toMatchObject({ converged: true });
});

test("a change that a provider could not make is tried again, and recorded each time", async () => {
  const world = inMemoryWorld();
  let left = 2;
  world.refusals.set("a", () => {
    left -= 1;
    if (left >= 0) unavailable();
  });
  const result = await pass(world, [desired("a")]);
  expect(result.converged).toBe(true);
  const finished = result.events.filter(({ type }) => type === "runtime.reconcile.operation_finished");
  expect(finished.map(({ payload }) => payload["applied"])).toEqual([false, false, true]);
  const keys = finished.map(({ payload }) => payload["idempotency_key"]);
  expect(new Set(keys).size).toBe(1);
});

test("a denied change is not made, not tried again, and said to be denied", async () => {
  const world = inMemoryWorld();
  const denying = policy({ without: ["service.reconcile.apply"] });
  const result = await pass(world, [desired("a")], createMemoryScope(), { policy: denying });
  expect(world.log).toEqual([]);
  expect(result.denied).toMatchObject({ action: "service.reconcile.apply", allowed: false });
  expect(result.statuses).toMatchObject([{ reason_code: "policy_denied", applied: false, converged: false }]);
});

test("drift is put back without steps, and a correction that is undone each time is left alone after a while", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  const wanted = [desired("a", { spec: { v: 1 } })];
  await pass(world, wanted, scope);
  world.log.length = 0;
  // Somebody undoes it whenever it was put back.
  let drifted = true;
  world.sights.set("a", (seen) =>
    drifted && seen.standing.kind === "present"
      ? { ...seen, standing: { ...seen.standing, fields: { intent: { v: "by hand" } } } }
      : seen,
  );
  const reasons: unknown[] = [];
  for (let round = 0; round < 7; round += 1) {
    drifted = true;
    const result = await pass(world, wanted, scope, {
      onRollout: () => {
        drifted = false;
      },
    });
    reasons.push(result.statuses[0]?.reason_code);
  }
  expect(reasons.slice(0, 5)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(reasons.slice(5)).toEqual(["correction_loop", "correction_loop"]);
  expect(world.log).toEqual(Array(5).fill("apply a"));
});

test("another process goes on with a rollout that was left in the middle, and makes no change twice", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  const wanted = ids.map((id, index) => desired(id, { dependsOn: ids.slice(0, index) }));
  const stop = new AbortController();
  const first = await pass(world, wanted, scope, {
    signal: stop.signal,
    onRollout: () => {
      if (world.log.length === 3) stop.abort();
    },
  }).catch(() => undefined);
  expect(first?.converged ?? false).toBe(false);
  expect(world.log.length).toBeLessThan(ids.length);
  const result = await pass(world, wanted, scope);
  expect(result).toMatchObject({ converged: true, rollout: { phase: "completed" } });
  expect(world.log).toEqual(ids.map((id) => `apply ${id}`));
});

test("a newer bundle takes the place of a rollout that is under way", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  const metadata = { runtime_rollout: { strategy: "all_at_once", approval: true } };
  await pass(world, [desired("a")], createMemoryScope());
  world.sights.set("a", anothers);
  const paused = await pass(world, [desired("a", { spec: { v: 1 } })], scope, { metadata, adopt: true });
  expect(paused.rollout).toMatchObject({ phase: "paused", reason: "awaiting_approval" });
  world.sights.clear();
  const told = new Set<string>();
  const newer = await pass(world, [desired("a", { spec: { v: 2 } })], scope, {
    onRollout: ({ rolloutId }) => told.add(rolloutId),
  });
  expect(newer).toMatchObject({ converged: true, rollout: { phase: "completed" } });
  const rollouts = await scope.deployment.rollouts(10);
  expect(rollouts.map(({ phase }) => phase)).toEqual(["completed", "superseded"]);
  expect([...told]).toEqual(rollouts.slice(0, 1).map(({ rolloutId }) => rolloutId));
  // What a person let it take over stays in its record.
  expect(rollouts.map((row) => keptRollout(row).adopted)).toEqual([[], ["a"]]);
});
