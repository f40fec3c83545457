/** What reconciling promises when the process that does it dies, is not alone, or is told something by a person. */
import { describe, expect, test } from "bun:test";
import { AkcError } from "../../src/errors.ts";
import type { Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import type { DeploymentReader, RolloutRequest } from "../../src/store/contract.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import { desired, inMemoryWorld, jumpingClock, type Pass, pass, startProcess, type World } from "./world.ts";

const version = (id: string, v: number, dependsOn: readonly string[] = []) =>
  desired(id, { spec: { v }, dependsOn });

type Standing = NonNullable<Parameters<typeof createInMemoryProvider>[0]>;

/** A world that remembers under which keys it was changed, and of which of them no intent was durable before. */
interface WatchedWorld extends World {
  readonly standing: Standing;
  readonly keys: Map<string, Set<string>>;
  readonly unrecorded: string[];
  readonly durable: Set<string>;
}

function watchedWorld(): WatchedWorld {
  const standing: Standing = new Map();
  const inner = createInMemoryProvider(standing);
  const keys: WatchedWorld["keys"] = new Map();
  const unrecorded: string[] = [];
  const durable = new Set<string>();
  const changed = (id: string, key: string) => {
    if (!durable.has(key)) unrecorded.push(key);
    const known = keys.get(id) ?? new Set();
    keys.set(id, known.add(key));
  };
  const provider: Provider = {
    ...inner,
    async apply(change, call) {
      changed(change.revision.resourceId, change.idempotencyKey);
      await inner.apply(change, call);
    },
    async delete(deletion, call) {
      changed(deletion.resource.resourceId, deletion.idempotencyKey);
      await inner.delete(deletion, call);
    },
  };
  return { ...inMemoryWorld(provider), standing, keys, unrecorded, durable };
}

const startedKey = /"idempotency_key":"([^"]+)"/;

/** A process whose `at`th commit is its last: it dies before that, or when it is durable and nobody knows. */
function mortal(
  scope: MemoryScope,
  durable: Set<string>,
  { at = Number.POSITIVE_INFINITY, when = "before" as "before" | "after", error = new Error("killed") } = {},
): MemoryRun {
  const run = createMemoryRun("rt-1", scope);
  const { commit } = run;
  let commits = 0;
  run.commit = async (turn) => {
    commits += 1;
    if (commits > at || (commits === at && when === "before")) throw error;
    await commit(turn);
    for (const { type, payload } of turn.events) {
      const key = type === "runtime.reconcile.operation_started" ? startedKey.exec(payload)?.[1] : undefined;
      if (key !== undefined) durable.add(key);
    }
    if (commits === at) throw error;
  };
  return run;
}

const ownedIds = async (scope: MemoryScope) =>
  (await scope.deployment.owned()).map(({ resourceId }) => resourceId);

async function expectInventoryWhole({ standing }: WatchedWorld, scope: MemoryScope) {
  const owned = new Set(await ownedIds(scope));
  for (const [id, there] of standing) if (there !== null) expect(owned).toContain(id);
}

const before = [version("a", 1), version("b", 1, ["a"]), version("gone", 1)];
const after = [version("a", 2), version("b", 2, ["a"]), version("new", 1, ["b"])];

async function standsAt1() {
  const world = watchedWorld();
  const scope = createMemoryScope();
  await pass(world, before, scope, { run: mortal(scope, world.durable) });
  world.keys.clear();
  return { world, scope };
}

