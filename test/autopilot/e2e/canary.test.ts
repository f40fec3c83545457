/** The built autopilot rolls out by the bundle's own strategy, and leaves a pause that it asks for to a person. */
import { expect, test } from "bun:test";
import type { Attempt } from "../../../src/autopilot/model.ts";
import { deploying, health, standing } from "../../e2e/services.ts";
import { inKeptWorld, type KeptWorld, listening } from "./kept-world.ts";

const version = (number: number) => [standing("cart", number * 10), standing("web", number * 10 + 1)];
const before = ["sleep 70010", "sleep 70011"];
const between = ["sleep 70011", "sleep 70020"];
const after = ["sleep 70020", "sleep 70021"];
const pausing = { strategy: "canary", health, steps: [{ share: 0.5, pause: true }, { share: 1 }] };

test("a canary that pauses is left to a person; what is promoted is kept, also by the controller that comes next", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, autopilot } = await midCanary(world);
    await world.visitedAgain(3);
    await world.expectRunning(between);
    const status = await world.status();
    expect(status).toMatchObject({ phase: "deploying", attempt: { attempt_id: attempt.attemptId } });
    expect(status["next"]).toMatchObject({ do: "wait", why: expect.stringContaining("akc rollout promote") });
    const story = await world.story();
    expect(await autopilot.stop()).toBe(0);
    const next = world.autopilot();
    await next.line(({ event }) => event === "lease_held");
    await world.visitedAgain(2);
    expect(await world.story()).toEqual(story);
    expect(await world.akc("rollout", "promote")).toMatchObject({ code: 0 });
    const ended = await world.fact("attempt_ended", ({ attemptId }) => attemptId === attempt.attemptId);
    expect(ended).toMatchObject({ verdict: "kept", run: { converged: true, rollbacks: 0 } });
    await world.expectRunning(after);
    expect(await next.stop()).toBe(0);
  });
}, 60_000);

test("a canary that a person aborts has failed, and what was before stands", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, autopilot } = await midCanary(world);
    expect((await world.akc("rollout", "abort")).code).toBe(0);
    const ended = await world.fact("attempt_ended", ({ attemptId }) => attemptId === attempt.attemptId);
    expect(ended).toMatchObject({ verdict: "failed", run: { rollbacks: 1, rollbacksSucceeded: 1 } });
    await world.expectRunning(before);
    expect(await world.phase("deployed")).toMatchObject({ rejected: [attempt.bundleSha256] });
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("a word that was left for whoever comes next is heard by the controller", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, autopilot } = await midCanary(world);
    await world.visitedAgain(2);
    expect((await world.akc("rollout", "promote", "--no-drive")).code).toBe(0);
    const ended = await world.fact("attempt_ended", ({ attemptId }) => attemptId === attempt.attemptId);
    expect(ended).toMatchObject({ verdict: "kept", run: { converged: true, rollbacks: 0 } });
    await world.expectRunning(after);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

/** The second version is half out, and waits. */
async function midCanary(world: KeptWorld) {
  await world.compile("run-1", deploying(version(1)));
  world.configure("rollout: {bake: 0s, bake_look: 100ms}", listening);
  const autopilot = world.autopilot();
  await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
  const two = await world.compile("run-2", deploying(version(2), { runtime_rollout: pausing }));
  const isTwo = (fact: { readonly attempt: Attempt }) => fact.attempt.bundleSha256 === two.sha256;
  const { attempt } = await world.fact("attempt_started", isTwo);
  await world.expectRunning(between);
  return { attempt, autopilot };
}
