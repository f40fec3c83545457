/** What reconciling promises when the provider or the world does not do what it should. */
import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { AkcError } from "../../src/errors.ts";
import type { JsonObject } from "../../src/json/value.ts";
import type { Observation } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import type { Clock } from "../../src/system/clock.ts";
import { policy } from "../kernel/world.ts";
import {
  desired,
  inMemoryWorld,
  jumpingClock,
  type Pass,
  pass,
  unavailable,
  unhealthy,
  unseen,
  type World,
} from "./world.ts";

type Standing = NonNullable<Parameters<typeof createInMemoryProvider>[0]>;

const version = (id: string, v: number, dependsOn: readonly string[] = []) =>
  desired(id, { spec: { v }, dependsOn });

/** Waits two seconds for health. */
const impatient = { runtime_rollout: { strategy: "all_at_once", health: { healthy_deadline_ms: 2_000 } } };

/** Lets real timers fire while time jumps. */
function yieldingClock(): Clock {
  const clock = jumpingClock();
  return {
    ...clock,
    async sleep(ms) {
      await clock.sleep(ms);
      await Bun.sleep(0);
    },
  };
}

/** A world whose resources can be changed past akc. */
function openWorld(): { readonly world: World; readonly standing: Standing } {
  const standing: Standing = new Map();
  return { world: inMemoryWorld(createInMemoryProvider(standing)), standing };
}

function byHand(standing: Standing, id: string, fields: JsonObject): void {
  const there = standing.get(id);
  standing.set(id, { resourceClass: "service", markedHash: "", key: "", ...there, fields });
}

const foreign = (seen: Observation): Observation =>
  seen.standing.kind === "present" ? { ...seen, standing: { ...seen.standing, owner: "other" } } : seen;

const statusOf = ({ statuses }: Pass, id: string) => statuses.find(({ resource_id }) => resource_id === id);

const ownedIds = async (scope: MemoryScope) =>
  (await scope.deployment.owned()).map(({ resourceId }) => resourceId);

/** The operations of one resource as they were recorded: `started KEY`, `finished KEY true`. */
function operationsOf({ events }: Pick<Pass, "events">, id: string): readonly string[] {
  return events
    .filter(({ type, payload }) => type.includes("operation_") && payload["resource_id"] === id)
    .map(({ type, payload }) => {
      const key = String(payload["idempotency_key"]).split(":").slice(1).join(":");
      return type.endsWith("started") ? `started ${key}` : `finished ${key} ${payload["applied"]}`;
    });
}

describe("a provider that does not answer", () => {
  const { timeout } = AbortSignal;
  const hurried = spyOn(AbortSignal, "timeout");
  afterEach(() => {
    hurried.mockReset();
    hurried.mockImplementation(timeout);
  });
  const never = () => new Promise<never>(() => {});
  const hurry = () => hurried.mockImplementation(() => timeout.call(AbortSignal, 5));

  test("to a change is cut off at its deadline, and asked again under the same key", async () => {
    hurry();
    const { world } = openWorld();
    let asked = 0;
    const { apply } = world.provider;
    world.provider.apply = (change, call) => {
      asked += 1;
      return asked === 1 ? never() : apply(change, call);
    };
    const result = await pass(world, [version("a", 1)], createMemoryScope(), { clock: yieldingClock() });
    expect(result.converged).toBe(true);
    const [started, cut, again, finished] = operationsOf(result, "a");
    expect([cut, again, finished]).toEqual([
      started?.replace("started", "finished").concat(" false"),
      started,
      started?.replace("started", "finished").concat(" true"),
    ]);
  });

  test("to a look is cut off, and nothing is touched that nobody saw", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("b", 1)], scope);
    hurry();
    world.log.length = 0;
    world.provider.observe = never;
    const result = await pass(world, [version("a", 2)], scope);
    expect(world.log).toEqual([]);
    expect(result.statuses).toMatchObject([
      { resource_id: "a", reason_code: "unobservable" },
      { resource_id: "b", reason_code: "unobservable" },
    ]);
  });

  test("what the bundle means is not waited for without end", async () => {
    hurry();
    const { world } = openWorld();
    world.provider.resolve = never;
    await expect(pass(world, [version("a", 1)])).rejects.toMatchObject({ code: "TOOL_TIMEOUT" });
  });
});