describe("killed at any moment", () => {
  test("it goes on in another process: nothing is changed under another key, nothing is lost, and the inventory has all that stands", async () => {
    const { world: whole, scope: wholeScope } = await standsAt1();
    const unbroken = mortal(wholeScope, whole.durable);
    await pass(whole, after, wholeScope, { run: unbroken });
    expect(unbroken.events.length).toBeGreaterThan(10);
    for (const when of ["before", "after"] as const) {
      for (let at = 1; at <= unbroken.commits; at += 1) {
        const { world, scope } = await standsAt1();
        const dying = mortal(scope, world.durable, { at, when });
        await expect(pass(world, after, scope, { run: dying })).rejects.toThrow("killed");
        await expectInventoryWhole(world, scope);
        const result = await pass(world, after, scope, { run: mortal(scope, world.durable) });
        expect(result.converged).toBe(true);
        expect(world.unrecorded).toEqual([]);
        expect([...world.keys].map(([id, keys]) => `${id} ${keys.size}`).sort()).toEqual([
          "a 1",
          "b 1",
          "gone 1",
          "new 1",
        ]);
        expect(await ownedIds(scope)).toEqual(["a", "b", "new"]);
      }
    }
  });

  test("or told to end, it leaves what is under way to another one, which makes no change twice", async () => {
    for (let at = 1; at <= 25; at += 1) {
      const { world, scope } = await standsAt1();
      const stop = new AbortController();
      const run = mortal(scope, world.durable);
      const { commit } = run;
      let commits = 0;
      run.commit = async (turn) => {
        await commit(turn);
        commits += 1;
        if (commits === at) stop.abort();
      };
      await pass(world, after, scope, { run, signal: stop.signal }).catch(() => undefined);
      await expectInventoryWhole(world, scope);
      const result = await pass(world, after, scope, { run: mortal(scope, world.durable) });
      expect(result.converged).toBe(true);
      expect([...world.keys.values()].map((keys) => keys.size)).toEqual([1, 1, 1, 1]);
    }
  });

  test("what a person let it take over is taken over by whoever goes on", async () => {
    const taken: string[] = [];
    for (let at = 1; at <= 6; at += 1) {
      const { world, scope } = await standsAt1();
      world.standing.set("new", { resourceClass: "service", markedHash: "", fields: {}, key: "" });
      world.sights.set("new", (seen) =>
        seen.standing.kind === "present" && seen.standing.markedHash === ""
          ? { ...seen, standing: { ...seen.standing, owner: "other" } }
          : seen,
      );
      const { apply } = world.provider;
      world.provider.apply = async (change, call) => {
        const foreign = world.standing.get(change.revision.resourceId)?.markedHash === "";
        if (foreign && !change.adopt) throw new AkcError("PROVIDER_NOT_OWNED");
        await apply(change, call);
      };
      const run = mortal(scope, world.durable, { at, when: "after" });
      await pass(world, [...before, version("new", 1)], scope, { run, adopt: true }).catch(() => undefined);
      const open = await scope.deployment.openRollout();
      const result = await pass(world, [...before, version("new", 1)], scope);
      if (open !== null) taken.push(`${result.converged}`);
      else if (!result.converged)
        expect(result.statuses).toContainEqual(expect.objectContaining({ reason_code: "not_owned" }));
    }
    expect(taken.length).toBeGreaterThan(1);
    expect(new Set(taken)).toEqual(new Set(["true"]));
  });
});

describe("a store that refuses", () => {
  test("a write ends the pass with that error, and nothing was done of which no intent was durable", async () => {
    const full = new AkcError("DISK_FULL");
    for (let at = 1; at <= 12; at += 1) {
      const { world, scope } = await standsAt1();
      const run = mortal(scope, world.durable, { at, error: full });
      await expect(pass(world, after, scope, { run })).rejects.toBe(full);
      expect(world.unrecorded).toEqual([]);
      await expectInventoryWhole(world, scope);
    }
  });

  test("a read ends it only when the changes under way have ended too", async () => {
    const { world, scope } = await standsAt1();
    const clock = jumpingClock();
    let underWay = 0;
    const refused = Promise.withResolvers<void>();
    const { apply } = world.provider;
    world.provider.apply = async (change, call) => {
      underWay += 1;
      await refused.promise;
      await Bun.sleep(20);
      await apply(change, call);
      underWay -= 1;
    };
    const deployment: DeploymentReader = {
      ...scope.deployment,
      async openRequests() {
        if (underWay === 0) return [];
        refused.resolve();
        throw new AkcError("STORE_DAMAGED");
      },
    };
    const unreadable: MemoryScope = { ...scope, deployment };
    const yielding = {
      ...clock,
      sleep: async (ms: number) => {
        await clock.sleep(ms);
        await Bun.sleep(0);
      },
    };
    const run = mortal(scope, world.durable);
    await expect(pass(world, after, unreadable, { run, clock: yielding })).rejects.toMatchObject({
      code: "STORE_DAMAGED",
    });
    expect(underWay).toBe(0);
    expect([...world.keys.keys()]).toEqual(["a"]);
  });

  test("whoever has lost the scope begins nothing more", async () => {
    const { world, scope } = await standsAt1();
    const run = mortal(scope, world.durable);
    let begun = -1;
    const outcome = pass(world, after, scope, {
      run,
      onRollout({ units }) {
        if (begun >= 0 || !units.some(({ state }) => state === "settled")) return;
        scope.endHoldOf("rt-1");
        begun = world.durable.size;
      },
    });
    await expect(outcome).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(world.durable.size).toBe(begun);
    expect(world.unrecorded).toEqual([]);
    expect([...world.keys.keys()]).toEqual(["a", "b"]);
  });
});

