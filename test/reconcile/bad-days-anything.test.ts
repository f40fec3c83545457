/** What reconciling promises whatever goes wrong, in whatever order, as long as it ends some day. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import type { Observation, Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import { desired, inMemoryWorld, jumpingClock, pass, unhealthy, unseen } from "./world.ts";

const ids = ["a", "b", "c", "d"] as const;
const parallel = 2;
const metadata = {
  runtime_rollout: {
    strategy: "all_at_once",
    parallel,
    health: { healthy_deadline_ms: 3_000, progress_deadline_ms: 5_000, min_healthy_ms: 300 },
  },
};

/** What goes wrong with one change, and with what is seen of one resource in one look. */
const changeFaults = ["none", "before", "before, for good", "after", "after, for good", "moved"] as const;
const lookFaults = ["none", "blind", "unseen", "unsaid", "degraded", "failed", "unknown"] as const;

type ChangeFault = (typeof changeFaults)[number];
type LookFault = readonly [(typeof lookFaults)[number], (typeof ids)[number]];

interface Storm {
  /** Versions of the resources that are wanted, pass by pass; 0: not at all. */
  readonly wanted: readonly (readonly number[])[];
  readonly changes: readonly ChangeFault[];
  readonly looks: readonly LookFault[];
  /** The commit of each pass at which its process dies, and whether that is durable; or is told to end. */
  readonly deaths: readonly { readonly at: number; readonly how: "before" | "after" | "told" | "never" }[];
}

const weathers: fc.Arbitrary<Storm> = fc.record({
  wanted: fc.array(fc.array(fc.nat(3), { minLength: ids.length, maxLength: ids.length }), {
    minLength: 2,
    maxLength: 4,
  }),
  changes: fc.array(fc.constantFrom(...changeFaults), { maxLength: 12 }),
  looks: fc.array(fc.tuple(fc.constantFrom(...lookFaults), fc.constantFrom(...ids)), { maxLength: 24 }),
  deaths: fc.array(
    fc.record({
      at: fc.integer({ min: 1, max: 14 }),
      how: fc.constantFrom("before" as const, "after" as const, "told" as const, "never" as const),
    }),
    { minLength: 4, maxLength: 4 },
  ),
});

/** `b` needs `a`, `d` needs `b` and `c`. */
const needs: Readonly<Record<string, readonly string[]>> = { b: ["a"], d: ["b", "c"] };

function resourcesOf(versions: readonly number[]) {
  const chosen = ids.filter((_, index) => (versions[index] ?? 0) > 0);
  return chosen.map((id) => {
    const dependsOn = (needs[id] ?? []).filter((one) => chosen.some((other) => other === one));
    return desired(id, { spec: { v: versions[ids.indexOf(id)] ?? 0 }, dependsOn });
  });
}

function stormyWorld({ changes, looks }: Storm) {
  const standing: NonNullable<Parameters<typeof createInMemoryProvider>[0]> = new Map();
  const inner = createInMemoryProvider(standing);
  const broken: string[] = [];
  const durable = new Set<string>();
  const underWay = new Set<string>();
  const changesLeft = [...changes];
  const looksLeft = [...looks];
  const fail = (retryable: boolean): never => {
    throw new AkcError("PROVIDER_FAILED", { details: { retryable } });
  };
  const change = async (id: string, key: string, make: () => Promise<void>) => {
    if (!durable.has(key)) broken.push(`${key} was made and not recorded as begun`);
    if (underWay.has(id)) broken.push(`two changes of ${id} at once`);
    underWay.add(id);
    if (underWay.size > parallel) broken.push(`${[...underWay]} at once`);
    try {
      const fault = changesLeft.shift() ?? "none";
      for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
      if (fault.startsWith("before")) fail(fault === "before");
      const there = standing.get(id);
      if (fault === "moved" && there) standing.set(id, { ...there, fields: { intent: "by hand" } });
      await make();
      if (fault.startsWith("after")) fail(fault === "after");
    } finally {
      underWay.delete(id);
    }
  };
  const provider: Provider = {
    ...inner,
    async observe(revisions, owned, call) {
      const [fault, of] = looksLeft.shift() ?? ["none", "a"];
      if (fault === "blind") fail(true);
      const seen = await inner.observe(revisions, owned, call);
      if (fault === "unsaid") return seen.filter(({ resourceId }) => resourceId !== of);
      return seen.map((one) => (one.resourceId === of ? as(fault, one) : one));
    },
    apply: (asked, call) =>
      change(asked.revision.resourceId, asked.idempotencyKey, () => inner.apply(asked, call)),
    delete: (asked, call) =>
      change(asked.resource.resourceId, asked.idempotencyKey, () => inner.delete(asked, call)),
  };
  const calm = () => {
    changesLeft.length = 0;
    looksLeft.length = 0;
  };
  return { world: inMemoryWorld(provider), standing, broken, durable, calm };
}

