/** What a watch promises: it looks when told and now and then, serves each resource for itself, and leaves no trace of nothing. */
import { describe, expect, test } from "bun:test";
import { AkcError } from "../../src/errors.ts";
import type { DesiredResource, Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { type WatchOptions, watch } from "../../src/reconciler/watch.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import { createMemoryRun } from "../../src/store/memory.ts";
import {
  desired,
  inMemoryWorld,
  jumpingClock,
  type PassOptions,
  pass,
  startProcess,
  unavailable,
  unhealthy,
  unseen,
  type World,
} from "./world.ts";

const version = (id: string, v: number) => desired(id, { spec: { v } });
const wanted = [version("a", 1), version("b", 1)];

/** A world in which `wanted` stands, whose resources can be changed past akc, and which tells of it when asked to. */
async function standing(watching?: Provider["watch"]) {
  const there: NonNullable<Parameters<typeof createInMemoryProvider>[0]> = new Map();
  const inner = createInMemoryProvider(there);
  let tell: (ids: readonly string[]) => void = () => {};
  const listen: Provider["watch"] = async (changed) => {
    tell = changed;
  };
  const world = inMemoryWorld({ ...inner, watch: watching ?? listen });
  const scope = createMemoryScope();
  const clock = jumpingClock();
  await pass(world, wanted, scope, { clock });
  world.log.length = 0;
  const byHand = (...ids: readonly string[]) => {
    for (const id of ids) {
      const one = there.get(id);
      if (one) there.set(id, { ...one, fields: { intent: "by hand" } });
    }
  };
  return { world, scope, clock, there, byHand, tell: (...ids: readonly string[]) => tell(ids) };
}

async function watched(
  world: World,
  scope: MemoryScope,
  options: WatchOptions & PassOptions,
  resources: readonly DesiredResource[] = wanted,
) {
  const process = await startProcess(world, resources, scope, options);
  try {
    return { ...(await watch(process.input, options)), events: process.events };
  } finally {
    await process.end();
  }
}

describe("a watch", () => {
  test("that finds nothing to do leaves no trace, however often it looks", async () => {
    const { world, scope, clock } = await standing();
    const run = createMemoryRun("rt-1", scope);
    const result = await watched(world, scope, { clock, run, resyncMs: 1_000, passesMax: 20 });
    expect(result).toMatchObject({ looks: 20, passes: 0, settled: true, events: [] });
    expect(run.commits).toBe(0);
  });

  test.each<[string, Provider["watch"]]>([
    [
      "breaks at once",
      () => {
        throw new Error("no watching today");
      },
    ],
    [
      "breaks later",
      async () => {
        throw new Error("the line broke");
      },
    ],
    ["ends without a word", async () => {}],
  ])(
    "whose provider's own watch %s still looks now and then and puts right what differs",
    async (_, listen) => {
      const { world, scope, clock, byHand } = await standing(listen);
      const fromMs = clock.nowMs();
      const result = await watched(world, scope, {
        clock,
        resyncMs: 10_000,
        passesMax: 4,
        onLook: (_plan, looks) => {
          if (looks === 2) byHand("a");
        },
      });
      expect(result).toMatchObject({ looks: 4, passes: 1, settled: true });
      expect(world.log).toEqual(["apply a"]);
      expect(clock.nowMs() - fromMs).toBeGreaterThan(25_000);
    },
  );

  test("looks at once when it is told, and serves only what it was told of until it looks at everything", async () => {
    const { world, scope, clock, byHand, tell } = await standing();
    const served: string[] = [];
    const fromMs = clock.nowMs();
    await watched(world, scope, {
      clock,
      resyncMs: 60_000,
      passesMax: 3,
      onLook: (_plan, looks) => {
        if (looks !== 1) return;
        queueMicrotask(() => {
          byHand("a", "b");
          tell("a");
        });
      },
      onPass: () =>
        served.push(`${world.log.splice(0)} after ${Math.round((clock.nowMs() - fromMs) / 10_000)}`),
    });
    expect(served[0]).toBe("apply a after 0");
    expect(served[1]).toMatch(/^apply b after [56]$/);
  });

  test("looks when ids are named that it does not know, and does nothing of it", async () => {
    const { world, scope, clock, tell } = await standing();
    const fromMs = clock.nowMs();
    const result = await watched(world, scope, {
      clock,
      resyncMs: 60_000,
      passesMax: 6,
      onLook: (_plan, looks) => {
        if (looks < 6) queueMicrotask(() => tell("ghost", `ghost-${looks}`));
      },
    });
    expect(result).toMatchObject({ looks: 6, passes: 0, settled: true });
    expect(clock.nowMs() - fromMs).toBeLessThan(30_000);
    expect(world.log).toEqual([]);
  });

  test("takes a word without ids for one of everything", async () => {
    const { world, scope, clock, byHand, tell } = await standing();
    const fromMs = clock.nowMs();
    await watched(world, scope, {
      clock,
      resyncMs: 60_000,
      passesMax: 2,
      onLook: (_plan, looks) => {
        if (looks !== 1) return;
        byHand("a", "b");
        queueMicrotask(() => tell());
      },
    });
    expect(clock.nowMs() - fromMs).toBeLessThan(10_000);
    expect(world.log.sort()).toEqual(["apply a", "apply b"]);
  });

  test("goes on when what the bundle means cannot be worked out for a while, and touches nothing meanwhile", async () => {
    const { world, scope, clock, byHand } = await standing();
    const { resolve } = world.provider;
    let broken = 4;
    world.provider.resolve = async (...asked) => {
      broken -= 1;
      if (broken >= 0) throw new AkcError("DESIRED_STATE_INVALID");
      return resolve(...asked);
    };
    byHand("a");
    const result = await watched(world, scope, { clock, resyncMs: 60_000, passesMax: 6 });
    expect(result).toMatchObject({ looks: 6, passes: 1, settled: true });
    expect(world.log).toEqual(["apply a"]);
  });

  test("ends with what the store refuses", async () => {
    const { world, scope, clock, byHand } = await standing();
    const run = createMemoryRun("rt-1", scope);
    run.commit = () => Promise.reject(new AkcError("DISK_FULL"));
    byHand("a");
    await expect(watched(world, scope, { clock, run, resyncMs: 1_000, passesMax: 9 })).rejects.toMatchObject({
      code: "DISK_FULL",
    });
    expect(world.log).toEqual([]);
  });

  test("ends when it is told to, and says how far it came", async () => {
    const { world, scope, clock } = await standing();
    const stop = new AbortController();
    const result = await watched(world, scope, {
      clock,
      signal: stop.signal,
      resyncMs: 1_000,
      onLook: (_plan, looks) => {
        if (looks === 5) stop.abort();
      },
    });
    expect(result).toMatchObject({ looks: 5, passes: 0 });
  });
});

describe("a resource that fails", () => {
  test("waits longer each time, and others are served at once meanwhile", async () => {
    const { world, scope, clock, byHand, tell } = await standing();
    const tries: number[] = [];
    const served: number[] = [];
    world.refusals.set("a", () => {
      tries.push(clock.nowMs());
      throw new AkcError("PROVIDER_FAILED", { details: { retryable: false } });
    });
    byHand("a");
    let hurtMs = 0;
    const fromMs = clock.nowMs();
    const stop = new AbortController();
    await watched(world, scope, {
      clock,
      signal: stop.signal,
      resyncMs: 1_000,
      onLook() {
        if (clock.nowMs() - fromMs > 300_000) stop.abort();
        else if (clock.nowMs() - hurtMs > 10_000) {
          hurtMs = clock.nowMs();
          queueMicrotask(() => {
            byHand("b");
            tell("b");
          });
        }
      },
      onPass: () => {
        if (world.log.splice(0).includes("apply b")) served.push(clock.nowMs() - hurtMs);
      },
    });
    // In five minutes: 0.5, 1, 2, 4, … 60 s apart, and not with every look.
    expect(tries.length).toBeGreaterThan(5);
    expect(tries.length).toBeLessThan(14);
    const gaps = tries.slice(1).map((ms, index) => ms - (tries[index] ?? 0));
    expect(Math.max(...gaps.slice(0, 2))).toBeLessThan(4_000);
    expect(gaps.at(-1)).toBeGreaterThan(30_000);
    expect(served.length).toBeGreaterThan(4);
    expect(Math.max(...served)).toBeLessThan(2_000);
  });

  test("to be seen is served soon after it is back, however often others were looked at", async () => {
    const { world, scope, clock, byHand, tell } = await standing();
    world.sights.set("a", unseen);
    byHand("a");
    const fromMs = clock.nowMs();
    const backMs = fromMs + 3_000;
    let servedMs = 0;
    const stop = new AbortController();
    await watched(world, scope, {
      clock,
      signal: stop.signal,
      resyncMs: 1_000,
      onLook() {
        if (clock.nowMs() >= backMs) world.sights.clear();
        if (servedMs > 0 || clock.nowMs() - fromMs > 120_000) stop.abort();
        // Somebody changes the other one without end.
        else queueMicrotask(() => tell("b"));
      },
      onPass: () => {
        if (world.log.includes("apply a")) servedMs = clock.nowMs();
      },
    });
    expect(servedMs - backMs).toBeLessThan(8_000);
    expect(servedMs).toBeGreaterThan(backMs);
  });

  test("begins to wait anew once it was well, though nothing had to be done for that", async () => {
    const { world, scope, clock, byHand } = await standing();
    const fromMs = clock.nowMs();
    const at = () => clock.nowMs() - fromMs;
    world.sights.set("a", unseen);
    let servedMs = 0;
    const stop = new AbortController();
    await watched(world, scope, {
      clock,
      signal: stop.signal,
      resyncMs: 1_000,
      onLook() {
        if (at() > 200_000 && at() < 300_000) world.sights.delete("a");
        else if (at() >= 300_000 && at() < 301_500) world.sights.set("a", unseen);
        else if (at() >= 301_500) {
          if (world.sights.delete("a")) byHand("a");
        }
        if (servedMs > 0 || at() > 500_000) stop.abort();
      },
      onPass: () => {
        if (world.log.includes("apply a")) servedMs = at();
      },
    });
    expect(servedMs).toBeGreaterThan(301_000);
    expect(servedMs).toBeLessThan(310_000);
  });
});

describe("a rollout in a watch", () => {
  test("that was brought back is not begun again by itself, while drift of others is put back", async () => {
    const { world, scope, clock, byHand } = await standing();
    const newer = [version("a", 2), version("b", 1)];
    world.sights.set("a", (seen) =>
      JSON.stringify(seen.standing).includes('"v":2') ? unhealthy("failed")(seen) : seen,
    );
    const result = await watched(
      world,
      scope,
      {
        clock,
        resyncMs: 1_000,
        passesMax: 8,
        onLook: (_plan, looks) => {
          if (looks === 4) byHand("b");
        },
      },
      newer,
    );
    expect(world.log).toEqual(["apply a", "apply a", "apply b"]);
    expect(result).toMatchObject({ passes: 2, settled: false });
    expect((await scope.deployment.rollouts(9)).map(({ phase }) => phase)).toEqual([
      "completed",
      "rolled_back",
      "completed",
    ]);
  });

  test("that waits for a person goes on with the word, in the same pass", async () => {
    const { world, scope, clock } = await standing();
    const newer = [version("a", 2), version("b", 2)];
    const metadata = { runtime_rollout: { strategy: "canary", steps: [{ count: 1, pause: true }] } };
    let said = false;
    const result = await watched(
      world,
      scope,
      {
        clock,
        metadata,
        waitForPerson: true,
        resyncMs: 1_000,
        passesMax: 2,
        onRollout({ phase, rolloutId }) {
          if (phase !== "paused" || said) return;
          said = true;
          expect(world.log).toEqual(["apply a"]);
          void scope.requestRollout({ rolloutId, command: "promote", by: "somebody", atMs: 0 });
        },
      },
      newer,
    );
    expect(result).toMatchObject({ passes: 1, settled: true });
    expect(world.log).toEqual(["apply a", "apply b"]);
  });

  test("that has ended is undone when a person says so, without a word from the provider", async () => {
    const { world, scope, clock, there } = await standing();
    const newer = [version("a", 2), version("b", 2)];
    const stop = new AbortController();
    await watched(
      world,
      scope,
      {
        clock,
        signal: stop.signal,
        resyncMs: 3_600_000,
        onPass({ rollout }) {
          if (rollout?.phase !== "completed") return stop.abort();
          void scope.requestRollout({
            rolloutId: rollout.rolloutId,
            command: "undo",
            by: "somebody",
            atMs: 0,
          });
        },
      },
      newer,
    );
    expect([...there.values()].map((one) => one?.fields["intent"])).toEqual(
      wanted.map(({ intent }) => intent),
    );
  });

  test("that a provider refuses for a while is tried within its deadline, not begun again and again", async () => {
    const { world, scope, clock } = await standing();
    let left = 3;
    world.refusals.set("a", () => {
      left -= 1;
      if (left >= 0) unavailable();
    });
    const result = await watched(world, scope, { clock, resyncMs: 1_000, passesMax: 3 }, [
      version("a", 2),
      version("b", 1),
    ]);
    expect(result).toMatchObject({ passes: 1, settled: true });
  });
});
