/** What is wanted no more goes, stays akc's until it is seen to be gone, and is told of at the end. */
import { expect, test } from "bun:test";
import type { Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { createMemoryScope } from "../../src/store/deployment/memory.ts";
import { desired, inMemoryWorld, pass } from "./world.ts";

/** Tells of what it is asked about and of what stands, as real providers do, and never of what was once there. */
function tellsOnlyOfWhatItIsAsked(): Provider {
  const inner = createInMemoryProvider();
  return {
    ...inner,
    async observe(revisions, owned, call) {
      const asked = new Set([...revisions, ...owned].map(({ resourceId }) => resourceId));
      const seen = await inner.observe(revisions, owned, call);
      return seen.filter(({ resourceId, standing }) => asked.has(resourceId) || standing.kind !== "absent");
    },
  };
}

test("what is wanted no more is deleted, seen to be gone, and forgotten", async () => {
  const world = inMemoryWorld(tellsOnlyOfWhatItIsAsked());
  const scope = createMemoryScope();
  await pass(world, [desired("a"), desired("b")], scope);
  const result = await pass(world, [desired("a")], scope);
  expect(result).toMatchObject({ converged: true, rollout: { phase: "completed" } });
  expect(result.statuses).toMatchObject([
    { resource_id: "a", outcome: "converged" },
    { resource_id: "b", outcome: "deleted", converged: true },
  ]);
  expect((await scope.deployment.owned()).map(({ resourceId }) => resourceId)).toEqual(["a"]);
});

test("what goes slowly stays in the inventory until it is gone", async () => {
  const world = inMemoryWorld(tellsOnlyOfWhatItIsAsked());
  const scope = createMemoryScope();
  await pass(world, [desired("a"), desired("b")], scope);
  const [b] = (await world.provider.observe([], [], { signal: new AbortController().signal })).filter(
    ({ resourceId }) => resourceId === "b",
  );
  let looksWhileGoing = 5;
  const inventory: boolean[] = [];
  world.sights.set("b", (seen) => {
    if (b === undefined || seen.standing.kind !== "absent" || looksWhileGoing === 0) return seen;
    looksWhileGoing -= 1;
    return b;
  });
  const result = await pass(world, [desired("a")], scope, {
    async onRollout() {
      const owned = await scope.deployment.owned();
      inventory.push(owned.some(({ resourceId }) => resourceId === "b"));
    },
  });
  expect(looksWhileGoing).toBe(0);
  expect(result.converged).toBe(true);
  expect(inventory.at(0)).toBe(true);
  expect(inventory.indexOf(false)).toBe(inventory.length - 1);
});

test("a creation that is undone is deleted again, and the rollout ends rolled back", async () => {
  const world = inMemoryWorld(tellsOnlyOfWhatItIsAsked());
  const scope = createMemoryScope();
  const wanted = [desired("a"), desired("b", { dependsOn: ["a"] }), desired("c", { dependsOn: ["b"] })];
  const { rollout } = await pass(world, wanted, scope);
  const rolloutId = rollout?.rolloutId ?? "";
  await scope.requestRollout({ rolloutId, command: "undo", by: "somebody", atMs: 0 });
  world.log.length = 0;
  const result = await pass(world, wanted, scope, { rolloutId });
  expect(world.log).toEqual(["delete c", "delete b", "delete a"]);
  expect(result.rollout).toMatchObject({ phase: "rolled_back" });
  const units = (result.rollout?.units ?? []).map(({ state, health }) => `${state} ${health}`);
  expect(units).toEqual(Array(3).fill("rolled_back absent"));
  expect(await scope.deployment.owned()).toEqual([]);
});
