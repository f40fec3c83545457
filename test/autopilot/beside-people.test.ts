/** The autopilot and people at work in one scope: what they deploy stays, what they hold is theirs, and nobody is counted for the other. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { Attempt, Deployed, Fact, Offer, Sighting } from "../../src/autopilot/model.ts";
import { createOffers } from "../../src/autopilot/offers.ts";
import type { VisitPorts } from "../../src/autopilot/visit.ts";
import { AkcError } from "../../src/errors.ts";
import { changing, deploying, standing } from "../e2e/services.ts";
import { until } from "../e2e/world.ts";
import { bundle, type Imagined, imagine, shop } from "./imagined.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";
import { visitor } from "./visitor.ts";

const drifted: Sighting = {
  kind: "drifted",
  resources: [{ resourceId: "svc", what: "changed", message: "it differs" }],
};

/** Visits of one controller that keeps its right. @param ports in place of the world's */
async function visiting(world: Imagined, ports?: Partial<VisitPorts>) {
  return (await visitor(world, "one", ports)).visit;
}

function standsBy(sha256: string, runtimeRunId: string, atMs: number): Deployed {
  const { bundlePath, bundleSha256 } = bundle(sha256);
  return { bundlePath, bundleSha256, runtimeRunId, atMs };
}

const typesOf = (facts: readonly Fact[]) => facts.map(({ type }) => type);

/** A scope in which `b1` was adopted, and then `by` stands by another run. */
async function overtaken(world: Imagined, since: Partial<Deployed>) {
  const at = world.place(shop);
  at.stands = "b1";
  let stands: Deployed = standsBy("b1", "by-hand", 1);
  const offers = { ...world.ports.offers, standing: async () => stands };
  const sentries = {
    ...world.ports.sentries,
    look: async (_: ScopeConfig, { bundleSha256 }: Deployed): Promise<Sighting> =>
      bundleSha256 === stands.bundleSha256 ? { kind: "standing" } : drifted,
  };
  const once = await visiting(world, { offers, sentries });
  await once();
  stands = { ...standsBy("b2", "person-2", world.clock.nowMs()), ...since };
  return { once, at };
}

test("what a person deploys after the autopilot is what stands from then on, and is not repaired away", async () => {
  for (const mode of ["enforce", "propose", "observe"] as const) {
    await using world = await imagine();
    const { once } = await overtaken(world, {});
    await world.clock.pass(600_000);
    const visited = await once({ mode });
    expect(visited).toMatchObject({
      sighting: { kind: "standing" },
      state: { deployed: { bundleSha256: "b2", runtimeRunId: "person-2" }, openTriggers: [] },
    });
    expect(typesOf(await world.facts())).toEqual(["adopted", "adopted"]);
    expect(world.deeds.filter(({ what }) => what === "begin")).toEqual([]);
  }
});

test("a run that is older than what stands, or that was the autopilot's own and not kept, is nobody's wish", async () => {
  await using older = await imagine();
  const { once } = await overtaken(older, { atMs: 0 });
  await once();
  expect(older.deeds.filter(({ what }) => what === "begin")).toHaveLength(1);

  await using own = await imagine();
  const at = own.place(shop);
  at.stands = "b1";
  at.newest = "b2";
  at.rollBack = () => ({ ok: false, message: "the provider says no" });
  const stands = (): Deployed => {
    const [runtimeRunId] = [...at.runs.keys()];
    if (runtimeRunId === undefined) return standsBy("b1", "by-hand", 1);
    return standsBy("b2", runtimeRunId, own.clock.nowMs() - 60_000);
  };
  const again = await visiting(own, { offers: { ...own.ports.offers, standing: async () => stands() } });
  await again();
  at.sighting = drifted;
  await own.clock.pass(60_000);
  expect((await again()).state.escalated?.reason).toBe("rollback_failed");
  await own.store.say(shop, { type: "word", word: "ack", by: "me", reason: "r" }, "me", own.clock.nowMs());
  at.newest = undefined;
  const { state } = await again({ mode: "observe" });
  expect(state.deployed?.bundleSha256).toBe("b1");
});

