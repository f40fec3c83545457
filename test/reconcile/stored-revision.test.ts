/** The way back where akc has kept none: the manifest that the bundle holds ready for the desired hash that the mark names. */
import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { DesiredResource, Resolution } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import { systemClock } from "../../src/system/clock.ts";
import { acquireDocker } from "../env/docker.ts";
import * as compose from "./compose-stage.ts";
import { desired, inMemoryWorld, pass, unhealthy, type World } from "./world.ts";

const ids = ["a", "b", "c", "d"];
const version = (v: number) => (id: string) => desired(id, { spec: { v } });

interface Storing {
  readonly world: World;
  /** By desired hash: what the settings hold ready, or why it cannot be used. */
  readonly stored: Map<string, DesiredResource | string>;
  /** Resources for which it was asked. */
  readonly asked: string[];
}

/** Remembers what stands, and holds manifests of old ready. */
function storing(): Storing {
  const inner = createInMemoryProvider();
  const stored: Storing["stored"] = new Map();
  const asked: string[] = [];
  const world = inMemoryWorld({
    ...inner,
    async resolveStored({ resourceId }, desiredHash, call): Promise<Resolution | undefined> {
      asked.push(resourceId);
      const held = stored.get(desiredHash);
      if (typeof held === "string") return { kind: "refused", resourceId, message: held };
      return held === undefined ? undefined : (await inner.resolve([held], call))[0];
    },
  });
  return { world, stored, asked };
}

/** As soon as this version of it stands, it fails. */
function failing(world: World, { resourceId, desiredHash }: DesiredResource): void {
  world.sights.set(resourceId, (seen) =>
    seen.standing.kind === "present" && seen.standing.markedHash === desiredHash
      ? unhealthy("failed")(seen)
      : seen,
  );
}

/** The mark of what stands, by resource. */
async function marks(world: World): Promise<Readonly<Record<string, string | undefined>>> {
  const observations = await world.provider.observe([], [], { signal: new AbortController().signal });
  return Object.fromEntries(
    observations.map(({ resourceId, standing }) => [
      resourceId,
      standing.kind === "present" ? standing.markedHash : undefined,
    ]),
  );
}

const states = (result: Awaited<ReturnType<typeof pass>>) =>
  Object.fromEntries((result.rollout?.units ?? []).map(({ resourceId, state }) => [resourceId, state]));

