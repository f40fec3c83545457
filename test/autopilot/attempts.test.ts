/** Attempts with real stores and real processes: an outcome is that of the run that was begun, and what was begun is not begun again. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import { createSentries } from "../../src/autopilot/sentries.ts";
import { bundle, sh } from "../e2e/bundle.ts";
import { crashing, deploying, standing } from "../e2e/services.ts";
import { until } from "../e2e/world.ts";
import { host, inScope, inScopes, never, type ScopeWorld } from "./scope-world.ts";

const rollouts = createRollouts({ ...host, by: "autopilot@test" });
const web = (version: number) => `sleep ${70_000 + version}`;

async function rolledOut(world: ScopeWorld, runId: string, version: number) {
  const offer = await world.place(runId, deploying([standing("web", version)]));
  const attempt = world.attempt(offer);
  const outcome = await rollouts.begin(world.config(), attempt, never);
  const { bundlePath, bundleSha256 } = offer;
  const { runtimeRunId } = attempt;
  return { offer, attempt, outcome, deployed: { bundlePath, bundleSha256, runtimeRunId, atMs: Date.now() } };
}

test("a rollout is the run of the id that was chosen, and is healthy when everything stands", async () => {
  await inScope(async (world) => {
    const { attempt, outcome } = await rolledOut(world, "run-1", 1);
    expect(outcome).toMatchObject({
      healthy: true,
      outcome: "succeeded",
      exitCode: 0,
      converged: true,
      rollbacks: 0,
    });
    // Measured: it took the time that the service needed to count as healthy.
    expect(outcome.convergenceMs ?? 0).toBeGreaterThanOrEqual(100);
    expect(world.running()).toEqual([web(1)]);
    const [row, ...others] = await world.store((store) => store.listRuns());
    expect(others).toEqual([]);
    expect(row).toMatchObject({ context: { runtimeRunId: attempt.runtimeRunId, mode: "enforce" } });
    // Somebody who begins it again learns how it ended.
    expect(await rollouts.begin(world.config(), attempt, never)).toMatchObject({ healthy: true });
    expect(await world.store(async (store) => (await store.listRuns()).length)).toBe(1);
  });
});

test("a run that fails, or that does not come to stand, is not healthy, and says why", async () => {
  await inScope(async (world) => {
    const failing = await world.place("run-1", bundle().started("work", sh("exit 3")));
    expect(await rollouts.begin(world.config(), world.attempt(failing), never)).toMatchObject({
      healthy: false,
      outcome: "failed",
      exitCode: 1,
      convergenceMs: null,
    });
    const dying = await world.place("run-2", deploying([crashing("web")]));
    const outcome = await rollouts.begin(world.config(), world.attempt(dying), never);
    expect(outcome).toMatchObject({ healthy: false, converged: false, convergenceMs: null });
    expect(outcome.rollbacks).toBe(1);
    expect(outcome.rollbacksSucceeded).toBe(1);
    expect(world.running()).toEqual([]);
  });
});

test("nothing is begun with another bundle than the one that was looked at, or in a scope without a right", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    const other = world.attempt({ ...offer, bundleSha256: "0".repeat(64) });
    await expect(rollouts.begin(world.config(), other, never)).rejects.toMatchObject({
      code: "BUNDLE_HASH_MISMATCH",
    });
    const powerless = createRollouts({ ...host, env: {}, by: "test" });
    await expect(powerless.begin(world.config(), world.attempt(offer), never)).rejects.toMatchObject({
      code: "PROVIDER_GATED",
    });
    expect(existsSync(join(world.scopeRoot, ".akc/runtime/state.sqlite3"))).toBe(false);
    expect(await rollouts.recover(world.config(), world.attempt(offer), never)).toBeUndefined();
  });
});

test("a stop leaves a run to be gone on with, and it is gone on with, not begun again", async () => {
  await inScope(async (world) => {
    const slow = bundle().started("first", sh("true")).started("second", sh("sleep 1.5"), "first");
    const attempt = world.attempt(await world.place("run-1", slow));
    const stop = new AbortController();
    const begun = rollouts.begin(world.config(), attempt, stop.signal);
    begun.catch(() => undefined);
    await until("the first action is done", () => isDone(world, attempt.runtimeRunId, "first"));
    stop.abort(new Error("the lease is lost"));
    await expect(begun).rejects.toThrow("the lease is lost");
    const outcome = await rollouts.recover(world.config(), attempt, never);
    expect(outcome).toMatchObject({ healthy: true, outcome: "succeeded" });
    expect(await actionsOf(world, attempt.runtimeRunId)).toEqual([
      { nodeId: "first", phase: "succeeded", attempt: 1 },
      { nodeId: "second", phase: "succeeded", attempt: expect.any(Number) },
    ]);
    const runs = await world.store((store) => store.listRuns());
    expect(runs.map(({ context }) => context.runtimeRunId)).toEqual([attempt.runtimeRunId]);
    // Recovered once more it is only looked at.
    expect(await rollouts.recover(world.config(), attempt, never)).toMatchObject({ healthy: true });
    expect((await actionsOf(world, attempt.runtimeRunId)).length).toBe(2);
  });
});

test("what a person has stopped stays stopped", async () => {
  await inScope(async (world) => {
    const slow = bundle().started("first", sh("true")).started("second", sh("sleep 30"), "first");
    const attempt = world.attempt(await world.place("run-1", slow));
    const begun = rollouts.begin(world.config(), attempt, never);
    await until("the first action is done", () => isDone(world, attempt.runtimeRunId, "first"));
    await world.store((store) => store.requestStop(attempt.runtimeRunId, Date.now()));
    expect(await begun).toMatchObject({ healthy: false, outcome: "stopped" });
    expect(await rollouts.recover(world.config(), attempt, never)).toMatchObject({
      healthy: false,
      outcome: "stopped",
    });
  });
});

async function actionsOf(world: ScopeWorld, runtimeRunId: string) {
  return (await world.actions(runtimeRunId))
    .map(({ nodeId, phase, attempt }) => ({ nodeId, phase, attempt }))
    .toSorted((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
}

async function isDone(world: ScopeWorld, runtimeRunId: string, nodeId: string): Promise<boolean> {
  const actions = await world.actions(runtimeRunId).catch(() => []);
  return actions.some((action) => action.nodeId === nodeId && action.phase === "succeeded");
}

test("a repair brings back what somebody has ended, on behalf of the deployed run", async () => {
  await inScope(async (world) => {
    const { attempt, offer } = await rolledOut(world, "run-1", 1);
    await world.kill(web(1));
    const repair = world.attempt(offer, { kind: "repair", runtimeRunId: attempt.runtimeRunId });
    const outcome = await rollouts.begin(world.config(), repair, never);
    expect(outcome).toMatchObject({ healthy: true, converged: true, outcome: "succeeded" });
    expect(outcome.convergenceMs).toBeGreaterThan(0);
    expect(world.running()).toEqual([web(1)]);
    // Level-based: recovered, it finds nothing left to do.
    expect(await rollouts.recover(world.config(), repair, never)).toMatchObject({ healthy: true });
    await expect(
      rollouts.begin(world.config(), { ...repair, runtimeRunId: "nobody" }, never),
    ).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  });
});

test("what a rollout changed is brought back, and what was before stands again", async () => {
  await inScope(async (world) => {
    const first = await rolledOut(world, "run-1", 1);
    const offer = await world.place("run-2", deploying([standing("web", 2), standing("cache", 3)]));
    const attempt = world.attempt(offer, { previous: first.deployed });
    expect(await rollouts.begin(world.config(), attempt, never)).toMatchObject({ healthy: true });
    expect(world.running()).toEqual([web(2), web(3)]);
    const back = await rollouts.rollBack(world.config(), attempt, never);
    expect(back).toMatchObject({ ok: true, run: { rollbacks: 2, rollbacksSucceeded: 2 } });
    expect(world.running()).toEqual([web(1)]);
    const sentries = createSentries(host);
    expect(await sentries.look(world.config(), first.deployed, never)).toEqual({ kind: "standing" });
    await sentries.close();
    // Asked twice it is done once.
    expect(await rollouts.rollBack(world.config(), attempt, never)).toMatchObject({ ok: true });
    expect(world.running()).toEqual([web(1)]);
  });
});

test("there is nothing to bring back of a run that deployed nothing, and of one that never began", async () => {
  await inScope(async (world) => {
    const offer = await world.place("run-1", bundle().started("work", sh("true")));
    const attempt = world.attempt(offer);
    expect(await rollouts.rollBack(world.config(), attempt, never)).toMatchObject({ ok: true });
    expect(await rollouts.begin(world.config(), attempt, never)).toMatchObject({
      healthy: true,
      convergenceMs: null,
    });
    expect(await rollouts.rollBack(world.config(), attempt, never)).toMatchObject({ ok: true });
  });
});

test("what cannot be brought back is said, and is no success", async () => {
  await inScope(async (world) => {
    const { attempt, offer } = await rolledOut(world, "run-1", 1);
    await Bun.write(offer.bundlePath, "{}");
    const back = await rollouts.rollBack(world.config(), attempt, never);
    expect(back).toMatchObject({ ok: false });
    expect(back.message).toContain("RUN_CHANGED");
    expect(world.running()).toEqual([web(1)]);
  });
});

test("a proposal tells what would be done and does none of it", async () => {
  await inScope(async (world) => {
    const { offer: first, deployed } = await rolledOut(world, "run-1", 1);
    const offer = await world.place("run-2", deploying([standing("web", 2), standing("cache", 3)]));
    const { runtimeRunId: _, ...attempt } = world.attempt(offer, { previous: deployed });
    const proposed = await rollouts.propose(world.config({ mode: "propose" }), attempt, never);
    expect(proposed.summary).toBe("1 action; create 1, update 1");
    const plan = JSON.parse(readFileSync(join(world.scopeRoot, proposed.planPath ?? ""), "utf8"));
    expect(plan).toMatchObject({
      attempt_id: attempt.attemptId,
      bundle_sha256: offer.bundleSha256,
      previous_bundle_sha256: first.bundleSha256,
      actions: ["work"],
      changes: [
        { resource_id: "cache", operation_type: "create" },
        { resource_id: "web", operation_type: "update", fields: expect.arrayContaining(["/command/1"]) },
      ],
    });
    expect(world.running()).toEqual([web(1)]);
    expect(await world.store(async (store) => (await store.listRuns()).length)).toBe(1);
  });
});

test("runs of several scopes in one process do not disturb each other", async () => {
  const names = ["acme/shop", "acme/bank", "acme/post", "acme/mill"];
  await inScopes(names, async (worlds) => {
    const ended = await Promise.all(worlds.map((world, index) => rolledOut(world, "run-1", index)));
    expect(ended.map(({ outcome }) => outcome.healthy)).toEqual(names.map(() => true));
    const sentries = createSentries(host);
    const look = () =>
      Promise.all(
        worlds.map((world, index) => {
          const deployed = ended[index]?.deployed;
          return deployed === undefined ? undefined : sentries.look(world.config(), deployed, never);
        }),
      );
    expect(worlds.map((world) => world.running())).toEqual(names.map((_, index) => [web(index)]));
    expect(await look()).toEqual(names.map(() => ({ kind: "standing" })));
    await worlds[1]?.kill(web(1));
    expect((await look()).map((sighting) => sighting?.kind)).toEqual([
      "standing",
      "drifted",
      "standing",
      "standing",
    ]);
    await sentries.close();
  });
});
