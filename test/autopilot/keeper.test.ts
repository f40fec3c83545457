/** One holder at a time: leases on the real store and real files, with a clock in the hand. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LeaseConfig } from "../../src/autopilot/config/model.ts";
import type { AutopilotStore } from "../../src/autopilot/contract.ts";
import type { LeaseAnswer, LeaseBackend, LeaseKeeper } from "../../src/autopilot/lease/contract.ts";
import { createLeaseKeeper } from "../../src/autopilot/lease/keeper.ts";
import { leaseNames, newIdentity, scopeKey } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import type { ScopeId } from "../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { AkcError } from "../../src/errors.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { HandClock } from "./hand-clock.ts";
import { failed, mill, outputs, shop, startMs, tamper } from "./memory-world.ts";

const ttlMs = 15_000;
const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const one of opened) await one.close();
});

interface Controller {
  readonly keeper: LeaseKeeper;
  readonly backend: LeaseBackend;
  readonly store: AutopilotStore;
  readonly answers: string[];
}

/** A controller of another host than this one, so that only time says when it is gone. */
async function controller(
  root: string,
  clock: HandClock,
  id: string,
  config: Partial<LeaseConfig> = {},
  changes: {
    readonly backend?: (real: LeaseBackend) => LeaseBackend;
    readonly hangs?: boolean;
    readonly random?: number;
  } = {},
): Promise<Controller> {
  const store = await openAutopilotStore(root);
  const lease = { backend: "sqlite" as const, ttlMs, ...config };
  const identity = newIdentity(id, { ...thisProcess(), host: id, bootId: id });
  const real = createLeaseBackend(lease, { outputsRoot: root, identity, clock, env: {} });
  const counted = whileBusy(clock, real);
  const backend = changes.backend?.(counted) ?? counted;
  const answers: string[] = [];
  const keeper = createLeaseKeeper({
    store,
    backend,
    holder: identity.holder,
    clock,
    ttlMs,
    nameOf: leaseNames(lease),
    onAnswer: (scope, answer, streak) => answers.push(`${scope.repoId} ${answer.kind} ${streak}`),
    random: () => changes.random ?? 0.5,
  });
  if (changes.hangs !== true) opened.push(keeper, store);
  return { keeper, backend, store, answers };
}

const kinds = ["sqlite", "filesystem"] as const;