describe("a provider that lies", () => {
  test("when it says that it applied is found out by looking, and what may be there is taken away", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    world.provider.apply = async ({ revision }) => void world.log.push(`apply ${revision.resourceId}`);
    const result = await pass(world, [version("a", 1)], scope, { metadata: impatient });
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "healthy_deadline_exceeded" });
    expect(statusOf(result, "a")).toMatchObject({ converged: false, observed_hash: "absent" });
    expect(await ownedIds(scope)).toEqual([]);
  });

  test("when it says healthy and then failed sends everything back, as long as the rollout lasts", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("b", 1)], scope);
    const metadata = { runtime_rollout: { strategy: "all_at_once", bake_ms: 5_000 } };
    let looks = 0;
    world.sights.set("a", (seen) => {
      const isNew = JSON.stringify(seen.standing).includes('"v":2');
      looks += isNew ? 1 : 0;
      return isNew && looks > 3 ? unhealthy("failed")(seen) : seen;
    });
    const result = await pass(world, [version("a", 2), version("b", 2)], scope, { metadata });
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "unhealthy" });
    expect([...standing.values()].map((one) => one?.fields["intent"])).toEqual([
      version("a", 1).intent,
      version("b", 1).intent,
    ]);
  });

  test("of health by turns has until its deadline to be steady, and then goes back", async () => {
    const { world } = openWorld();
    let looks = 0;
    world.sights.set("a", (seen) => {
      looks += 1;
      return looks % 2 === 0 ? unhealthy("degraded")(seen) : seen;
    });
    const health = { healthy_deadline_ms: 3_000, min_healthy_ms: 1_000 };
    const metadata = { runtime_rollout: { strategy: "all_at_once", health } };
    const result = await pass(world, [version("a", 1)], createMemoryScope(), { metadata });
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "healthy_deadline_exceeded" });
    expect(looks).toBeLessThan(40);
  });
});

describe("a change that was half made", () => {
  const failing = (retryable: boolean) => () => {
    throw new AkcError("PROVIDER_FAILED", { message: "the line broke", details: { retryable } });
  };
  const breaksAfter = (world: World, fail: () => never) => {
    const { apply } = world.provider;
    let times = 0;
    world.provider.apply = async (change, call) => {
      await apply(change, call);
      times += 1;
      if (times === 1) fail();
    };
  };

  test("is asked for again under the same key, and made once", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1)], scope);
    breaksAfter(world, failing(true));
    const result = await pass(world, [version("a", 2)], scope);
    expect(result.converged).toBe(true);
    const keys = operationsOf(result, "a").map((line) => line.split(" ")[1]);
    expect(new Set(keys).size).toBe(1);
    expect(standing.get("a")?.key).toEndWith(keys[0] ?? "nothing");
  });

  test("and cannot be made is taken back, though nobody said that it was made", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1)], scope);
    breaksAfter(world, failing(false));
    const result = await pass(world, [version("a", 2), version("b", 1)], scope);
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "apply_failed" });
    expect(standing.get("a")?.fields["intent"]).toEqual(version("a", 1).intent);
    expect(standing.get("b") ?? null).toBeNull();
    expect(await ownedIds(scope)).toEqual(["a"]);
  });
});

