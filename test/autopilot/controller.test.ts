/** The loop: who is visited when, what wakes it, and how it stops. */
import { expect, test } from "bun:test";
import type { AutopilotConfig, ScopeConfig } from "../../src/autopilot/config/model.ts";
import { createController, type RunningController } from "../../src/autopilot/controller.ts";
import { createTold } from "../../src/autopilot/loop/told.ts";
import { type ScopeId, scopeName } from "../../src/autopilot/model.ts";
import { AkcError } from "../../src/errors.ts";
import { configOf, type Imagined, imagine, Leases, shop } from "./imagined.ts";

const other: ScopeId = { tenantId: "acme", repoId: "other" };

interface Stage extends AsyncDisposable {
  readonly controller: RunningController;
  readonly keeper: ReturnType<Leases["keeper"]>;
  readonly ended: Promise<unknown>;
  scopes: readonly ScopeId[];
  config: AutopilotConfig | AkcError;
  /** When each scope was looked at, milliseconds from the start. */
  looks(scope?: ScopeId): readonly number[];
}

/** A controller that runs, with time in the hand. */
function stage(
  world: Imagined,
  scopes: readonly ScopeId[],
  more: Partial<AutopilotConfig> & { readonly scope?: Partial<ScopeConfig> } = {},
  { holder = "one", leases = new Leases(world.store, world.clock) } = {},
): Stage {
  const keeper = leases.keeper(holder);
  const startMs = world.clock.monotonicMs();
  const times = new Map<string, number[]>();
  const { look } = world.ports.sentries;
  world.ports.sentries.look = (scope, deployed, signal) => {
    const key = scopeName(scope.scope);
    times.set(key, [...(times.get(key) ?? []), world.clock.monotonicMs() - startMs]);
    return look.call(world.ports.sentries, scope, deployed, signal);
  };
  const made: Stage = {
    controller: createController({
      ports: world.ports,
      keeper,
      told: createTold(),
      config: configOf(world, more),
      readConfig: async () => {
        if (made.config instanceof AkcError) throw made.config;
        return made.config;
      },
      discover: async () => ({ scopes: made.scopes, faults: [], news: [] }),
      identity: { holder, host: "h", pid: 1, version: "0" },
    }),
    keeper,
    ended: Promise.resolve(),
    scopes,
    config: configOf(world, more),
    looks: (scope = shop) => times.get(scopeName(scope)) ?? [],
    async [Symbol.asyncDispose]() {
      made.controller.abort("the test is over");
      await world.clock.pass(20_000);
      await made.ended;
    },
  };
  for (const scope of scopes) world.place(scope).stands = "b1";
  Object.assign(made, { ended: made.controller.run() });
  return made;
}

const many = (count: number): readonly ScopeId[] =>
  Array.from({ length: count }, (_, index) => ({ tenantId: "acme", repoId: `r${index}` }));
const gaps = (times: readonly number[]) => times.slice(1).map((at, index) => at - (times[index] ?? 0));

test("every scope is visited within its interval, and none twice in it without a cause", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop, other], { scope: { intervalMs: 60_000 } });
  await world.clock.pass(30 * 60_000);
  for (const scope of [shop, other]) {
    const between = gaps(one.looks(scope));
    expect(between.length).toBeGreaterThan(28);
    expect(Math.max(...between)).toBeLessThanOrEqual(60_000);
    expect(Math.min(...between)).toBeGreaterThan(55_000);
  }
  expect(one.controller.status()).toMatchObject({
    phase: "running",
    scopes: [{ holding: true, next: { do: "nothing" }, sighting: "standing" }, { holding: true }],
  });
});

test("scopes that hang, more of them than places, hold up none of the others", async () => {
  await using world = await imagine();
  const scopes = many(12);
  await using one = stage(world, scopes, { parallelMax: 2, scope: { intervalMs: 60_000 } });
  const hung = scopes.slice(0, 6);
  for (const scope of hung) world.place(scope).sighting = () => new Promise(() => {});
  await world.clock.pass(10 * 60_000);
  for (const scope of scopes.slice(6)) expect(Math.max(...gaps(one.looks(scope)))).toBeLessThan(80_000);
});

