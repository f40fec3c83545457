/** A provider that only looks is never asked to change anything, nor to bring anything back; what differs is told. */
import { expect, test } from "bun:test";
import type { Observation, Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { createMemoryScope } from "../../src/store/deployment/memory.ts";
import { desired, inMemoryWorld, pass, unhealthy } from "./world.ts";

const call = { signal: new AbortController().signal };

/** What others have made stands, and bears no mark. */
async function looking(...standing: readonly ReturnType<typeof desired>[]) {
  const inner = createInMemoryProvider();
  for (const one of await inner.resolve(standing, call)) {
    if (one.kind !== "resolved") continue;
    const { revision } = one;
    const mark = { scope: "", resourceId: revision.resourceId, desiredHash: "" };
    const change = { kind: "create", revision, mark, idempotencyKey: "k", expectedVersion: null } as const;
    await inner.apply({ ...change, adopt: false }, call);
  }
  const provider: Provider = {
    ...inner,
    capabilities: new Set(["observe"]),
    async observe(revisions, owned, { signal }) {
      const seen = await inner.observe(revisions, owned, { signal });
      return seen.map(ofOthers);
    },
  };
  return inMemoryWorld(provider);
}

function ofOthers(seen: Observation): Observation {
  return seen.standing.kind === "present"
    ? { ...seen, standing: { ...seen.standing, owner: "other" } }
    : seen;
}

test("what stands as it should has converged, whoever made it", async () => {
  const world = await looking(desired("a"), desired("b"));
  const result = await pass(world, [desired("a"), desired("b")]);
  expect(result).toMatchObject({ converged: true });
  expect(result.rollout).toBeUndefined();
  expect(world.log).toEqual([]);
});

test.each([false, true])("what differs is told and left alone (simulated: %p)", async (simulate) => {
  const world = await looking(desired("a", { spec: { v: 1 } }), desired("unwanted"));
  const scope = createMemoryScope();
  const result = await pass(world, [desired("a", { spec: { v: 2 } }), desired("missing")], scope, {
    simulate,
  });
  expect(result).toMatchObject({ converged: false });
  expect(result.rollout).toBeUndefined();
  expect(world.log).toEqual([]);
  expect(result.statuses).toMatchObject([
    {
      resource_id: "a",
      operation_type: "update",
      outcome: "blocked",
      reason_code: "provider_refused",
      applied: false,
      drift: [{ path: "/intent/spec/v", from: 1, to: 2 }],
    },
    { resource_id: "missing", operation_type: "create", outcome: "blocked", observed_hash: "absent" },
  ]);
  expect(await scope.deployment.owned()).toEqual([]);
});

test("what is unhealthy has not converged, and nothing is brought back", async () => {
  const world = await looking(desired("a"));
  world.sights.set("a", unhealthy("failed"));
  const result = await pass(world, [desired("a")]);
  expect(result.statuses).toMatchObject([{ converged: false, health_status: "failed", hash_matched: true }]);
  expect(result.events.map(({ type }) => type)).not.toContain("runtime.reconcile.rolled_back");
  expect(world.log).toEqual([]);
});