test("a bundle that a person has brought out by hand is not rolled out once more", async () => {
  await using world = await imagine();
  const { once, at } = await overtaken(world, {});
  at.newest = "b2";
  expect(await once()).toMatchObject({ state: { deployed: { runtimeRunId: "person-2" } } });
  expect((await world.facts()).some(({ type }) => type === "attempt_started")).toBe(false);
});

const rollouts = (isController: boolean) =>
  createRollouts({ ...host, by: "autopilot@test", isController: async () => isController });

async function deployedIn(world: ScopeWorld): Promise<{ readonly offer: Offer; readonly repair: Attempt }> {
  const offer = await world.place("run-1", deploying([standing("web", 1)]));
  const attempt = world.attempt(offer);
  expect(await rollouts(true).begin(world.config(), attempt, never)).toMatchObject({ healthy: true });
  const { bundlePath, bundleSha256 } = offer;
  const previous = { bundlePath, bundleSha256, runtimeRunId: attempt.runtimeRunId, atMs: Date.now() };
  return { offer, repair: { ...attempt, attemptId: Bun.randomUUIDv7(), kind: "repair", previous } };
}

/** Somebody in another process who works on behalf of the run until he is ended. */
async function holding(world: ScopeWorld, { runtimeRunId }: Attempt) {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "holding.child.ts"), world.scopeRoot, runtimeRunId],
    {
      env: { ...changing },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  await child.stdout.getReader().read();
  return child;
}

test("a repair finds a person at work on the run: it waits, tears nothing from him, and counts for nothing", async () => {
  await inScope(async (world) => {
    const { repair } = await deployedIn(world);
    const person = await holding(world, repair);
    try {
      for (const ask of ["begin", "recover"] as const) {
        await expect(rollouts(false)[ask](world.config(), repair, never)).rejects.toMatchObject({
          code: "LEASE_HELD",
          details: { pid: person.pid },
        });
      }
    } finally {
      person.kill("SIGKILL");
      await person.exited;
    }
    expect(await rollouts(false).recover(world.config(), repair, never)).toMatchObject({ healthy: true });
  });
});

test("a repair that was cut off and whose bundle is gone meanwhile ends, and holds nobody up for ever", async () => {
  await inScope(async (world) => {
    const { offer, repair } = await deployedIn(world);
    await world.kill("sleep 70001");
    await Bun.write(
      offer.bundlePath,
      await Bun.file(offer.bundlePath)
        .text()
        .then((text) => `${text} `),
    );
    const same = await rollouts(true).recover(world.config(), repair, never);
    // White space is no other bundle.
    expect(same).toMatchObject({ healthy: true });
    rmSync(offer.bundlePath);
    expect(await rollouts(true).recover(world.config(), repair, never)).toMatchObject({
      healthy: false,
      converged: false,
      rollbacks: 0,
      errorCode: expect.any(String),
    });
    const other = await world.place("run-1", deploying([standing("web", 2)]));
    expect(other.bundlePath).toBe(offer.bundlePath);
    expect(await rollouts(true).recover(world.config(), repair, never)).toMatchObject({
      healthy: false,
      errorCode: "RUN_CHANGED",
    });
    await until("the service of before runs", () => world.running().join() === "sleep 70001");
  });
});

test("what a person deploys is found as what stands, and what an attempt took back is not", async () => {
  await inScope(async (world) => {
    // What is kept of the look before is believed only for as long as nothing was written.
    const offers = createOffers({ clock: { nowMs: () => Date.now() + 60_000 } });
    expect(await offers.standing(world.config())).toBeUndefined();
    const { repair } = await deployedIn(world);
    const next = await world.place("run-2", deploying([standing("web", 2)]));
    const taken = world.attempt(next, { previous: repair.previous });
    await rollouts(true).begin(world.config(), taken, never);
    expect((await offers.standing(world.config()))?.runtimeRunId).toBe(taken.runtimeRunId);
    expect(await rollouts(true).rollBack(world.config(), taken, never)).toMatchObject({ ok: true });
    expect((await offers.standing(world.config()))?.runtimeRunId).toBe(repair.runtimeRunId);
  });
});

