/** The built autopilot is stopped, cut off and asked to read anew in the middle of its work: nothing is begun twice. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundle, sh } from "../../e2e/bundle.ts";
import { deploying, standing } from "../../e2e/services.ts";
import { until } from "../../e2e/world.ts";
import { inKeptWorld, type KeptWorld, listening } from "./kept-world.ts";

const noBake = "rollout: {bake: 0s}";
/** One step that says that it was begun, and ends when it may. */
const waiting = bundle().step("work", sh("echo begun >>begun; while [ ! -e go ]; do sleep 0.02; done"));

test("SIGTERM lets the step under way end and gives the leases back; the next start goes on with that very run", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, workdir, autopilot } = await midRollout(world);
    // A second look at the configuration in between changes nothing of it, and SIGUSR1 tells how it stands.
    world.configure(noBake, "drain: 5");
    autopilot.kill("SIGHUP");
    const refused = await autopilot.line(({ event }) => event === "configuration_refused");
    expect(JSON.stringify(refused)).toContain("drain");
    const { report } = await world.akc(
      "autopilot",
      "status",
      "--listen",
      `unix:${world.world.root}/../s.sock`,
    );
    expect(String(report["reload_fault"])).toContain("drain");
    world.configure(noBake, listening, "parallel: 2");
    autopilot.kill("SIGHUP");
    await autopilot.line(({ event }) => event === "configuration_read");
    autopilot.kill("SIGUSR1");
    const dump = await autopilot.line(({ event }) => event === "state_dump");
    expect(JSON.stringify(dump)).toContain(attempt.attemptId);

    autopilot.kill("SIGTERM");
    await autopilot.line(({ event }) => event === "stopping");
    expect(leases(world)).toBe(1);
    await Bun.write(join(workdir, "go"), "");
    expect((await autopilot.ended).code).toBe(0);
    expect(leases(world)).toBe(0);

    const next = world.autopilot();
    const ended = await world.fact("attempt_ended");
    expect(ended).toMatchObject({ attemptId: attempt.attemptId, verdict: "kept", run: { exitCode: 0 } });
    await expectOneRun(world, attempt.runtimeRunId);
    expect(await Bun.file(join(workdir, "begun")).text()).toBe("begun\n");
    expect(await next.stop()).toBe(0);
  });
}, 60_000);

test("what a second SIGTERM cuts off is gone on with in the same run by the next start", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, workdir, autopilot } = await midRollout(world);
    autopilot.kill("SIGTERM");
    await autopilot.line(({ event }) => event === "stopping");
    autopilot.kill("SIGTERM");
    expect((await autopilot.ended).code).toBe(143);
    expect(await world.status()).toMatchObject({ phase: "deploying", attempt: { kind: "rollout" } });
    expect(leases(world)).toBe(0);
    await Bun.write(join(workdir, "go"), "");
    const next = world.autopilot();
    const ended = await world.fact("attempt_ended");
    expect(ended).toMatchObject({ attemptId: attempt.attemptId, verdict: "kept" });
    await expectOneRun(world, attempt.runtimeRunId);
    expect(await next.stop()).toBe(0);
  });
}, 60_000);

test("what does not end in the time for a stop is cut off, checkpointed, and gone on with", async () => {
  await inKeptWorld(async (world) => {
    const { attempt, workdir, autopilot } = await midRollout(world, "drain: 1s");
    autopilot.kill("SIGTERM");
    const cut = await autopilot.ended;
    expect([cut.code, cut.stderr]).toEqual([0, expect.stringMatching(/"by":"abort".*the time for a stop/)]);
    expect(await world.status()).toMatchObject({ phase: "deploying" });
    expect(leases(world)).toBe(0);
    await Bun.write(join(workdir, "go"), "");
    const next = world.autopilot();
    expect(await world.fact("attempt_ended")).toMatchObject({
      attemptId: attempt.attemptId,
      verdict: "kept",
    });
    await expectOneRun(world, attempt.runtimeRunId);
    expect(await next.stop()).toBe(0);
  });
}, 60_000);

test("a bake that a stop falls into is watched to its end by the next start", async () => {
  await inKeptWorld(async (world) => {
    await world.compile("run-1", deploying([standing("web", 1)]));
    world.configure("rollout: {bake: 2s, bake_look: 100ms}");
    const autopilot = world.autopilot();
    const { attemptId, bakeUntilMs } = await world.fact("attempt_deployed");
    expect(await autopilot.stop()).toBe(0);
    const next = world.autopilot();
    const isKept = (fact: { readonly attemptId: string; readonly verdict: string }) =>
      fact.attemptId === attemptId && fact.verdict === "kept";
    await world.fact("attempt_ended", (fact, { atMs }) => isKept(fact) && atMs >= bakeUntilMs);
    expect((await world.story()).filter((type) => type === "attempt_started")).toHaveLength(1);
    expect(await next.stop()).toBe(0);
  });
}, 60_000);

/** A rollout whose only step waits for a file. */
async function midRollout(world: KeptWorld, ...more: readonly string[]) {
  await world.compile("run-1", waiting);
  await world.world.write(
    ".akc/orchestration/run-1.orchestration.json",
    JSON.stringify(waiting.orchestration()),
  );
  world.configure(noBake, listening, ...more);
  const autopilot = world.autopilot();
  const { attempt } = await world.fact("attempt_started");
  const workdir = world.world.workdir(attempt.runtimeRunId);
  await until("the step is under way", () => existsSync(join(workdir, "begun")));
  return { attempt, workdir, autopilot };
}

/** The scope has one run, and it is this one. */
async function expectOneRun({ world }: KeptWorld, runtimeRunId: string): Promise<void> {
  expect(await world.status()).toMatchObject({ runtime_run_id: runtimeRunId });
}

/** That count now. */
function leases({ world }: KeptWorld): number {
  using db = new Database(join(world.root, ".akc/autopilot/state.sqlite3"), { readonly: true });
  db.run("PRAGMA busy_timeout = 5000");
  const [row] = db
    .query<{ held: number }, [number]>("SELECT count(*) AS held FROM lease WHERE expires_at_ms > ?")
    .all(Date.now());
  return row?.held ?? -1;
}