describe.each(kinds)("a %s lease", (backend) => {
  test("is one controller's while it is renewed; another writes nothing while it waits, and counts how often it was refused", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const [one, other] = [
      await controller(place.root, clock, "one", { backend }),
      await controller(place.root, clock, "other", { backend }),
    ];
    const held = await one.keeper.hold(shop);
    expect(held?.fence).toEqual({ holder: expect.stringMatching(/^one@one:\d+:[0-9a-f]{8}$/), token: 1 });
    const version = await other.store.version();
    for (let second = 0; second < 120; second += 1) {
      expect(await other.keeper.hold(shop)).toBeUndefined();
      expect(await one.keeper.hold(shop)).toBe(held);
      await clock.pass(1_000);
    }
    expect(held?.lost.aborted).toBe(false);
    expect(await other.store.version()).toBe(version);
    // At most one look in a third of the time to live: 24 thirds have passed.
    expect(other.keeper.deniedStreak(shop)).toBeGreaterThan(10);
    expect(other.keeper.deniedStreak(shop)).toBeLessThanOrEqual(25);
    expect(other.keeper.last(shop)).toMatchObject({ kind: "taken", by: held?.fence.holder });
    expect(other.keeper.held()).toEqual([]);
    expect(one.keeper.held()).toEqual([shop]);
  });

  test("of a holder that is gone is another's within its time to live, under a newer fence; the old one writes no more", async () => {
    using place = outputs();
    for (const aliveMs of [0, 1_700, 4_900, 6_000, 14_000, 33_333]) {
      const clock = new HandClock(startMs);
      const [one, other] = [
        await controller(place.root, clock, "one", { backend }),
        await controller(place.root, clock, "other", { backend }),
      ];
      const held = await one.keeper.hold(shop);
      await other.keeper.hold(shop);
      for (let second = 0; second < aliveMs / 1_000; second += 1) {
        await clock.pass(1_000);
        await other.keeper.hold(shop);
      }
      // It stops as a process that is killed: nothing of it is called any more, and its timer never fires.
      deadFor(one);
      const diedMs = clock.monotonicMs();
      let taken = await other.keeper.hold(shop);
      while (taken === undefined && clock.monotonicMs() - diedMs < 60_000) {
        await clock.pass(250);
        taken = await other.keeper.hold(shop);
      }
      expect(clock.monotonicMs() - diedMs).toBeLessThanOrEqual(ttlMs + 500);
      expect(taken?.fence.token).toBe((held?.fence.token ?? 0) + 1);
      const code = await one.store
        .append(shop, [failed], held?.fence ?? { holder: "", token: 0 }, { nowMs: startMs })
        .catch(codeOfCause);
      expect(code).toBe("LEASE_LOST");
      await other.keeper.close();
      await other.store.close();
    }
  });

  test("of a holder that is gone is taken at its very end, wherever a standby's looks fall between the renewals", async () => {
    using place = outputs();
    for (const random of [0, 0.999]) {
      for (let phaseMs = 0; phaseMs < 6_000; phaseMs += 500) {
        const clock = new HandClock(startMs);
        const one = await controller(place.root, clock, "one", { backend });
        const other = await controller(place.root, clock, "other", { backend }, { random });
        const beganMs = clock.monotonicMs();
        await one.keeper.hold(shop);
        await clock.pass(phaseMs);
        // Just after it has moved its lease on.
        while (clock.monotonicMs() - beganMs <= (5 * ttlMs) / 3) {
          expect(await other.keeper.hold(shop)).toBeUndefined();
          await clock.pass(250);
        }
        deadFor(one);
        const diedMs = clock.monotonicMs();
        while ((await other.keeper.hold(shop)) === undefined && clock.monotonicMs() - diedMs < 60_000)
          await clock.pass(250);
        // Beside the end itself what keeps standbys apart, and how often they were asked here.
        expect(clock.monotonicMs() - diedMs).toBeLessThanOrEqual(ttlMs + ttlMs / 30 + 250);
        await other.keeper.close();
        await other.store.close();
      }
    }
  });

  test("of a process that was stopped is lost in its first line afterwards, before any timer fires", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const [one, other] = [
      await controller(place.root, clock, "one", { backend }),
      await controller(place.root, clock, "other", { backend }),
    ];
    const held = await one.keeper.hold(shop);
    await clock.pass(7_000);
    clock.stop(11_000);
    clock.stop(2_000);
    const lost = held?.lost;
    expect(lost?.aborted).toBe(true);
    expect(lost?.reason).toMatchObject({ code: "LEASE_LOST", details: { token: 1 } });
    expect(one.keeper.held()).toEqual([]);
    clock.stop(ttlMs);
    const taken = await other.keeper.hold(shop);
    expect(taken?.fence.token).toBe(2);
    expect(await one.keeper.hold(shop)).toBeUndefined();
    await clock.settled();
    expect(one.answers).toEqual(["shop held 0", "shop unknown 0", "shop taken 1"]);
  });

  test("is over for its holder when the wall clock is set forward, since others see it as over; set back an hour it keeps nobody waiting", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const [one, other] = [
      await controller(place.root, clock, "one", { backend }),
      await controller(place.root, clock, "other", { backend }),
    ];
    const held = await one.keeper.hold(shop);
    clock.set(60_000);
    expect(held?.lost.aborted).toBe(true);
    const again = await one.keeper.hold(shop);
    expect(again?.fence.token).toBe(2);
    clock.set(-3_600_000);
    await clock.pass(30_000);
    expect(again?.lost.aborted).toBe(false);
    expect(await other.keeper.hold(shop)).toBeUndefined();
    clock.set(-3_600_000);
    deadFor(one);
    let waitedMs = 0;
    for (; waitedMs < 120_000 && (await other.keeper.hold(shop)) === undefined; waitedMs += 500)
      await clock.pass(500);
    expect(other.keeper.held()).toEqual([shop]);
    expect(waitedMs).toBeLessThanOrEqual(2 * ttlMs);
    // Not before it can be sure.
    expect(waitedMs).toBeGreaterThan(ttlMs / 2);
  });

  test("is free at once when it is given back, of one scope and of all, and nothing ticks any more", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const [one, other] = [
      await controller(place.root, clock, "one", { backend }),
      await controller(place.root, clock, "other", { backend }),
    ];
    const [here, there] = [await one.keeper.hold(shop), await one.keeper.hold(mill)];
    await one.keeper.release(shop);
    expect([here?.lost.aborted, there?.lost.aborted]).toEqual([true, false]);
    expect((await other.keeper.hold(shop))?.fence.token).toBe(2);
    expect(await other.keeper.hold(mill)).toBeUndefined();
    await one.keeper.close();
    expect(there?.lost.aborted).toBe(true);
    await clock.pass(6_000);
    expect((await other.keeper.hold(mill))?.fence.token).toBe(2);
    expect(await one.keeper.hold(shop)).toBeUndefined();
    await other.keeper.close();
    await clock.settled();
    expect(clock.sleeping).toBe(0);
  });

  test("that cannot be renewed for a while is kept until its time is nearly over, and lost before anybody may take it", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    let broken = false;
    const flaky = (real: LeaseBackend): LeaseBackend => ({
      ...real,
      renew: async (names, nowMs) =>
        broken
          ? new Map(
              names.map((name): [string, LeaseAnswer] => [
                name,
                { kind: "unknown", message: "no", diagnostics: {} },
              ]),
            )
          : real.renew(names, nowMs),
    });
    const one = await controller(place.root, clock, "one", { backend }, { backend: flaky });
    const held = await one.keeper.hold(shop);
    await clock.pass(5_500);
    broken = true;
    await clock.pass(11_000);
    expect(held?.lost.aborted).toBe(false);
    broken = false;
    await clock.pass(2_000);
    broken = true;
    await clock.pass(11_000);
    expect(held?.lost.aborted).toBe(false);
    await clock.pass(2_000);
    // Read without asking the keeper: the timer did it.
    expect(one.keeper.held()).toEqual([]);
    expect(held?.lost.reason).toBeInstanceOf(AkcError);
  });

  test("that was moved on without anybody hearing of it is given back at the end, though it was let go of", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const unheard = (real: LeaseBackend): LeaseBackend => ({
      ...real,
      renew: async (names, nowMs) => {
        await real.renew(names, nowMs);
        return new Map();
      },
    });
    const one = await controller(place.root, clock, "one", { backend }, { backend: unheard });
    const other = await controller(place.root, clock, "other", { backend });
    const held = await one.keeper.hold(shop);
    await clock.pass(14_000);
    expect(held?.lost.aborted).toBe(true);
    await one.keeper.close();
    expect((await other.keeper.hold(shop))?.fence.token).toBe(2);
  });
});