describe("a hand in the middle of a rollout", () => {
  /** Somebody changes `b` while `a` is being changed. */
  async function meddled(exact: boolean) {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    const before = [version("a", 1), version("b", 1, ["a"])];
    const wanted = [version("a", 2), version("b", 2, ["a"])];
    await pass(world, before, scope);
    const { apply } = world.provider;
    let meddling = true;
    world.provider.apply = async (change, call) => {
      await apply(change, call);
      if (change.revision.resourceId === "a" && meddling) {
        meddling = false;
        byHand(standing, "b", { intent: "by hand" });
      }
    };
    const { plan } = await pass(world, wanted, scope, { simulate: true });
    const options = exact ? { exact, planId: plan.planId } : {};
    return { result: await pass(world, wanted, scope, options), standing };
  }

  test("does not keep it from converging", async () => {
    const { result, standing } = await meddled(false);
    expect(result.converged).toBe(true);
    expect(standing.get("b")?.fields["intent"]).toEqual(version("b", 2, ["a"]).intent);
  });

  test("ends one of an exact plan: what was planned against another version is not done", async () => {
    const { result, standing } = await meddled(true);
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "world_moved" });
    expect(standing.get("a")?.fields["intent"]).toEqual(version("a", 1).intent);
    expect(standing.get("b")?.fields["intent"]).toBe("by hand");
  });

  test("between a look and the change is met by the provider, and looked at again", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1)], scope);
    let hands = 2;
    world.refusals.set("a", () => {
      hands -= 1;
      if (hands >= 0) byHand(standing, "a", { intent: `by hand ${hands}` });
    });
    const result = await pass(world, [version("a", 2)], scope);
    expect(result.converged).toBe(true);
    const codes = result.events.flatMap(({ payload }) => payload["error_code"] ?? []);
    expect(codes).toEqual(["PROVIDER_CONFLICT", "PROVIDER_CONFLICT"]);
  });

  test("that puts something of its own in the place leaves nothing in the inventory that is not akc's", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    world.refusals.set("a", () => {
      byHand(standing, "a", { intent: "somebody's" });
      world.sights.set("a", foreign);
      throw new AkcError("PROVIDER_NOT_OWNED");
    });
    const result = await pass(world, [version("a", 1)], scope);
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "not_owned" });
    expect(await ownedIds(scope)).toEqual([]);
    expect(standing.get("a")?.fields["intent"]).toBe("somebody's");
  });
});

describe("what depends on something", () => {
  const chain = (v: number) => [version("a", v), version("b", v, ["a"]), version("c", v, ["b"])];

  test("is not touched when that fails", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, chain(1), scope);
    world.log.length = 0;
    world.refusals.set("a", () => {
      world.refusals.clear();
      throw new AkcError("PROVIDER_FAILED", { details: { retryable: false } });
    });
    const result = await pass(world, chain(2), scope);
    expect(result.rollout).toMatchObject({ phase: "rolled_back", reason: "apply_failed" });
    // The way back of what may have been changed.
    expect(world.log).toEqual(["apply a"]);
    expect(result.rollout?.units.map(({ touched }) => touched)).toEqual([true, false, false]);
  });

  test.each(["unobservable", "not_owned", "provider_refused"])(
    "is not touched when that is %s and so cannot be changed",
    async (reason) => {
      const { world } = openWorld();
      const scope = createMemoryScope();
      await pass(world, chain(1), scope);
      world.log.length = 0;
      if (reason === "unobservable") world.sights.set("a", unseen);
      if (reason === "not_owned") world.sights.set("a", foreign);
      if (reason === "provider_refused") {
        const { resolve } = world.provider;
        world.provider.resolve = async (wanted, call) => {
          const [, ...others] = await resolve(wanted, call);
          return [{ kind: "refused", resourceId: "a", message: "no" }, ...others];
        };
      }
      const free = version("z", 1);
      const result = await pass(world, [...chain(2), free], scope);
      expect(world.log).toEqual(["apply z"]);
      expect(statusOf(result, "a")).toMatchObject({ reason_code: reason });
      for (const id of ["b", "c"]) {
        expect(statusOf(result, id)).toMatchObject({ reason_code: "dependency_failed", outcome: "blocked" });
      }
    },
  );

  test("and was put there before is put back all the same: it ran with what it depends on", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    await pass(world, chain(1), scope);
    world.log.length = 0;
    world.sights.set("a", unseen);
    standing.set("b", null);
    await pass(world, chain(1), scope);
    expect(world.log).toEqual(["apply b"]);
  });

  test("keeps it from being deleted while nobody can see whether it has gone itself", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [...chain(1), version("z", 1)], scope);
    world.log.length = 0;
    world.sights.set("c", unseen);
    const result = await pass(world, [version("z", 1)], scope);
    expect(world.log).toEqual([]);
    expect(statusOf(result, "a")).toMatchObject({ reason_code: "dependency_failed" });
    world.sights.clear();
    expect((await pass(world, [version("z", 1)], scope)).converged).toBe(true);
    expect(world.log).toEqual(["delete c", "delete b", "delete a"]);
  });
});