test("of two drivers in a scope the second is refused before it looks, and takes over when the first has gone", async () => {
  const world = inMemoryWorld();
  const scope = createMemoryScope();
  const first = await startProcess(world, before, scope);
  await expect(pass(world, before, scope)).rejects.toMatchObject({ code: "SCOPE_HELD" });
  expect(world.looks).toBe(0);
  await first.end();
  expect((await pass(world, before, scope)).converged).toBe(true);
});

const canary = { runtime_rollout: { strategy: "canary", steps: [{ count: 1, pause: true }] } };

/** Paused after `a` is new. */
async function paused() {
  const { world, scope } = await standsAt1();
  const { rollout, ...result } = await pass(world, after, scope, { metadata: canary });
  expect(rollout).toMatchObject({ phase: "paused", reason: "step_pause" });
  const rolloutId = rollout?.rolloutId ?? "";
  const say = (command: RolloutRequest["command"], to = rolloutId) =>
    scope.requestRollout({ rolloutId: to, command, by: "somebody", atMs: 0 });
  return { world, scope, rolloutId, say, result };
}

const versionsOf = ({ standing }: WatchedWorld) =>
  [...standing].flatMap(([id, there]) =>
    there === null ? [] : `${id} ${JSON.stringify(there.fields).match(/"v":(\d)/)?.[1]}`,
  );

describe("a paused rollout", () => {
  test("waits in every pass of the same bundle, and goes on when a person says so", async () => {
    const { world, scope, say } = await paused();
    const again = await pass(world, after, scope, { metadata: canary });
    expect(again.rollout).toMatchObject({ phase: "paused" });
    expect(versionsOf(world)).toEqual(["a 2", "b 1", "gone 1"]);
    await say("promote");
    const result = await pass(world, after, scope, { metadata: canary });
    expect(result).toMatchObject({ converged: true, rollout: { phase: "completed" } });
    expect(await scope.deployment.openRequests()).toEqual([]);
    expect(result.events.filter(({ payload }) => payload["by"] === "somebody").length).toBe(1);
  });

  test("that is aborted brings everything back, and can be asked for again under other keys", async () => {
    const { world, scope, say, rolloutId } = await paused();
    const firstKeys = new Set(world.keys.get("a"));
    await say("abort");
    const aborted = await pass(world, after, scope, { metadata: canary });
    expect(aborted.rollout).toMatchObject({ phase: "rolled_back", reason: "aborted_by_operator" });
    expect(versionsOf(world)).toEqual(["a 1", "b 1", "gone 1"]);
    world.keys.clear();
    await say("retry");
    const retried = await pass(world, after, scope, { metadata: canary, rolloutId });
    expect(retried.rollout).toMatchObject({ rolloutId, phase: "paused", generation: 2 });
    expect(versionsOf(world)).toEqual(["a 2", "b 1", "gone 1"]);
    expect(firstKeys.isDisjointFrom(world.keys.get("a") ?? new Set())).toBe(true);
  });

  test("is taken over by a newer bundle, from where it stands, and what is no more wanted goes", async () => {
    const { world, scope } = await paused();
    const newer = await pass(world, [version("a", 3), version("b", 3, ["a"])], scope);
    expect(newer).toMatchObject({ converged: true, rollout: { phase: "completed" } });
    expect(versionsOf(world)).toEqual(["a 3", "b 3"]);
    expect((await scope.deployment.rollouts(3)).map(({ phase }) => phase)).toEqual([
      "completed",
      "superseded",
      "completed",
    ]);
  });

  test("leaves the words to other rollouts in their inbox", async () => {
    const { world, scope, say } = await paused();
    const [, first] = await scope.deployment.rollouts(2);
    const request = await say("undo", first?.rolloutId);
    await pass(world, after, scope, { metadata: canary });
    expect(await scope.deployment.openRequests()).toEqual([request]);
  });
});