test("somebody who deploys in the scope is waited for: an attempt that meets him has not failed", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  at.stands = "b1";
  const once = await visiting(world);
  await once();
  at.sighting = drifted;
  let isHeld = true;
  at.outcome = () => {
    if (isHeld) throw new AkcError("SCOPE_HELD");
    return { converged: true };
  };
  const waits = await once();
  expect(waits).toMatchObject({
    fault: { code: "SCOPE_HELD" },
    state: { consecutiveFailures: 0, mutationsAtMs: [] },
  });
  expect((await world.facts()).at(-2)).toMatchObject({ type: "attempt_ended", verdict: "not_started" });
  isHeld = false;
  expect(await once()).toMatchObject({ state: { attempt: { phase: { kind: "baking" } }, fault: undefined } });
});

test("a scope that is paused in a bake is left as it stands; what fell ill meanwhile is brought back after a resume", async () => {
  for (const falls of ["ill", "not"] as const) {
    await using world = await imagine();
    const at = world.place(shop);
    at.stands = "b1";
    at.newest = "b2";
    const once = await visiting(world);
    await once();
    const say = (word: "pause" | "resume") =>
      world.store.say(shop, { type: "word", word, by: "me", reason: "r" }, "me", world.clock.nowMs());
    await say("pause");
    if (falls === "ill") at.sighting = drifted;
    // Long after the bake would have been over.
    await world.clock.pass(3_600_000);
    expect(await once()).toMatchObject({
      next: { do: "hold", why: "paused" },
      state: { attempt: { phase: { kind: "baking" } } },
    });
    expect(world.deeds.map(({ what }) => what)).not.toContain("roll_back");
    await say("resume");
    const { state } = await once();
    expect(state.attempt).toBeUndefined();
    expect((await world.facts()).findLast(({ type }) => type === "attempt_ended")).toMatchObject({
      verdict: falls === "ill" ? "rolled_back" : "kept",
    });
  }
});

test("an approval is not used up by an attempt that met a person at work, and is by one that began", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  at.stands = "b1";
  at.newest = "b2";
  const once = await visiting(world);
  expect((await once({ mode: "propose" })).next).toEqual({ do: "hold", why: "proposed" });
  const approve = { type: "word", word: "approve", by: "me", reason: "r", bundleSha256: "b2" } as const;
  await world.store.say(shop, approve, "me", world.clock.nowMs());
  at.outcome = () => {
    throw new AkcError("SCOPE_HELD");
  };
  expect((await once({ mode: "propose" })).state).toMatchObject({ approval: { by: "me" } });
  at.outcome = () => ({ converged: true });
  await once({ mode: "propose" });
  await world.clock.pass(3_600_000);
  const { state } = await once({ mode: "propose" });
  expect(state).toMatchObject({ deployed: { bundleSha256: "b2" }, approval: undefined });
});

test("a rollout that somebody else's deployment came before, while its actions ran, has not failed and comes again", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  at.stands = "b1";
  at.newest = "b2";
  const once = await visiting(world);
  let times = 0;
  at.outcome = () => {
    times += 1;
    if (times === 2) throw new AkcError("SCOPE_HELD");
    return times > 2
      ? { converged: true }
      : { healthy: false, outcome: "failed", exitCode: 1, errorCode: "SCOPE_HELD", convergenceMs: null };
  };
  expect((await once()).state).toMatchObject({
    rejected: [],
    consecutiveFailures: 0,
    mutationsAtMs: [],
    candidate: { bundleSha256: "b2" },
  });
  expect(world.deeds.map(({ what }) => what)).not.toContain("roll_back");
  expect((await once()).state.attempt).toMatchObject({ bundleSha256: "b2", phase: { kind: "baking" } });
});