test("a scope whose visit breaks is come back to later each time, and no other notices", async () => {
  await using world = await imagine();
  const told: string[] = [];
  await using one = stage(world, [shop, other], { scope: { intervalMs: 1_800_000 } });
  one.controller.listen((what) => what.kind === "note" && told.push(what.message));
  let asked = 0;
  world.place(shop).newest = "b2";
  world.ports.gates.ask = async () => {
    asked += 1;
    throw new TypeError("a fault of ours");
  };
  await world.clock.pass(60_000);
  const early = asked;
  expect(early).toBeGreaterThan(3);
  await world.clock.pass(60_000);
  expect(asked - early).toBeLessThanOrEqual(2);
  expect(told).toEqual(["something went wrong in a scope"]);
  expect(one.controller.status().scopes[1]).toMatchObject({ next: { do: "nothing" } });
});

test("a person's word is heeded within a second or so, whatever the interval", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop, other], { scope: { intervalMs: 3_600_000 } });
  await world.clock.pass(10_000);
  const fact = { type: "word", word: "pause", by: "me", reason: "" } as const;
  await world.store.say(shop, fact, "me", world.clock.nowMs());
  await world.clock.pass(1_500);
  const [first, second] = one.controller.status().scopes;
  expect(first?.next).toEqual({ do: "hold", why: "paused" });
  expect([first?.visits, second?.visits]).toEqual([2, 1]);
});

test("a wall clock that is set back an hour delays nothing, and one that is set forward makes things due", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop], { scope: { intervalMs: 60_000 } });
  const steps: unknown[] = [];
  one.controller.listen((told) => {
    if (told.kind === "note") steps.push([told.message, told.keys["by_ms"]]);
  });
  await world.clock.pass(5 * 60_000);
  world.clock.set(-3_600_000);
  await world.clock.pass(5 * 60_000);
  expect(Math.max(...gaps(one.looks()))).toBeLessThanOrEqual(60_000);
  const before = one.looks().length;
  world.clock.set(+3 * 3_600_000);
  await world.clock.pass(2_000);
  expect(one.looks().length).toBe(before + 1);
  const times = (await world.entries()).map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(steps).toEqual([
    [expect.stringContaining("set back"), "-3600000"],
    [expect.stringContaining("set forward"), "10800000"],
  ]);
});

test("a bake and a cool-down go on by a clock that was set back in the middle of them", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop], { scope: { intervalMs: 3_600_000 } });
  world.place(shop).newest = "b2";
  await world.clock.pass(60_000);
  world.clock.set(-3_600_000);
  await world.clock.pass(310_000);
  expect(one.controller.status().scopes[0]?.state.deployed?.bundleSha256).toBe("b2");
});

test("what nobody can see is said once, with why, and once when it can be seen again; somebody at work there is no news", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop], { scope: { intervalMs: 10_000 } });
  const said: unknown[] = [];
  one.controller.listen((told) => {
    if (told.kind === "note") said.push([told.message, told.keys["error_code"]]);
  });
  await world.clock.pass(20_000);
  const see = async (code?: string) => {
    world.place(shop).sighting =
      code === undefined ? { kind: "standing" } : { kind: "unseen", code, message: "m" };
    await world.clock.pass(40_000);
  };
  await see("SCOPE_HELD");
  await see("PROVIDER_FAILED");
  await see("SCOPE_HELD");
  await see("PROVIDER_FAILED");
  await see("TOOL_TIMEOUT");
  await see();
  const gone = expect.stringContaining("nobody can tell what stands");
  expect(said).toEqual([
    [gone, "PROVIDER_FAILED"],
    [gone, "TOOL_TIMEOUT"],
    ["what stands can be seen again", undefined],
  ]);
});

