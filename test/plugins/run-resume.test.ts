/** A run by a plugin whose akc was killed goes on: the plugin is asked first, and it is the same plugin or the run is refused. */
import { expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { type ResumeRunInput, resumeRun } from "../../src/run/resume.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";
import { plainEnv } from "../e2e/akc.ts";
import type { BundleBuilder } from "../e2e/bundle.ts";
import { filesBelow, inWorld, until, type World } from "../e2e/world.ts";
import { eventsIn, Plugins, results, steps } from "./run-world.ts";

test("after a kill the plugin is asked what became of the attempt, and what ended is not done again", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const id = await killedRun(
      world,
      plugins,
      steps({ a: { worker: { do: "finish-then-hang" } }, b: {} }),
      "ended-",
    );
    const report = await resumed(world, { runtimeRunId: id });
    expect(report.outcome).toBe("succeeded");
    expect(results({ events: eventsIn(join(world.runFolder(id), "events.json")) })).toMatchObject([
      { outputs: { recovered: true, adapter_id: "worker" } },
      { outputs: { said: {} } },
    ]);
    expect(logOf(world, id)).toEqual(["execute finish-then-hang 1", "recover 2", "execute echo 1"]);
  });
});

test("a run goes on only with the plugin that it was started with, unless somebody accepts another", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const id = await killedRun(
      world,
      plugins,
      steps({ a: { worker: { do: "finish-then-hang" } } }),
      "ended-",
    );
    appendFileSync(join(plugins.folder, "worker/worker.py"), "# another\n");
    const refused = await resumed(world, { runtimeRunId: id }).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(AkcError);
    const { code, details } = refused instanceof AkcError ? refused : { code: "", details: {} };
    expect(code).toBe("RUN_CHANGED");
    expect(details).toMatchObject({
      expected_plugin_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      found_plugin_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const report = await resumed(world, { runtimeRunId: id, acceptPluginChange: true });
    expect(report.outcome).toBe("succeeded");
  });
});

function resumed(world: World, input: Pick<ResumeRunInput, "runtimeRunId" | "acceptPluginChange">) {
  const signal = new AbortController().signal;
  const env = { ...plainEnv, HOME: world.side };
  return resumeRun({ scopeRoot: world.scope, signal, ...input }, { clock: systemClock, ids: systemIds, env });
}

/** Killed as soon as a file of this name is there; its id. */
async function killedRun(
  world: World,
  plugins: Plugins,
  given: BundleBuilder,
  name: string,
): Promise<string> {
  const { child, ended } = await plugins.begin("worker", given);
  await until(`${name} is there`, () => filesBelow(world.scope).some((path) => path.includes(`/${name}`)));
  child.kill("SIGKILL");
  await ended;
  await until("nothing of it runs", () => world.processes().length === 0);
  return String((await world.status())["runtime_run_id"]);
}

function logOf(world: World, id: string): readonly string[] {
  return readFileSync(join(world.workdir(id), "worker.log"), "utf8")
    .trimEnd()
    .split("\n");
}
