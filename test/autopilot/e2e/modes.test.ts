/** What the built autopilot may do in a scope: look, plan and wait for a person, or do it; and a person's pause. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { deploying, standing } from "../../e2e/services.ts";
import { inKeptWorld, listening } from "./kept-world.ts";

const first = "sleep 70001";
const second = "sleep 70002";
const version = (number: number) => deploying([standing("web", number)]);
const noBake = "rollout: {bake: 0s}";

test("in mode observe drift and a new bundle are seen and written down, and nothing is changed", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    world.configure("mode: observe", noBake, listening);
    const autopilot = world.autopilot();
    await world.fact("adopted");
    await world.kill(first);
    await world.fact("triggered", ({ trigger }) => trigger.kind === "drift");
    const two = await world.compile("run-2", version(2));
    await world.fact("offered", ({ offer }) => offer.bundleSha256 === two.sha256);
    await world.visitedAgain(3);
    await world.expectRunning([]);
    expect(await world.status()).toMatchObject({
      mode: "observe",
      candidate: { bundle_sha256: two.sha256 },
      open_triggers: 1,
      next: { do: "hold", why: "observing" },
    });
    expect((await world.story()).filter((type) => /attempt|recompile|proposed/.test(type))).toEqual([]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("in mode propose a plan is written and waits; approve of it carries it out, of another bundle it is refused", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    world.configure("mode: propose", noBake, listening);
    const autopilot = world.autopilot();
    const proposed = await world.fact("proposed");
    expect(proposed).toMatchObject({ kind: "rollout", bundleSha256: one.sha256 });
    const waiting = await world.phase("proposed");
    expect(waiting).toMatchObject({ proposal: { bundle_sha256: one.sha256 }, attempt: null });
    expect(String(waiting["way_out"])).toContain("akc autopilot approve --scope acme/shop");
    await world.visitedAgain(3);
    await world.expectRunning([]);
    const plan = await world.read(`${world.world.scope}/${proposed.planPath}`);
    expect(JSON.stringify(plan)).toContain(one.sha256);

    const refused = await world.say("approve", "--bundle", "f".repeat(64));
    expect([refused.code, refused.report["code"]]).toEqual([5, "AUTOPILOT_NOT_PROPOSED"]);
    expect((await world.story()).filter((type) => type === "word")).toEqual([]);
    expect((await world.say("approve", "--bundle", one.sha256.slice(0, 12))).code).toBe(0);
    expect(await world.fact("attempt_ended")).toMatchObject({ verdict: "kept" });
    await world.expectRunning([first]);

    // Drift waits for a person as well, and what is denied stays away until somebody says ack.
    await world.kill(first);
    await world.fact("proposed", ({ kind }) => kind === "repair");
    expect((await world.say("approve")).code).toBe(0);
    await world.expectRunning([first]);
    await world.fact("triggers_settled", ({ by }) => by === "repair");
    const two = await world.compile("run-2", version(2));
    await world.fact("proposed", ({ bundleSha256 }) => bundleSha256 === two.sha256);
    expect((await world.say("deny")).report["items"]).toMatchObject([{ status: "denied" }]);
    expect(await world.phase("deployed")).toMatchObject({ rejected: [two.sha256], proposal: null });
    await world.visitedAgain(2);
    await world.expectRunning([first]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("a paused scope is looked at and left alone until somebody says resume, by whom and why is kept", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    world.configure(noBake, listening);
    const autopilot = world.autopilot();
    await world.fact("adopted");
    expect((await world.say("pause")).report["items"]).toMatchObject([{ status: "paused" }]);
    await world.kill(first);
    await world.compile("run-2", version(2));
    await world.visitedAgain(3);
    expect(await world.status()).toMatchObject({
      phase: "paused",
      paused: { by: expect.stringMatching(/@/), reason: "pause by a test" },
      next: { do: "hold", why: "paused" },
    });
    await world.expectRunning([]);
    // Said again it changes nothing.
    expect((await world.say("pause")).report["items"]).toMatchObject([{ status: "already_paused" }]);
    expect((await world.say("resume")).code).toBe(0);
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([second]);
    expect((await world.story()).filter((type) => type === "word")).toHaveLength(2);
    expect(await autopilot.stop()).toBe(0);
    expect(existsSync(`${world.world.scope}/.akc/autopilot`)).toBe(true);
  });
}, 60_000);