test("told to stop it begins nothing new, lets what is under way end, and gives the leases back", async () => {
  await using world = await imagine();
  const one = stage(world, [shop, other]);
  const rollout = Promise.withResolvers<object>();
  const at = world.place(shop);
  at.newest = "b2";
  at.outcome = () => rollout.promise;
  await world.clock.pass(2_000);
  // Seen by others at once, and not only after a beat's time.
  expect(await world.store.controllers()).toMatchObject([{ scopesHeld: 2 }]);
  await world.clock.pass(3_000);
  expect(world.deeds.map(({ what }) => what)).toContain("begin");
  const drained = one.controller.drain("SIGTERM");
  world.place(other).newest = "b2";
  one.controller.wake();
  await world.clock.pass(5_000);
  expect(one.controller.status().phase).toBe("draining");
  expect(one.keeper.held()).toHaveLength(2);
  rollout.resolve({ converged: true });
  await world.clock.pass(1_000);
  expect(await one.ended).toEqual({ by: "drain", reason: "SIGTERM" });
  await drained;
  expect(one.keeper.held()).toEqual([]);
  // A farewell: whoever looks knows that it has left.
  expect(await world.store.controllers()).toMatchObject([{ scopesHeld: 0 }]);
  expect(world.deeds.filter(({ what }) => what === "begin")).toHaveLength(1);
  expect((await world.facts()).at(-1)?.type).toBe("attempt_deployed");
});

test("what does not end in the time for a stop is cut off and left to be gone on with", async () => {
  await using world = await imagine();
  const one = stage(world, [shop], { drainMs: 30_000 });
  const at = world.place(shop);
  at.newest = "b2";
  at.outcome = (_attempt, signal) =>
    new Promise((_, refuse) => signal.addEventListener("abort", () => refuse(signal.reason), { once: true }));
  await world.clock.pass(5_000);
  void one.controller.drain("SIGTERM");
  await world.clock.pass(29_000);
  expect(one.controller.status().phase).toBe("draining");
  await world.clock.pass(2_000);
  await one.ended;
  expect((await world.facts()).at(-1)?.type).toBe("attempt_started");
  // The next controller goes on with it.
  at.outcome = () => ({ converged: true });
  await using two = stage(world, [shop], {}, { holder: "two" });
  await world.clock.pass(5_000);
  expect(two.controller.status().scopes[0]?.state.attempt?.phase.kind).toBe("baking");
  expect(world.deeds.filter(({ what }) => what === "begin")).toHaveLength(1);
});

test("what heeds no signal keeps its lease, and the controller ends without it", async () => {
  await using world = await imagine();
  const one = stage(world, [shop, other], { drainMs: 5_000 });
  const at = world.place(shop);
  at.newest = "b2";
  at.outcome = () => new Promise(() => {});
  await world.clock.pass(5_000);
  one.controller.abort("now");
  await world.clock.pass(11_000);
  expect(await one.ended).toEqual({ by: "abort", reason: "now" });
  expect(one.keeper.held()).toEqual([shop]);
});

test("a lost lease stops what is under way; a standby writes nothing, and takes over when it is free", async () => {
  await using world = await imagine();
  const leases = new Leases(world.store, world.clock);
  const one = stage(world, [shop], {}, { leases });
  await world.clock.pass(3_000);
  await using two = stage(world, [shop], {}, { holder: "two", leases });
  await world.clock.pass(1_000);
  const version = await world.store.version();
  await world.clock.pass(60_000);
  expect(two.controller.status().scopes[0]).toMatchObject({ holding: false });
  expect(await world.store.version()).toBe(version);
  expect((await world.store.controllers()).map(({ holder }) => holder)).toEqual(["one"]);
  one.controller.abort("gone");
  await world.clock.pass(2_000);
  await one.ended;
  await world.clock.pass(2_000);
  expect(two.controller.status().scopes[0]).toMatchObject({ holding: true });
});