describe("what goes out of sight in the middle of a rollout", () => {
  test("is not changed while it is out of sight, and the rollout goes on when it is back", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("b", 1, ["a"])], scope);
    let blind = 0;
    const { apply } = world.provider;
    world.provider.apply = async (change, call) => {
      expect(blind).toBe(0);
      await apply(change, call);
      if (change.revision.resourceId === "a") blind = 8;
    };
    world.sights.set("b", (seen) => {
      if (blind === 0) return seen;
      blind -= 1;
      return unseen(seen);
    });
    const result = await pass(world, [version("a", 2), version("b", 2, ["a"])], scope);
    expect(blind).toBe(0);
    expect(result.converged).toBe(true);
  });

  test("and stays so is not changed blindly on the way back either: the rollout ends and says so", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1)], scope);
    const changes: string[] = [];
    const { apply } = world.provider;
    world.provider.apply = async (change, call) => {
      changes.push(change.kind);
      await apply(change, call);
      world.sights.set("a", unseen);
    };
    const result = await pass(world, [version("a", 2)], scope, { metadata: impatient });
    expect(changes).toEqual(["update"]);
    expect(result.rollout).toMatchObject({ phase: "failed", reason: "rollback_failed" });
    expect(statusOf(result, "a")).toMatchObject({ converged: false, observed_hash: "unobservable" });
  });

  test.each(["unseen", "not spoken of"])(
    "and is wanted no more is not deleted blindly when it is %s",
    async (how) => {
      const { world } = openWorld();
      const scope = createMemoryScope();
      await pass(world, [version("a", 1), version("b", 1)], scope);
      world.log.length = 0;
      const { apply } = world.provider;
      world.provider.apply = async (change, call) => {
        await apply(change, call);
        if (how === "unseen") world.sights.set("b", unseen);
        else {
          const { observe } = world.provider;
          world.provider.observe = async (...asked) =>
            (await observe(...asked)).filter(({ resourceId }) => resourceId !== "b");
        }
      };
      const result = await pass(world, [version("a", 2)], scope, { metadata: impatient });
      expect(world.log).not.toContain("delete b");
      expect(result.converged).toBe(false);
      expect(await ownedIds(scope)).toEqual(["a", "b"]);
    },
  );
});

describe("a provider that answers what nobody asked", () => {
  test("of ids of somebody else's changes nothing, and one of the scope's mark is taken away", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("mine", 1), version("theirs", 1)], createMemoryScope());
    world.log.length = 0;
    world.sights.set("theirs", foreign);
    const result = await pass(world, [version("a", 1)], scope);
    expect(world.log).toEqual(["delete mine"]);
    expect(result.statuses.map(({ resource_id, outcome }) => [resource_id, outcome])).toEqual([
      ["a", "converged"],
      ["mine", "deleted"],
    ]);
  });

  test("or works out what nobody wants makes nothing of it stand", async () => {
    const { world } = openWorld();
    const { resolve } = world.provider;
    world.provider.resolve = (wanted, call) => resolve([...wanted, version("ghost", 1)], call);
    await pass(world, [version("a", 1)]);
    expect(world.log).toEqual(["apply a"]);
  });

  test("twice and differently is not believed: what it speaks of is not touched", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("b", 1)], scope);
    world.log.length = 0;
    const { observe } = world.provider;
    world.provider.observe = async (revisions, owned, call) => {
      const seen = await observe(revisions, owned, call);
      const first = seen.filter(({ resourceId }) => resourceId === "a");
      return [...seen, ...seen, ...first.map((one) => ({ ...one, standing: { kind: "absent" as const } }))];
    };
    const result = await pass(world, [version("a", 2), version("b", 2)], scope);
    expect(world.log).toEqual(["apply b"]);
    expect(statusOf(result, "a")).toMatchObject({ reason_code: "unobservable" });
    expect(statusOf(result, "b")).toMatchObject({ converged: true });
  });

  test("or does not speak of what it was asked leaves that alone", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    await pass(world, [version("a", 1), version("b", 1), version("c", 1)], scope);
    world.log.length = 0;
    const { observe, resolve } = world.provider;
    const without = (id: string) => (one: { readonly resourceId: string }) => one.resourceId !== id;
    world.provider.observe = async (...asked) => (await observe(...asked)).filter(without("a"));
    world.provider.resolve = async (...asked) =>
      (await resolve(...asked)).filter((one) => one.kind !== "resolved" || without("b")(one.revision));
    const result = await pass(world, [version("a", 2), version("b", 2)], scope);
    expect(world.log).toEqual(["delete c"]);
    expect(statusOf(result, "a")).toMatchObject({ reason_code: "unobservable" });
    expect(statusOf(result, "b")).toMatchObject({ reason_code: "provider_refused" });
  });
});

