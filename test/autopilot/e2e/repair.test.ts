/** The built autopilot keeps standing what should stand, and writes nothing while it does. */
import { expect, test } from "bun:test";
import { deploying, standing } from "../../e2e/services.ts";
import { inKeptWorld, listening } from "./kept-world.ts";

const web = "sleep 70001";
const db = "sleep 70002";

test("a service that dies is brought back, judged by the run that did it, and nothing is written while all stands", async () => {
  await inKeptWorld(async (world) => {
    const { path } = await world.compile("run-1", deploying([standing("web", 1), standing("db", 2)]));
    const { report } = await world.start(path);
    await world.expectRunning([web, db]);
    world.configure("rollout: {bake: 300ms, bake_look: 100ms}", listening);
    const autopilot = world.autopilot();
    expect((await world.fact("adopted")).deployed.runtimeRunId).toBe(String(report["runtime_run_id"]));

    const survivor = world.pidOf(db);
    await world.kill(web);
    const { trigger } = await world.fact("triggered", (fact) => fact.trigger.kind === "drift");
    expect(trigger).toMatchObject({ severity: "high", details: { resources: [{ what: "unhealthy" }] } });
    const { attempt, answers } = await world.fact("attempt_started");
    expect(attempt).toMatchObject({
      kind: "repair",
      runtimeRunId: report["runtime_run_id"],
      triggerIds: [trigger.id],
    });
    expect(answers.every(({ verdict }) => verdict === "open" || verdict === "skipped")).toBe(true);
    const { verdict, run } = await world.fact("attempt_ended");
    expect(verdict).toBe("kept");
    expect(run).toMatchObject({ healthy: true, converged: true, exitCode: 0, rollbacks: 0 });
    await world.expectRunning([web, db]);
    expect(world.pidOf(db)).toBe(survivor);

    const settled = await world.story();
    expect(settled).toEqual([
      "adopted",
      "offered",
      "triggered",
      "attempt_started",
      "attempt_deployed",
      "attempt_ended",
      "triggers_settled",
    ]);
    await world.visitedAgain(5);
    expect(await world.story()).toEqual(settled);
    expect(await world.status()).toMatchObject({ phase: "deployed", open_triggers: 0, attempt: null });
    expect(await autopilot.stop()).toBe(0);
    await world.expectRunning([web, db]);
  });
}, 60_000);
