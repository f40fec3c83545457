import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import type { DeploymentTurn, RevisionRow, RunWriter, Store } from "../../src/store/contract.ts";
import { createMemoryScope, leasesThatEnd } from "../../src/store/deployment/memory.ts";
import { createMemoryRun } from "../../src/store/memory.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import {
  contentOfDeployment,
  deploy,
  ended,
  owned,
  plan,
  providerId,
  request,
  revision,
  rollout,
  something,
} from "./deployed.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

interface Place extends Pick<Store, "deployment" | "scopeLease" | "requestRollout"> {
  run(id: string, nowMs?: number): Promise<RunWriter>;
  [Symbol.asyncDispose](): Promise<void>;
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  async database() {
    const folder = scope();
    const store = await openStore(folder.scopeRoot);
    return {
      deployment: store.deployment,
      scopeLease: store.scopeLease,
      requestRollout: store.requestRollout,
      run: (id, nowMs = startedAtMs) => store.createRun(runRow(id), thisProcess(), nowMs),
      async [Symbol.asyncDispose]() {
        await store.close();
        folder[Symbol.dispose]();
      },
    };
  },
  async memory() {
    const own = createMemoryScope(leasesThatEnd);
    return { ...own, run: async (id) => createMemoryRun(id, own), async [Symbol.asyncDispose]() {} };
  },
};

/** Of a run that holds the scope. */
async function holding(place: Place, id = "r"): Promise<RunWriter> {
  const writer = await place.run(id);
  await writer.holdScope(startedAtMs);
  return writer;
}