test("with the store lost, a release that fails goes back to what the bundle holds ready, and what it does not is said so", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(ids, { minLength: 1 }),
      fc.subarray(ids),
      fc.nat(ids.length - 1),
      async (wanted, named, at) => {
        const { world, stored } = storing();
        const [old, next] = [wanted.map(version(1)), wanted.map(version(2))];
        const broken = next[at % next.length];
        if (broken === undefined) throw new Error("something is wanted");
        await pass(world, old);
        for (const one of old) if (named.includes(one.resourceId)) stored.set(one.desiredHash, one);
        failing(world, broken);
        world.log.length = 0;
        const scope = createMemoryScope();
        const result = await pass(world, next, scope);

        expect(result.converged).toBe(false);
        const touched = new Set(world.log.map((entry) => entry.replace("apply ", "")));
        const lost = [...touched].filter((id) => !named.includes(id));
        expect(touched.has(broken.resourceId)).toBe(true);
        expect(result.rollout?.phase).toBe(lost.length === 0 ? "rolled_back" : "failed");
        const standing = await marks(world);
        for (const [index, { resourceId, desiredHash }] of old.entries()) {
          const isLost = lost.includes(resourceId);
          expect(standing[resourceId]).toBe(isLost ? next[index]?.desiredHash : desiredHash);
          if (!touched.has(resourceId)) continue;
          expect(states(result)[resourceId]).toBe(isLost ? "rollback_unsupported" : "rolled_back");
        }
        // What was gone back to is kept now, and the inventory names it.
        for (const { resourceId, desiredHash } of (await scope.deployment.owned()).filter(
          (row) => !lost.includes(row.resourceId),
        )) {
          const row = await scope.deployment.revision("in_memory", resourceId, desiredHash);
          expect(JSON.parse(row?.revision ?? "{}")).toMatchObject({
            desiredHash: version(1)(resourceId).desiredHash,
          });
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("what the rollback came to is what the next release goes back to, without asking again", async () => {
  const { world, stored, asked } = storing();
  const [one, two, three] = [1, 2, 3].map((v) => version(v)("a"));
  if (one === undefined || two === undefined || three === undefined) throw new Error("there are three");
  await pass(world, [one]);
  stored.set(one.desiredHash, one);
  const scope = createMemoryScope();
  failing(world, two);
  expect(await pass(world, [two], scope)).toMatchObject({ rollout: { phase: "rolled_back" } });
  stored.clear();
  asked.length = 0;
  failing(world, three);
  expect(await pass(world, [three], scope)).toMatchObject({ rollout: { phase: "rolled_back" } });
  expect(asked).toEqual([]);
  expect(await marks(world)).toEqual({ a: one.desiredHash });
});

test("a revision that the inventory names and nobody kept is replaced by the one held ready", async () => {
  const { world, stored } = storing();
  const [one, two] = [version(1)("a"), version(2)("a")];
  const before = createMemoryScope();
  await pass(world, [one], before);
  failing(world, two);
  const inventoryOnly = async (): Promise<MemoryScope> => {
    const scope = createMemoryScope();
    scope.apply({ owned: await before.deployment.owned() });
    return scope;
  };
  const without = await pass(world, [two], await inventoryOnly());
  expect(states(without)).toEqual({ a: "rollback_unsupported" });

  stored.set(two.desiredHash, two);
  world.sights.clear();
  const three = version(3)("a");
  failing(world, three);
  const result = await pass(world, [three], await inventoryOnly());
  expect(states(result)).toEqual({ a: "rolled_back" });
  expect(await marks(world)).toEqual({ a: two.desiredHash });
});

test("what akc has kept itself comes before what the bundle holds ready", async () => {
  const { world, stored, asked } = storing();
  const [one, two] = [version(1)("a"), version(2)("a")];
  const scope = createMemoryScope();
  await pass(world, [one], scope);
  stored.set(one.desiredHash, version(9)("a"));
  failing(world, two);
  await pass(world, [two], scope);
  expect(asked).toEqual([]);
  expect(await marks(world)).toEqual({ a: one.desiredHash });
});

test("a way back that cannot be used is found out before anything is changed", async () => {
  const { world, stored } = storing();
  const [one, two] = [version(1)("a"), version(2)("a")];
  await pass(world, [one]);
  stored.set(one.desiredHash, "the Compose files have no service a");
  world.log.length = 0;
  const scope = createMemoryScope();
  await expect(pass(world, [two], scope)).rejects.toMatchObject({
    code: "DESIRED_STATE_INVALID",
    message: expect.stringContaining("the Compose files have no service a"),
  });
  expect(world.log).toEqual([]);
  expect([await scope.deployment.openRollout(), await scope.deployment.owned()]).toEqual([null, []]);
});

test("a release whose way back cannot be used takes no place of a rollout that is under way", async () => {
  const { world, stored } = storing();
  const [one, two] = [version(1)("a"), version(2)("a")];
  await pass(world, [one]);
  const scope = createMemoryScope();
  const metadata = { runtime_rollout: { strategy: "all_at_once", approval: true } };
  const paused = await pass(world, [two], scope, { metadata });
  expect(paused.rollout?.phase).toBe("paused");
  // Another resource comes along, whose way back is of no use.
  await pass(world, [two, version(1)("b")]);
  stored.set(version(1)("b").desiredHash, "the Compose files have no service b");
  await expect(pass(world, [version(3)("a"), version(3)("b")], scope)).rejects.toMatchObject({
    code: "DESIRED_STATE_INVALID",
  });
  expect((await scope.deployment.openRollout())?.rolloutId).toBe(paused.rollout?.rolloutId);
});

test("what somebody else has made is of no revision, and a correction goes nowhere: neither is asked for", async () => {
  const { world, asked } = storing();
  const [one, two] = [version(1)("a"), version(2)("a")];
  const scope = createMemoryScope();
  await pass(world, [one], scope);
  const drift = (owner: "akc" | "other") => {
    let left = 1;
    world.sights.set("a", (seen) => {
      if (seen.standing.kind !== "present" || left-- <= 0) return seen;
      return { ...seen, standing: { ...seen.standing, owner, fields: { intent: "by hand" } } };
    });
  };
  drift("akc");
  world.refusals.set("a", () => world.sights.clear());
  await pass(world, [one], scope);
  drift("other");
  await pass(world, [two], createMemoryScope(), { adopt: true });
  expect(world.log.length).toBeGreaterThan(1);
  expect(asked).toEqual([]);
});

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

describe.skipIf(engine === undefined)("a Compose project on a real engine", () => {
  test("goes back to the manifest of the mark when the store is lost, and the file may be gone by then", async () => {
    if (engine === undefined) return;
    const stage = new compose.ComposeStage(engine);
    try {
      const [old, next] = [compose.desired("web", 1), compose.desired("web", 2)];
      const was = compose.service({ environment: { V: "1" } });
      await stage.settle(stage.provider({ web: was }), [old]);
      const broken = compose.service({ environment: { V: "2" }, command: ["false"], restart: "no" });
      const provider = stage.provider(
        { web: broken },
        {
          settings: {
            rollback_apply_manifest_by_desired_hash: {
              [old.desiredHash]: stage.pinned("old.yaml", JSON.stringify({ services: { web: was } })),
            },
          },
        },
      );
      const world: World = { provider, log: [], looks: 0, sights: new Map(), refusals: new Map() };
      const scope = createMemoryScope();
      const result = await pass(world, [next], scope, {
        clock: systemClock,
        onRollout: () => rmSync(join(stage.repo, "old.yaml"), { force: true }),
      });
      expect(result).toMatchObject({
        converged: false,
        rollout: { phase: "rolled_back" },
        statuses: [{ resource_id: "web", outcome: "rolled_back", health_status: "healthy" }],
      });
      const told = await stage.docker(
        "inspect",
        "-f",
        "{{.State.Status}} {{.Config.Env}}",
        stage.container("web"),
      );
      expect(told).toMatch(/^running .*V=1/);
      const seen = await provider.observe([], await owned(scope), compose.call);
      expect(compose.present(seen, "web").markedHash).toBe(old.desiredHash);
    } finally {
      await stage.end();
    }
  });
});

async function owned(scope: MemoryScope) {
  return (await scope.deployment.owned()).map((row) => ({
    ...row,
    dependsOn: [],
    handle: JSON.parse(row.handle),
  }));
}
