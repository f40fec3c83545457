/** What the live page tells of a run's events: requests to the built binary. */
import { expect, test } from "bun:test";
import { bundle, sh } from "../e2e/bundle.ts";
import { inWorld } from "../e2e/world.ts";
import { serving } from "./served.ts";

test("every event of a step is called by the step, also those that hold the whole action", async () => {
  await inWorld(async (world) => {
    await world.start(bundle().step("only", sh("true")), "--runtime-run-id", "r1");
    await serving(world.root, [], async (ui) => {
      const page = await (await ui.get("runs/acme/shop/r1/events", { cookie: await ui.enter() })).text();
      const called = [...page.matchAll(/step\?id=[^"]*">([^<]*)<\/a>/g)].map(([, name]) => name);
      expect(called.length).toBeGreaterThan(1);
      expect(new Set(called)).toEqual(new Set(["only"]));
    });
  });
});