test("a policy that denies only the way back leaves what was changed as it is, and says so", async () => {
  const { world, standing } = openWorld();
  const scope = createMemoryScope();
  await pass(world, [version("a", 1), version("b", 1)], scope);
  world.sights.set("b", (seen) =>
    JSON.stringify(seen.standing).includes('"v":2') ? unhealthy("failed")(seen) : seen,
  );
  const denying = policy({ without: ["service.reconcile.rollback"] });
  const result = await pass(world, [version("a", 2), version("b", 2)], scope, { policy: denying });
  expect(result.denied).toMatchObject({ action: "service.reconcile.rollback", allowed: false });
  expect(result.rollout).toMatchObject({ phase: "failed", reason: "rollback_failed" });
  expect(result.rollout?.units).toMatchObject([
    { state: "rollback_failed", reason: "policy_denied" },
    { state: "rollback_failed", reason: "policy_denied" },
  ]);
  expect(standing.get("a")?.fields["intent"]).toEqual(version("a", 2).intent);
  expect(statusOf(result, "b")).toMatchObject({ converged: false, outcome: "failed" });
});

test("a field that is to be ignored is left as somebody else set it, and told as ignored", async () => {
  const { world, standing } = openWorld();
  const scope = createMemoryScope();
  const ignoredOf = () => ["/scaled"];
  await pass(world, [version("a", 1)], scope);
  world.log.length = 0;
  byHand(standing, "a", { intent: version("a", 1).intent, scaled: 7 });
  const result = await pass(world, [version("a", 1)], scope, { ignoredOf });
  expect(world.log).toEqual([]);
  expect(statusOf(result, "a")).toMatchObject({ converged: true, ignored_fields: ["/scaled"], drift: [] });
  expect(await pass(world, [version("a", 2)], scope, { ignoredOf })).toMatchObject({ converged: true });
});