function as(fault: LookFault[0], seen: Observation): Observation {
  if (fault === "unseen") return unseen(seen);
  if (fault === "degraded" || fault === "failed" || fault === "unknown") return unhealthy(fault)(seen);
  return seen;
}

function processOf(
  scope: MemoryScope,
  durable: Set<string>,
  death: Storm["deaths"][number] | undefined,
): { readonly run: MemoryRun; readonly signal: AbortSignal } {
  const run = createMemoryRun("rt-1", scope);
  const stop = new AbortController();
  const { commit } = run;
  let commits = 0;
  run.commit = async (turn) => {
    commits += 1;
    const isLast = commits === death?.at && death.how !== "never";
    if (isLast && death.how === "before") throw new Error("killed");
    await commit(turn);
    for (const { type, payload } of turn.events) {
      const key = /"idempotency_key":"([^"]+)"/.exec(payload)?.[1];
      if (type === "runtime.reconcile.operation_started" && key !== undefined) durable.add(key);
    }
    if (isLast && death.how === "after") throw new Error("killed");
    if (isLast) stop.abort();
  };
  return { run, signal: stop.signal };
}

test("whatever goes wrong and whoever dies: every change is recorded before it is made, one at a time a resource, and once all is calm everything stands or says why not", async () => {
  await fc.assert(
    fc.asyncProperty(weathers, async (storm) => {
      const { world, standing, broken, durable, calm } = stormyWorld(storm);
      const scope = createMemoryScope();
      const clock = jumpingClock();
      const go = (wanted: readonly number[], more: Parameters<typeof pass>[3] = {}) =>
        pass(world, resourcesOf(wanted), scope, {
          metadata,
          clock,
          ...processOf(scope, durable, undefined),
          ...more,
        });
      for (const [index, wanted] of storm.wanted.entries()) {
        const { run, signal } = processOf(scope, durable, storm.deaths[index]);
        await go(wanted, { run, signal }).catch((cause) => {
          // Told to end while it looks, it has no answer.
          if (!signal.aborted && String(cause) !== "Error: killed") throw cause;
        });
        expect(broken).toEqual([]);
        const owned = new Set((await scope.deployment.owned()).map(({ resourceId }) => resourceId));
        for (const [id, there] of standing) if (there !== null) expect(owned).toContain(id);
      }
      const last = storm.wanted.at(-1) ?? [];
      calm();
      // The first goes on with what was left open.
      await go(last);
      const { statuses } = await go(last);
      for (const { converged, reason_code: reason, resource_id: id } of statuses) {
        expect(`${id} ${converged || reason !== undefined}`).toBe(`${id} true`);
      }
      await go(last, { insist: true });
      expect(await go(last, { insist: true })).toMatchObject({ converged: true });
      const wanted = resourcesOf(last);
      const stands = [...standing].filter(([, there]) => there !== null);
      expect(stands.map(([id, there]) => ({ id, intent: there?.fields["intent"] })).sort(byId)).toEqual(
        wanted.map(({ resourceId: id, intent }) => ({ id, intent })),
      );
      expect(broken).toEqual([]);
      expect((await scope.deployment.owned()).map(({ resourceId }) => resourceId)).toEqual(
        wanted.map(({ resourceId }) => resourceId),
      );
    }),
    { numRuns: 150 },
  );
});

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : 1;
}
