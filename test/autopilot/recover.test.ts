/** A controller that dies, or that lost its right and does not know it, in the middle of an attempt; another one takes over. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { Attempt } from "../../src/autopilot/model.ts";
import { sh } from "../e2e/bundle.ts";
import { changing, deploying, standing } from "../e2e/services.ts";
import { until } from "../e2e/world.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";

const rollouts = createRollouts({ ...host, by: "autopilot@test" });
const webCommand = "sleep 70001";

/** Its first action counts how often it ran; its second takes a while. */
function slowly() {
  return deploying([standing("web", 1)]).started("slow", sh("sleep 2"), "work");
}

function begunElsewhere(config: ScopeConfig, attempt: Attempt) {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "attempt.child.ts"),
      JSON.stringify(config),
      JSON.stringify(attempt),
    ],
    { env: { ...changing }, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  return { child, said: new Response(child.stdout).text() };
}

async function attemptsOf(world: ScopeWorld, runtimeRunId: string): Promise<Record<string, string>> {
  const actions = await world.actions(runtimeRunId);
  return Object.fromEntries(
    actions.map(({ nodeId, phase, attempt }): [string, string] => [nodeId, `${phase} ${attempt}`]),
  );
}

async function workDone(world: ScopeWorld, { runtimeRunId }: Attempt): Promise<void> {
  await until("the first action is done", async () => {
    const found = await attemptsOf(world, runtimeRunId).catch(() => undefined);
    return found?.["work"] === "succeeded 1";
  });
}

test("whoever takes over from a controller that was killed goes on with its run to the end", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", slowly()));
    const { child } = begunElsewhere(world.config(), attempt);
    try {
      await workDone(world, attempt);
    } finally {
      child.kill("SIGKILL");
    }
    await child.exited;
    const outcome = await rollouts.recover(world.config(), attempt, never);
    expect(outcome).toMatchObject({ healthy: true, outcome: "succeeded", converged: true });
    expect(outcome?.convergenceMs).toBeGreaterThan(0);
    expect((await attemptsOf(world, attempt.runtimeRunId))["work"]).toBe("succeeded 1");
    expect(world.running()).toEqual([webCommand]);
    const runs = await world.store((store) => store.listRuns());
    expect(runs.map(({ context }) => context.runtimeRunId)).toEqual([attempt.runtimeRunId]);
  });
});

test("a controller that still holds the run without a right is fenced off, and writes nothing more", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", slowly()));
    const { child, said } = begunElsewhere(world.config(), attempt);
    try {
      await workDone(world, attempt);
      // It lives and its lease has not run out, but it does nothing.
      child.kill("SIGSTOP");
      const outcome = await rollouts.recover(world.config(), attempt, never);
      expect(outcome).toMatchObject({ healthy: true, outcome: "succeeded" });
      const before = await world.store((store) => store.listRuns());
      child.kill("SIGCONT");
      await child.exited;
      expect(JSON.parse(await said)).not.toMatchObject({ healthy: true });
      expect(await world.store((store) => store.listRuns())).toEqual(before);
      expect((await attemptsOf(world, attempt.runtimeRunId))["work"]).toBe("succeeded 1");
      expect(world.running()).toEqual([webCommand]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

test("a run that somebody of this very process still works in is not torn from him", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", slowly()));
    const begun = rollouts.begin(world.config(), attempt, never);
    await workDone(world, attempt);
    await expect(rollouts.recover(world.config(), attempt, never)).rejects.toMatchObject({
      code: "LEASE_HELD",
    });
    expect(await begun).toMatchObject({ healthy: true });
  });
});