describe.each(Object.keys(places))("the deployment in a %s", (kind) => {
  const open = () => places[kind]?.() ?? Promise.reject(new Error(kind));

  test("says what the turns said, until they say otherwise", async () => {
    await using place = await open();
    const writer = await holding(place);
    expect(await contentOfDeployment(place.deployment)).toEqual({
      owned: [],
      revisions: [[], []],
      lastGood: [],
      rollouts: [],
      open: null,
      plan: null,
      requests: [],
    });
    await deploy(writer, something);
    const old = revision("web", "h0", { goodAtMs: startedAtMs });
    expect(await contentOfDeployment(place.deployment)).toEqual({
      owned: [owned("db", { dependsOn: "[]" }), owned("web")],
      revisions: [[revision("web", "h1"), old], [revision("db", "h1")]],
      lastGood: [old],
      rollouts: [rollout("rollout-1", {}, ["h0"])],
      open: rollout("rollout-1", {}, ["h0"]),
      plan: plan("plan-1"),
      requests: [],
    });
    const good = revision("web", "h1", { goodAtMs: startedAtMs + 5 });
    await deploy(writer, {
      owned: [owned("web", { desiredHash: "h2", handle: "{}" })],
      disowned: [
        { providerId, resourceId: "db" },
        { providerId, resourceId: "never-there" },
      ],
      revisions: [revision("web", "h2"), good],
      rollout: rollout("rollout-1", { ...ended, updatedAtMs: startedAtMs + 5 }),
      plan: plan("plan-1", { plan: "{}" }),
    });
    expect(await contentOfDeployment(place.deployment)).toEqual({
      owned: [owned("web", { desiredHash: "h2", handle: "{}" })],
      revisions: [[good, revision("web", "h2"), old], [revision("db", "h1")]],
      lastGood: [good],
      rollouts: [rollout("rollout-1", { ...ended, updatedAtMs: startedAtMs + 5 })],
      open: null,
      plan: plan("plan-1", { plan: "{}" }),
      requests: [],
    });
    expect(await place.deployment.revision(providerId, "web", "h1")).toEqual(good);
    expect(await place.deployment.revision(providerId, "web", "h9")).toBeNull();
    expect(await place.deployment.revision("other", "web", "h1")).toBeNull();
    expect(await place.deployment.lastGood("other")).toEqual([]);
  });

  test("is changed only by whoever holds the scope, and holding it twice is holding it", async () => {
    await using place = await open();
    const [one, two] = [await place.run("one"), await place.run("two")];
    expect(await place.scopeLease()).toBeNull();
    expect(await codeOf(() => deploy(one, {}))).toBe("LEASE_LOST");
    await one.holdScope(startedAtMs);
    await one.holdScope(startedAtMs + 1_000);
    expect(await place.scopeLease()).toMatchObject({
      runtimeRunId: "one",
      token: 1,
      expiresAtMs: startedAtMs + 1_000 + limits.leaseTtlMs,
    });
    await expect(two.holdScope(startedAtMs + 1_000)).rejects.toMatchObject({
      code: "SCOPE_HELD",
      message: expect.stringContaining("for run one, until "),
      details: { runtimeRunId: "one", holder: one.lease.holder.name, pid: one.lease.holder.pid },
    });
    expect(await codeOf(() => deploy(two, something))).toBe("LEASE_LOST");
    await deploy(one, something);
    await one.close();
    expect(await place.scopeLease()).toBeNull();
    await two.holdScope(startedAtMs + 2_000);
    await deploy(two, { disowned: [owned("db")] });
    expect(await place.scopeLease()).toMatchObject({ runtimeRunId: "two", token: 2 });
    expect((await place.deployment.owned()).map(({ resourceId }) => resourceId)).toEqual(["web"]);
    expect(await codeOf(() => one.holdScope(startedAtMs + 2_000))).toBe("LEASE_LOST");
  });

  test("is held as long as it is renewed; an old token is refused, and does not end the new one's hold", async () => {
    await using place = await open();
    const [one, two] = [await place.run("one"), await place.run("two")];
    await one.holdScope(startedAtMs);
    await one.renew(startedAtMs + 10_000);
    expect((await place.scopeLease())?.expiresAtMs).toBe(startedAtMs + 10_000 + limits.leaseTtlMs);
    expect(await codeOf(() => two.holdScope(startedAtMs + 20_000))).toBe("SCOPE_HELD");
    await two.holdScope(startedAtMs + 30_000);
    expect(await codeOf(() => deploy(one, something))).toBe("LEASE_LOST");
    expect(await codeOf(() => one.renew(startedAtMs + 31_000))).toBe("LEASE_LOST");
    // What is not the scope's is still the run's to say.
    await one.commit(turn({ events: [event(1, "a")] }));
    await one.close();
    await deploy(two, something);
    expect(await place.scopeLease()).toMatchObject({ runtimeRunId: "two", token: 2 });
    expect(await place.deployment.owned()).toHaveLength(2);
  });

  test("takes a turn whole or leaves nothing of it, not its events either", async () => {
    await using place = await open();
    const writer = await holding(place);
    await deploy(writer, something);
    const asked = await place.requestRollout(request("rollout-1", "pause"));
    const before = await contentOfDeployment(place.deployment);
    const much: DeploymentTurn = {
      owned: [owned("more")],
      disowned: [owned("web")],
      revisions: [revision("web", "h9")],
      plan: plan("plan-1", { plan: "[]" }),
    };
    for (const wrong of [
      { rollout: rollout("rollout-2") },
      { requestsTaken: [asked.number, asked.number] },
      { requestsTaken: [asked.number, asked.number + 1] },
    ]) {
      const bad = turn({ events: [event(1, "a")], deployment: { ...much, ...wrong } });
      expect(await codeOf(() => writer.commit(bad))).toBe("INTERNAL");
      expect(await contentOfDeployment(place.deployment)).toEqual(before);
      expect(writer.lastSeq).toBe(0);
    }
    const good = { ...much, rollout: rollout("rollout-1", ended), requestsTaken: [asked.number] };
    await writer.commit(turn({ events: [event(1, "a")], deployment: good }));
    await deploy(writer, { rollout: rollout("rollout-2") });
    expect((await place.deployment.openRollout())?.rolloutId).toBe("rollout-2");
    expect(await place.deployment.openRequests()).toEqual([]);
  });

  test("knows a rollout by its id or a beginning that no other has", async () => {
    await using place = await open();
    const writer = await holding(place);
    for (const id of ["abcdef-1", "abcdef-2", "abcdef-22", "%_%_%_%_"]) {
      await deploy(writer, { rollout: rollout(id, ended) });
    }
    const named = async (id: string) => (await place.deployment.rollout(id))?.rolloutId ?? null;
    expect(await named("abcdef-1")).toBe("abcdef-1");
    expect(await named("abcdef-2")).toBe("abcdef-2");
    expect(await named("abcdef")).toBeNull();
    expect(await named("abcdef-22")).toBe("abcdef-22");
    expect(await named("%_%_%_")).toBe("%_%_%_%_");
    expect(await named("%_%_%")).toBeNull();
    expect(await named("abcde_-1")).toBeNull();
    expect((await place.deployment.rollouts(2)).map(({ rolloutId }) => rolloutId)).toEqual([
      "%_%_%_%_",
      "abcdef-22",
    ]);
  });

  test("keeps what people asked of a rollout, each word once, until it is taken", async () => {
    await using place = await open();
    const writer = await holding(place);
    expect(await codeOf(() => place.requestRollout(request("rollout-1", "pause")))).toBe("ROLLOUT_NOT_FOUND");
    await deploy(writer, { rollout: rollout("rollout-1") });
    const pause = await place.requestRollout(request("rollout-1", "pause"));
    const abort = await place.requestRollout(request("rollout-1", "abort", { by: "you@there" }));
    expect(await place.requestRollout(request("rollout-1", "pause", { by: "you@there", atMs: 9 }))).toEqual(
      pause,
    );
    expect(await place.deployment.openRequests()).toEqual([pause, abort]);
    expect([pause, abort]).toEqual([
      { ...request("rollout-1", "pause"), number: 1 },
      { ...request("rollout-1", "abort", { by: "you@there" }), number: 2 },
    ]);
    await deploy(writer, { requestsTaken: [pause.number, abort.number] });
    expect(await place.deployment.openRequests()).toEqual([]);
    expect(await codeOf(() => deploy(writer, { requestsTaken: [abort.number] }))).toBe("INTERNAL");
    // A number is never given twice.
    expect((await place.requestRollout(request("rollout-1", "pause"))).number).toBe(3);
    await deploy(writer, { rollout: rollout("rollout-1", ended), requestsTaken: [3] });
    for (const command of ["pause", "resume", "promote", "promote_full", "abort"]) {
      expect(await codeOf(() => place.requestRollout(request("rollout-1", command)))).toBe("ROLLOUT_ENDED");
    }
    expect((await place.requestRollout(request("rollout-1", "undo"))).number).toBe(4);
    expect((await place.requestRollout(request("rollout-1", "retry"))).number).toBe(5);
    await deploy(writer, { rollout: rollout("rollout-2") });
    for (let more = 0; more < limits.rolloutRequestsOpenMax; more += 1) {
      await place.requestRollout(request("rollout-2", `word-${more}`));
    }
    expect(await codeOf(() => place.requestRollout(request("rollout-2", "one-more")))).toBe(
      "ROLLOUT_REQUESTS_TOO_MANY",
    );
    expect((await place.requestRollout(request("rollout-2", "word-0"))).number).toBe(6);
  });

  test("drops the oldest rollouts with what was asked of them, the oldest plans, never those in use", async () => {
    await using place = await open();
    const writer = await holding(place);
    await deploy(writer, { rollout: rollout("first", ended) });
    const undo = await place.requestRollout(request("first", "undo"));
    await deploy(writer, { rollout: rollout("second", {}, ["plan-0"]) });
    for (let number = 0; number < limits.rolloutsKeptMax + 5; number += 1) {
      await deploy(writer, { rollout: rollout(`rollout-${number}`, ended), plan: plan(`plan-${number}`) });
      // As it goes on, the open one is no newer for it.
      if (number === 3) await deploy(writer, { rollout: rollout("second", { phase: "baking" }, ["plan-0"]) });
    }
    const ids = (await place.deployment.rollouts(1_000)).map(({ rolloutId }) => rolloutId);
    expect(ids).toHaveLength(limits.rolloutsKeptMax + 1);
    expect([ids[0], ids.at(-2), ids.at(-1)]).toEqual([
      `rollout-${limits.rolloutsKeptMax + 4}`,
      "rollout-5",
      "second",
    ]);
    expect(await place.deployment.openRequests()).toEqual([]);
    expect(await codeOf(() => deploy(writer, { requestsTaken: [undo.number] }))).toBe("INTERNAL");
    expect((await place.requestRollout(request("second", "pause"))).number).toBe(undo.number + 1);
    const oldest = limits.rolloutsKeptMax + 5 - limits.plansKeptMax;
    const there = async (number: number) => (await place.deployment.plan(`plan-${number}`)) !== null;
    expect([await there(0), await there(oldest - 1), await there(oldest)]).toEqual([true, false, true]);
    await deploy(writer, { rollout: rollout("second", ended) });
    expect([await there(0), await there(oldest)]).toEqual([false, true]);
    expect(await place.deployment.rollouts(1_000)).toHaveLength(limits.rolloutsKeptMax);
  });
});

