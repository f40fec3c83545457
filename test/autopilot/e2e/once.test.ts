/** The built autopilot for some passes and then no more: what it answers, with which exit code, and what it refuses. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { deploying, standing } from "../../e2e/services.ts";
import { expectError } from "../../e2e/world.ts";
import { inKeptWorld } from "./kept-world.ts";

test("one pass does what is to be done and answers with a summary; a second finds nothing to do", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", deploying([standing("web", 1)]));
    world.configure("rollout: {bake: 0s}");
    const did = await world.autopilot("--once").ended;
    expect(did.code).toBe(0);
    expect(did.report).toMatchObject({
      kind: "AutopilotSummary",
      ended_by: "iterations",
      scopes: [
        {
          tenant_id: "acme",
          repo_id: "shop",
          mode: "enforce",
          visits: 1,
          deployed_bundle_sha256: one.sha256,
          sighting: "standing",
          open_triggers: 0,
          escalated: null,
          error_code: null,
        },
      ],
    });
    await world.expectRunning(["sleep 70001"]);
    const story = await world.story();
    const again = await world.autopilot("--max-iterations", "3").ended;
    expect(again.report).toMatchObject({
      scopes: [{ visits: 3, next: "nothing", why: "all stands as it should" }],
    });
    expect(await world.story()).toEqual(story);
  });
}, 60_000);

test("an outputs root that is not there is made, and no scope is said to be there, on both channels", async () => {
  await inKeptWorld(async (world) => {
    const root = join(world.world.side, "nowhere");
    world.configure(`outputs_root: ${root}`, "scopes: {discover: true}");
    const { code, report, stderr } = await world.autopilot("--once").ended;
    expect([code, report["scopes"]]).toEqual([0, []]);
    expect(stderr).toContain("no scope is watched: `--check` shows which ones are found;");
    expect(existsSync(root)).toBe(true);
  });
}, 60_000);

test("what is not valid is refused with exit code 2 before anything is begun, every fault with its place", async () => {
  await inKeptWorld(async (world) => {
    const path = world.configure("interval: soon", "modes: enforce", "parallel: 0");
    const asked = await world.akcAlone("runtime", "autopilot", "--config", path, "--once");
    const said = expectError(asked, "AUTOPILOT_CONFIG_INVALID", 2);
    for (const word of ["interval", "modes", "parallel"]) expect(JSON.stringify(said)).toContain(word);
    expect(asked.stderr).toContain("first at line 6, column 11");
    world.configure();
    expectError(await world.akcAlone("runtime", "autopilot", "--onec"), "USAGE", 2);
    const flags = ["--config", path, "--repo-id", "mill", "--tenant-id", "../etc", "--once"];
    expectError(await world.akcAlone("runtime", "autopilot", ...flags), "AUTOPILOT_CONFIG_INVALID", 2);
    expect(existsSync(join(world.world.root, ".akc"))).toBe(false);
  });
}, 60_000);

test("an outputs root that is a file ends it with exit code 2 and a hint, and a scope that fails is told in the summary", async () => {
  await inKeptWorld(async (world) => {
    const file = join(world.world.side, "file");
    await Bun.write(file, "");
    const path = world.configure();
    const refused = await world.akcAlone(
      "runtime",
      "autopilot",
      ...["--config", path, "--outputs-root", file, "--once"],
    );
    expectError(refused, "STORE_UNWRITABLE", 2);
    world.configure(`bundle: ${join(world.world.side, "gone.json")}`);
    const { code, report } = await world.autopilot("--once").ended;
    expect(code).toBe(0);
    expect(report).toMatchObject({ scopes: [{ visits: 1, error_code: "FILE_NOT_FOUND" }] });
  });
}, 60_000);