test("what a keeper answers in the middle of an hour's renewal that hangs is worked out from the clocks", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const hanging = (real: LeaseBackend): LeaseBackend => ({
    ...real,
    renew: () => new Promise(() => undefined),
  });
  const one = await controller(place.root, clock, "one", {}, { backend: hanging, hangs: true });
  const held = await one.keeper.hold(shop);
  const lost = held?.lost;
  await clock.pass(12_000);
  expect(lost?.aborted).toBe(false);
  await clock.pass(1_000);
  expect(lost?.aborted).toBe(true);
});

test("a fence that somebody raised who was stopped too long ends the right of before, and the holder gets a new one", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const one = await controller(place.root, clock, "one");
  const held = await one.keeper.hold(shop);
  await one.store.raiseFence(shop, "stopped too long", startMs);
  const again = await one.keeper.hold(shop);
  expect(held?.lost.aborted).toBe(true);
  expect(again?.fence.token).toBe(3);
  expect(again?.lost.aborted).toBe(false);
});

test("a controller that cannot write into the store leaves the lease to others", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const [one, other] = [
    await controller(place.root, clock, "one"),
    await controller(place.root, clock, "other"),
  ];
  const keeper = createLeaseKeeper({
    store: { fence: one.store.fence, raiseFence: () => Promise.reject(new AkcError("DISK_FULL")) },
    backend: one.backend,
    holder: "x",
    clock,
    ttlMs,
    nameOf: scopeKey,
  });
  expect(await keeper.hold(shop)).toBeUndefined();
  expect(keeper.last(shop)).toMatchObject({ kind: "unknown", message: expect.stringContaining("DISK_FULL") });
  expect((await other.keeper.hold(shop))?.fence.token).toBe(1);
});

test("scopes that share one name are asked for once, and each has a fence of its own", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const asked: string[] = [];
  const counting = (real: LeaseBackend): LeaseBackend => ({
    ...real,
    acquire: (name, nowMs) => {
      asked.push(name);
      return real.acquire(name, nowMs);
    },
    renew: (names, nowMs) => {
      asked.push(`renew ${names.join(" ")}`);
      return real.renew(names, nowMs);
    },
  });
  const config = { name: "fleet" };
  const one = await controller(place.root, clock, "one", config, { backend: counting });
  const other = await controller(place.root, clock, "other", config, { backend: counting });
  const held = await Promise.all([one.keeper.hold(shop), one.keeper.hold(mill)]);
  expect(held.map((one) => one?.fence.token)).toEqual([1, 1]);
  await clock.pass(5_100);
  expect(asked).toEqual(["fleet", "renew fleet"]);
  expect(await Promise.all([other.keeper.hold(shop), other.keeper.hold(mill)])).toEqual([
    undefined,
    undefined,
  ]);
  expect(asked).toHaveLength(3);
  expect([other.keeper.deniedStreak(shop), other.keeper.deniedStreak(mill)]).toEqual([1, 1]);
  await one.keeper.release(shop);
  expect(await other.keeper.hold(mill)).toBeUndefined();
  await one.keeper.release(mill);
  await clock.pass(6_000);
  expect((await other.keeper.hold(shop))?.fence.token).toBe(2);
});