test("a new configuration counts from the next visits on; one that is not valid leaves the old one", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop], { scope: { intervalMs: 3_600_000 } });
  await world.clock.pass(10_000);
  one.config = new AkcError("AUTOPILOT_CONFIG_INVALID");
  expect(await one.controller.reload()).toMatchObject({ ok: false });
  expect(one.controller.status().config.reloadFault).toBeString();
  one.config = configOf(world, { lease: { backend: "filesystem", ttlMs: 15_000, replicas: 1 } });
  expect(await one.controller.reload()).toMatchObject({
    ok: false,
    message: expect.stringContaining("lease"),
  });
  one.config = configOf(world, { scope: { intervalMs: 60_000, mode: "observe" } });
  one.scopes = [shop, other];
  world.place(other).stands = "b1";
  expect(await one.controller.reload()).toMatchObject({ ok: true });
  await world.clock.pass(60_000);
  expect(one.looks().length).toBe(2);
  expect(one.controller.status()).toMatchObject({
    phase: "running",
    config: { reloadFault: undefined },
    scopes: [{ mode: "observe" }, { mode: "observe", holding: true }],
  });
});

test("a scope that is there no more is given back, and nothing of it is kept", async () => {
  await using world = await imagine();
  await using one = stage(world, [shop, other]);
  await world.clock.pass(5_000);
  one.scopes = [other];
  await world.clock.pass(11_000);
  expect(one.keeper.held()).toEqual([other]);
  expect(one.controller.status().scopes.map(({ scope }) => scope)).toEqual([other]);
});

test("it ends after as many passes as it was to make", async () => {
  await using world = await imagine();
  const one = stage(world, [shop, other], { iterationsMax: 2, scope: { intervalMs: 60_000 } });
  await world.clock.pass(50_000);
  expect(one.controller.status().phase).toBe("running");
  await world.clock.pass(70_000);
  expect(await one.ended).toMatchObject({ by: "iterations" });
  expect([one.looks(shop).length, one.looks(other).length]).toEqual([2, 2]);
  const none = stage(world, [], { iterationsMax: 1 });
  await world.clock.pass(1_000);
  expect(await none.ended).toMatchObject({ by: "iterations" });
});

test("a thousand scopes that sleep have no timer each, and a minute of them takes no more turns than one scope's", async () => {
  await using world = await imagine();
  const scopes = many(1_000);
  await using one = stage(world, scopes, { scope: { intervalMs: 6 * 3_600_000 } });
  await world.clock.pass(120_000);
  expect(one.controller.status().scopes.every(({ visits }) => visits === 1)).toBe(true);
  const { turns } = one.controller.status();
  const version = await world.store.version();
  await world.clock.pass(60_000);
  expect(world.clock.sleeping).toBeLessThan(4);
  expect(one.controller.status().turns - turns).toBeLessThan(90);
  expect(await world.store.version()).toBe(version);
});

test("a scope whose facts are damaged is held, the others go on", async () => {
  await using world = await imagine();
  const { state } = world.store;
  world.store.state = async (scope) => {
    if (scopeName(scope) === scopeName(shop)) throw new AkcError("AUTOPILOT_STATE_DAMAGED");
    return state.call(world.store, scope);
  };
  await using one = stage(world, [shop, other]);
  await world.clock.pass(30_000);
  expect(one.controller.status().scopes).toMatchObject([
    { next: { do: "hold" }, state: { escalated: { reason: "history_damaged" } } },
    { next: { do: "nothing" }, state: { deployed: { bundleSha256: "b1" } } },
  ]);
});

test("who listens and throws, or was told too much at once, loses that alone", async () => {
  const told = createTold();
  const heard: number[] = [];
  told.listen(() => {
    throw new Error("a listener's own fault");
  });
  const stop = told.listen((what) => heard.push("atMs" in what ? what.atMs : 0));
  for (let atMs = 0; atMs < 1_500; atMs += 1) told.tell({ kind: "phase", phase: "running", atMs });
  told.flush();
  expect(heard).toHaveLength(1_000);
  expect(heard.at(-1)).toBe(1_499);
  stop();
  told.tell({ kind: "phase", phase: "running", atMs: 9_999 });
  await Promise.resolve();
  expect(heard).toHaveLength(1_000);
});