test("a rollout that has ended is undone as a whole when a person says so, and not begun again by itself", async () => {
  const { world, scope } = await standsAt1();
  const { rollout } = await pass(world, after, scope);
  const rolloutId = rollout?.rolloutId ?? "";
  await scope.requestRollout({ rolloutId, command: "undo", by: "somebody", atMs: 0 });
  const undone = await pass(world, after, scope, { rolloutId });
  expect(undone.rollout).toMatchObject({ phase: "rolled_back", reason: "undone_by_operator" });
  expect(versionsOf(world).sort()).toEqual(["a 1", "b 1", "gone 1"]);
  expect(await ownedIds(scope)).toEqual(["a", "b", "gone"]);
  world.keys.clear();
  const later = await pass(world, after, scope);
  expect(world.keys.size).toBe(0);
  const reasons: Pass["statuses"] = later.statuses.filter(({ converged }) => !converged);
  expect(reasons.map(({ reason_code }) => reason_code)).toEqual(
    Array(reasons.length).fill("undone_by_operator"),
  );
  expect(reasons.length).toBe(4);
});

test("a rollout that is not known, or that another provider made, is not driven", async () => {
  const { world, scope, rolloutId } = await paused();
  await expect(pass(world, after, scope, { rolloutId: "nobody's" })).rejects.toMatchObject({
    code: "ROLLOUT_NOT_FOUND",
  });
  const other = { ...world, provider: { ...world.provider, id: "another" } };
  world.keys.clear();
  await expect(pass(other, after, scope, { rolloutId })).rejects.toMatchObject({
    code: "PROVIDER_UNAVAILABLE",
  });
  expect(world.keys.size).toBe(0);
});

describe("a rollout whose revisions the store has lost", () => {
  const without = (scope: MemoryScope, isLost: (hash: string) => boolean): MemoryScope => ({
    ...scope,
    deployment: {
      ...scope.deployment,
      revision: async (providerId, id, hash) =>
        isLost(hash) ? null : await scope.deployment.revision(providerId, id, hash),
    },
  });

  test("ends and brings back what it can, and nothing is made up", async () => {
    const { world, scope, say } = await paused();
    const [open] = await scope.deployment.rollouts(1);
    const units: readonly { readonly resourceId: string; readonly targetHash: string }[] = JSON.parse(
      open?.state ?? "",
    ).rollout.units;
    const lost = units.find(({ resourceId }) => resourceId === "new")?.targetHash;
    await say("promote_full");
    const result = await pass(
      world,
      after,
      without(scope, (hash) => hash === lost),
      { metadata: canary },
    );
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "apply_failed" });
    expect(versionsOf(world).sort()).toEqual(["a 1", "b 1", "gone 1"]);
    expect(await ownedIds(scope)).toEqual(["a", "b", "gone"]);
  });

  test("and that must go back says that it cannot, and leaves what stands", async () => {
    const { world, scope, say } = await paused();
    await say("abort");
    const result = await pass(
      world,
      after,
      without(scope, () => true),
      { metadata: canary },
    );
    expect(result.rollout).toMatchObject({ phase: "failed", reason: "rollback_unsupported" });
    expect(versionsOf(world)).toEqual(["a 2", "b 1", "gone 1"]);
    expect(await ownedIds(scope)).toEqual(["a", "b", "gone"]);
  });
});