interface Deed {
  readonly resource: number;
  readonly puts: readonly { readonly hash: number; readonly good: boolean; readonly atMs: number }[];
  readonly stands?: number | undefined;
  /** Hashes that the open rollout names from now on; `ended` closes it. */
  readonly names?: readonly number[] | "ended" | undefined;
}

const hashes = fc.nat(39);
const deeds = fc.array(
  fc.record<Deed>({
    resource: fc.nat(1),
    puts: fc.array(fc.record({ hash: hashes, good: fc.boolean(), atMs: fc.nat(50) }), { maxLength: 12 }),
    stands: fc.option(hashes, { nil: undefined }),
    names: fc.option(fc.oneof(fc.array(hashes, { maxLength: 3 }), fc.constant<"ended">("ended")), {
      nil: undefined,
    }),
  }),
  { minLength: 4, maxLength: 14 },
);

test("of revisions the newest stay, the last good one, the one that stands and those that the open rollout names; both stores alike", async () => {
  let dropped = 0;
  await fc.assert(
    fc.asyncProperty(deeds, async (plan) => {
      await using database = await (places["database"]?.() ?? Promise.reject());
      await using memory = await (places["memory"]?.() ?? Promise.reject());
      const writers = [await holding(database), await holding(memory)];
      /** By resource, the newest first: what was kept after the turn before, and what this one puts. */
      const there = new Map<string, readonly RevisionRow[]>();
      const standing = new Map<string, string>();
      let named: readonly string[] = [];
      for (const [number, { resource, puts, stands, names }] of plan.entries()) {
        const resourceId = `r${resource}`;
        const rows = puts.map(({ hash, good, atMs }) =>
          revision(resourceId, `h${hash}`, { atMs, goodAtMs: good ? atMs : null }),
        );
        for (const row of rows) {
          const others = (there.get(resourceId) ?? []).filter((one) => one.desiredHash !== row.desiredHash);
          there.set(resourceId, [row, ...others]);
        }
        if (stands !== undefined) standing.set(resourceId, `h${stands}`);
        if (names !== undefined) named = names === "ended" ? [] : names.map((hash) => `h${hash}`);
        const deployment: DeploymentTurn = {
          revisions: rows,
          ...(stands === undefined ? {} : { owned: [owned(resourceId, { desiredHash: `h${stands}` })] }),
          ...(names === undefined
            ? {}
            : { rollout: rollout("only", names === "ended" ? ended : { updatedAtMs: number }, named) }),
        };
        for (const writer of writers) await deploy(writer, deployment);
        for (const id of ["r0", "r1"]) {
          const kept = await database.deployment.revisions(providerId, id);
          expect(await memory.deployment.revisions(providerId, id)).toEqual(kept);
          const all = there.get(id) ?? [];
          // In the order in which they were put, with nothing changed.
          expect(kept).toEqual(all.filter((row) => kept.some((one) => one.desiredHash === row.desiredHash)));
          expect(kept.slice(0, limits.revisionsKeptMax)).toEqual(all.slice(0, limits.revisionsKeptMax));
          const lastGood = all.reduce<RevisionRow | undefined>(
            (last, row) => (row.goodAtMs !== null && row.goodAtMs > (last?.goodAtMs ?? -1) ? row : last),
            undefined,
          );
          if (lastGood !== undefined) expect(kept).toContainEqual(lastGood);
          const needed = new Set([...named, standing.get(id), lastGood?.desiredHash]);
          const old = kept.slice(limits.revisionsKeptMax);
          if (rows.length > 0 && id === resourceId) {
            expect(old.filter(({ desiredHash }) => !needed.has(desiredHash))).toEqual([]);
          }
          dropped += all.length - kept.length;
          there.set(id, kept);
        }
        expect(await database.deployment.lastGood(providerId)).toEqual(
          await memory.deployment.lastGood(providerId),
        );
        if (names === "ended") {
          for (const id of ["r0", "r1"]) {
            const kept = await database.deployment.revisions(providerId, id);
            expect(kept.length).toBeLessThanOrEqual(limits.revisionsKeptMax + 2);
          }
        }
      }
    }),
    { numRuns: 40 },
  );
  // Otherwise nothing was tried.
  expect(dropped).toBeGreaterThan(100);
});

test("what an open rollout names is not dropped while it is open, and is when it has ended", async () => {
  await using place = await (places["database"]?.() ?? Promise.reject());
  const writer = await holding(place);
  await deploy(writer, { revisions: [revision("web", "old")], rollout: rollout("rollout-1", {}, ["old"]) });
  const many = Array.from({ length: 30 }, (_, index) => revision("web", `h${index}`));
  for (const row of many) await deploy(writer, { revisions: [row] });
  const kept = async () =>
    (await place.deployment.revisions(providerId, "web")).map((row) => row.desiredHash);
  expect(await kept()).toHaveLength(limits.revisionsKeptMax + 1);
  expect(await kept()).toContain("old");
  await deploy(writer, { rollout: rollout("rollout-1", ended) });
  expect(await kept()).toHaveLength(limits.revisionsKeptMax);
});
