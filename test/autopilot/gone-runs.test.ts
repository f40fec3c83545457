/** How far a run was read is remembered for as long as the run may come back, and not for ever. */
import { expect, test } from "bun:test";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { createTriggerSources } from "../../src/autopilot/triggers/sources.ts";
import { limits } from "../../src/limits.ts";
import { startRun } from "../../src/run/start.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { systemIds } from "../../src/system/ids.ts";
import { bundle, sh } from "../e2e/bundle.ts";
import { host, inScope, never } from "./scope-world.ts";

test("the cursor of a run that is gone is forgotten after a day, and no other", async () => {
  await inScope(async (world) => {
    const config = world.config();
    const store = await openAutopilotStore(world.outputsRoot);
    const fence = await store.raiseFence(config.scope, "test", Date.now());
    let aheadMs = 0;
    const sources = createTriggerSources({
      clock: { ...host.clock, monotonicMs: () => performance.now() + aheadMs },
      ids: systemIds,
      store,
      config: () => ({ profile: "living_loop_v1" }),
    });
    const visit = async () => {
      const before = await store.cursors(config.scope);
      const state = await store.state(config.scope);
      const { cursors, goneRuns = [] } = await sources.collect(config, state, before, never);
      await store.append(config.scope, [], fence, { nowMs: Date.now(), cursors, goneRuns });
      const names = (await store.cursors(config.scope)).map(({ runtimeRunId }) => runtimeRunId);
      return names.toSorted();
    };
    const run = async (runtimeRunId: string) => {
      const { bundlePath } = await world.place(`run-${runtimeRunId}`, bundle().started("work", sh("true")));
      const { outputsRoot } = world;
      await startRun(
        { bundlePath, outputsRoot, mode: "enforce", adapter: "auto", runtimeRunId, signal: never },
        host,
      );
    };
    try {
      await visit();
      await run("one");
      await run("two");
      expect(await visit()).toEqual(["*runs", "one", "two"]);
      await world.store((runs) => runs.deleteRun("one", thisProcess(), Date.now()));
      expect(await visit()).toEqual(["*runs", "one", "two"]);
      aheadMs = limits.autopilotGoneRunMs - 60_000;
      expect(await visit()).toEqual(["*runs", "one", "two"]);
      aheadMs = limits.autopilotGoneRunMs;
      expect(await visit()).toEqual(["*runs", "two"]);
    } finally {
      await store.close();
    }
  });
}, 20_000);