test("one call renews all leases that are held", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const calls: number[] = [];
  const counting = (real: LeaseBackend): LeaseBackend => ({
    ...real,
    renew: (names, nowMs) => {
      calls.push(names.length);
      return real.renew(names, nowMs);
    },
  });
  const one = await controller(place.root, clock, "one", {}, { backend: counting });
  const many: ScopeId[] = Array.from({ length: 200 }, (_, n) => ({ tenantId: "acme", repoId: `r${n}` }));
  for (const scope of many) await one.keeper.hold(scope);
  await clock.pass(16_000);
  expect(calls).toEqual([200, 200, 200]);
  expect(one.keeper.held()).toHaveLength(200);
});

test("a lease of a process of this host that is gone is free at once", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const here = thisProcess();
  const gone = Bun.spawnSync(["true"]).pid;
  const store = await openAutopilotStore(place.root);
  opened.push(store);
  const backendOf = (pid: number) =>
    createLeaseBackend(
      { backend: "sqlite", ttlMs },
      { outputsRoot: place.root, identity: newIdentity(`p${pid}`, { ...here, pid }), clock, env: {} },
    );
  const [dead, alive, other] = [backendOf(gone), backendOf(process.pid), backendOf(process.ppid)];
  opened.push(dead, alive, other);
  expect((await dead.acquire("n", startMs)).kind).toBe("held");
  expect((await alive.acquire("n", startMs + 1)).kind).toBe("held");
  expect((await other.acquire("n", startMs + 2)).kind).toBe("taken");
});