describe("a correction", () => {
  test("that is undone each time is noticed whoever makes it, told, and made again when the window is over", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    const clock = jumpingClock();
    const wanted = [version("a", 1)];
    await pass(world, wanted, scope, { clock });
    const reasons: unknown[] = [];
    for (let round = 0; round < 7; round += 1) {
      byHand(standing, "a", { intent: "by hand" });
      const result = await pass(world, wanted, scope, { clock });
      reasons.push(statusOf(result, "a")?.reason_code);
      await clock.sleep(10_000);
    }
    expect(reasons).toEqual([...Array(5).fill(undefined), "correction_loop", "correction_loop"]);
    const other = await pass(world, wanted, scope, { clock, simulate: true });
    expect(statusOf(other, "a")).toMatchObject({ reason_code: "correction_loop", outcome: "blocked" });
    byHand(standing, "a", { intent: version("a", 1).intent, another: true });
    expect(await pass(world, wanted, scope, { clock })).toMatchObject({ converged: true });
    byHand(standing, "a", { intent: "by hand" });
    await clock.sleep(10 * 60_000);
    expect(await pass(world, wanted, scope, { clock })).toMatchObject({ converged: true });
  });

  test("that cannot be made is not one that somebody undoes: it goes on being tried", async () => {
    const { world, standing } = openWorld();
    const scope = createMemoryScope();
    const clock = jumpingClock();
    const wanted = [version("a", 1)];
    await pass(world, wanted, scope, { clock });
    standing.set("a", null);
    world.refusals.set("a", () => {
      throw new AkcError("PROVIDER_FAILED", { details: { retryable: false } });
    });
    for (let round = 0; round < 7; round += 1) {
      expect(statusOf(await pass(world, wanted, scope, { clock }), "a")).toMatchObject({
        reason_code: "apply_failed",
      });
    }
    world.refusals.clear();
    expect(await pass(world, wanted, scope, { clock })).toMatchObject({ converged: true });
  });

  test("is only of what has stood: a change that never came to be made takes its steps again", async () => {
    const { world } = openWorld();
    const scope = createMemoryScope();
    const ids = ["a", "b", "c"];
    const at = (v: number) => ids.map((id) => version(id, v));
    const health = { healthy_deadline_ms: 2_000 };
    const metadata = { runtime_rollout: { strategy: "canary", steps: [{ count: 1, pause: true }], health } };
    await pass(world, at(1), scope);
    world.log.length = 0;
    // Its intent is kept, and then the line breaks for good.
    world.refusals.set("a", unavailable);
    const stop = new AbortController();
    await pass(world, at(2), scope, {
      metadata,
      bundle: "one",
      signal: stop.signal,
      onRollout: ({ units }) => {
        if (units.some(({ failures }) => failures > 1)) stop.abort();
      },
    });
    world.refusals.clear();
    const result = await pass(world, at(2), scope, { metadata, bundle: "another" });
    expect(world.log).toEqual(["apply a"]);
    expect(result.rollout).toMatchObject({ phase: "paused", reason: "step_pause" });
    expect(result.events.map(({ type }) => type)).not.toContain("runtime.reconcile.drift_found");
  });
});

test("of three hundred resources no more than the cap are changed at once, there and back", async () => {
  const { world } = openWorld();
  const scope = createMemoryScope();
  const ids = Array.from({ length: 300 }, (_, index) => `r${String(index).padStart(3, "0")}`);
  let now = 0;
  let most = 0;
  for (const change of ["apply", "delete"] as const) {
    const inner: (...asked: never[]) => Promise<void> = world.provider[change];
    world.provider[change] = async (...asked: unknown[]) => {
      now += 1;
      most = Math.max(most, now);
      await Bun.sleep(now % 4);
      await Reflect.apply(inner, world.provider, asked);
      now -= 1;
    };
  }
  const metadata = { runtime_rollout: { strategy: "all_at_once", parallel: 7 } };
  const { rollout, converged } = await pass(
    world,
    ids.map((id) => version(id, 1)),
    scope,
    { metadata, clock: yieldingClock() },
  );
  expect(converged).toBe(true);
  expect(most).toBe(7);
  most = 0;
  const rolloutId = rollout?.rolloutId ?? "";
  await scope.requestRollout({ rolloutId, command: "undo", by: "somebody", atMs: 0 });
  const back = await pass(
    world,
    ids.map((id) => version(id, 1)),
    scope,
    { metadata, rolloutId, clock: yieldingClock() },
  );
  expect(back.rollout).toMatchObject({ phase: "rolled_back" });
  expect(most).toBe(7);
});

test("what was brought back and is not begun again by itself says so, and does not look as if something went on", async () => {
  const { world, standing } = openWorld();
  const scope = createMemoryScope();
  const wanted = [version("a", 2), version("b", 1)];
  await pass(world, [version("a", 1), version("b", 1)], scope);
  world.sights.set("a", (seen) =>
    JSON.stringify(seen.standing).includes('"v":2') ? unhealthy("failed")(seen) : seen,
  );
  await pass(world, wanted, scope);
  const idle = await pass(world, wanted, scope);
  expect(idle.rollout).toBeUndefined();
  byHand(standing, "b", { intent: "by hand" });
  const busy = await pass(world, wanted, scope);
  expect(busy.rollout).toMatchObject({ phase: "completed" });
  for (const again of [idle, busy]) {
    expect(statusOf(again, "a")).toMatchObject({
      converged: false,
      applied: false,
      outcome: "rolled_back",
      reason_code: "unhealthy",
    });
  }
});