describe("the documented lease file", () => {
  const file = (root: string) => join(root, "acme/shop/.akc/autopilot/leases", `${scopeKey(shop)}.json`);
  const config = { backend: "filesystem" } as const;
  const lay = (root: string, text: string) => {
    mkdirSync(dirname(file(root)), { recursive: true });
    writeFileSync(file(root), text);
  };

  test("has the documented name, keys and times", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const one = await controller(place.root, clock, "one", config);
    expect(scopeKey({ tenantId: "tenant-a", repoId: "repo-a" })).toBe("35a46b7e02ab3d7f5c23");
    const held = await one.keeper.hold(shop);
    await clock.pass(5_100);
    const record: unknown = JSON.parse(readFileSync(file(place.root), "utf8"));
    expect(record).toEqual({
      scope: scopeKey(shop),
      holder_controller_id: held?.fence.holder,
      acquired_at_ms: startMs,
      renewed_at_ms: expect.any(Number),
      expires_at_ms: expect.any(Number),
      backend: "filesystem",
    });
    expect(existsSync(file(place.root).replace(".json", ".lock"))).toBe(true);
    expect(one.keeper.last(shop)?.diagnostics).toMatchObject({
      backend: "filesystem",
      namespace: null,
      name: scopeKey(shop),
      holder_controller_id: held?.fence.holder,
      acquired_at_ms: startMs,
    });
  });

  test("acquire at 10000 with 1000 to live: another at 10100 is refused, at 11500 it succeeds", async () => {
    using place = outputs();
    const clock = new HandClock(10_000);
    const of = (id: string) =>
      createLeaseBackend(
        { ...config, ttlMs: 1_000 },
        { outputsRoot: place.root, identity: newIdentity(id), clock, env: {} },
      );
    const [one, other] = [of("one"), of("other")];
    const name = leaseNames(config)(shop);
    const kinds = [
      await one.acquire(name, 10_000),
      await other.acquire(name, 10_100),
      await other.acquire(name, 11_500),
    ];
    expect(kinds.map(({ kind }) => kind)).toEqual(["held", "taken", "held"]);
  });

  test.each([
    [
      "an older controller's",
      '{"scope": "x", "holder_controller_id": "ctl-1", "acquired_at_ms": 1, "renewed_at_ms": RENEWED, "expires_at_ms": EXPIRES, "backend": "filesystem"}',
    ],
    ["garbage", '{"holder_contr'],
    ["empty", ""],
    ["no object", "[]"],
    ["without an end", '{"holder_controller_id": "ctl-1"}'],
    ["too large", `{"holder_controller_id": "", "expires_at_ms": 0, "x": "${"x".repeat(70_000)}"}`],
    [
      "of a far future",
      '{"holder_controller_id": "ctl-1", "renewed_at_ms": RENEWED, "expires_at_ms": 99999999999999}',
    ],
  ])("%s: is somebody's, until nobody has written it for its whole time", async (what, text) => {
    using place = outputs();
    const clock = new HandClock(startMs);
    lay(place.root, text.replace("RENEWED", String(startMs)).replace("EXPIRES", String(startMs + ttlMs)));
    const one = await controller(place.root, clock, "one", config);
    expect(await one.keeper.hold(shop)).toBeUndefined();
    expect(one.keeper.last(shop)?.kind).toBe(/older|future/.test(what) ? "taken" : "unknown");
    // Somebody writes it, as an older controller does that is at work.
    await clock.pass(10_000);
    const rewritten = text
      .replace("RENEWED", String(startMs + 10_000))
      .replace("EXPIRES", String(startMs + 25_000));
    writeFileSync(file(place.root), rewritten === text ? `${text}x` : rewritten);
    let waitedMs = 0;
    for (; waitedMs < 700_000 && (await one.keeper.hold(shop)) === undefined; waitedMs += 1_000)
      await clock.pass(1_000);
    expect(waitedMs).toBeGreaterThanOrEqual(14_000);
    expect(waitedMs).toBeLessThan(what.includes("future") ? 650_000 : 25_000);
    expect(one.keeper.held()).toEqual([shop]);
  });

  test("with an empty holder, or over, is free", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const one = await controller(place.root, clock, "one", config);
    lay(place.root, '{"holder_controller_id": "", "expires_at_ms": 99999999999999}');
    expect(await one.keeper.hold(shop)).toBeDefined();
    await one.keeper.release();
    lay(place.root, `{"holder_controller_id": "ctl-1", "expires_at_ms": ${startMs}}`);
    expect(await one.keeper.hold(shop)).toBeDefined();
  });

  test("that is removed or overwritten under its holder is lost by its holder, not written over", async () => {
    using place = outputs();
    const clock = new HandClock(startMs);
    const one = await controller(place.root, clock, "one", config);
    const held = await one.keeper.hold(shop);
    const other = `{"holder_controller_id": "ctl-1", "renewed_at_ms": ${startMs}, "expires_at_ms": ${startMs + 60_000}}`;
    lay(place.root, other);
    await clock.pass(5_100);
    expect(held?.lost.aborted).toBe(true);
    expect(readFileSync(file(place.root), "utf8")).toBe(other);
  });

  test("of a folder that leads elsewhere is nobody's to take", async () => {
    using place = outputs();
    using elsewhere = outputs();
    const clock = new HandClock(startMs);
    mkdirSync(join(place.root, "acme"));
    (await import("node:fs")).symlinkSync(elsewhere.root, join(place.root, "acme/shop"));
    const one = await controller(place.root, clock, "one", config);
    expect(await one.keeper.hold(shop)).toBeUndefined();
    expect(one.keeper.last(shop)).toMatchObject({
      kind: "unknown",
      message: expect.stringContaining("PATH_UNSAFE"),
    });
  });
});

test("a row of a lease that was removed under its holder is lost when its time is over, and taken by one alone", async () => {
  using place = outputs();
  const clock = new HandClock(startMs);
  const [one, other] = [
    await controller(place.root, clock, "one"),
    await controller(place.root, clock, "other"),
  ];
  const held = await one.keeper.hold(shop);
  tamper(place.root, (db) => db.run("DELETE FROM lease"));
  expect((await other.keeper.hold(shop))?.fence.token).toBe(2);
  await clock.pass(5_100);
  expect(held?.lost.aborted).toBe(true);
});

/** Nothing of it happens any more. */
function deadFor({ backend, keeper, store }: Controller): void {
  const never = () => new Promise<never>(() => undefined);
  Object.assign(backend, { renew: never, acquire: never, release: never });
  for (const one of [keeper, store]) opened.splice(opened.indexOf(one), 1);
}

/** Time stands still while it works. */
function whileBusy(clock: HandClock, real: LeaseBackend): LeaseBackend {
  const during = <T>(work: Promise<T>): Promise<T> => {
    clock.busy.add(work);
    return work.finally(() => clock.busy.delete(work));
  };
  return {
    kind: real.kind,
    acquire: (name, nowMs) => during(real.acquire(name, nowMs)),
    renew: (names, nowMs) => during(real.renew(names, nowMs)),
    release: (names) => during(real.release(names)),
    close: () => real.close(),
  };
}

function codeOfCause(cause: unknown): string {
  return cause instanceof AkcError ? cause.code : String(cause);
}
