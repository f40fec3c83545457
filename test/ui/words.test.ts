/** What may be said from the live page, by whom, and that it is what the commands say: requests to the built binary. */
import { expect, test } from "bun:test";
import { bundle, sh } from "../e2e/bundle.ts";
import { inWorld, until } from "../e2e/world.ts";
import { serving } from "./served.ts";
import { waiting } from "./waiting.ts";

test("without --allow-control every method but GET and HEAD is refused, with it those without the page's word", async () => {
  await inWorld(async (world) => {
    const live = await waiting(world);
    const form = {
      tenant: "acme",
      repo: "shop",
      run: "r1",
      signal: "go-live",
      id: "x",
      answer: "approve",
      reason: "y",
    };
    await serving(world.root, [], async (ui) => {
      const cookie = await ui.enter();
      const own = { cookie, origin: ui.origin };
      expect((await ui.post("say/answer", form, own)).status).toBe(405);
      expect((await ui.get("", { cookie })).status).toBe(200);
      const page = await (await ui.get("runs/acme/shop/r1", { cookie })).text();
      expect(page).not.toContain('method="post"');
      expect(page).toContain("akc runtime signal r1 --name go-live --approve");
    });
    await serving(world.root, ["--allow-control"], async (ui) => {
      const cookie = await ui.enter();
      const own = { cookie, origin: ui.origin };
      const page = await (await ui.get("runs/acme/shop/r1", { cookie })).text();
      const word = /name="word_of_form" value="([\w-]{43})"/.exec(page)?.[1] ?? "";
      expect((await ui.post("say/answer", { ...form, word_of_form: word }, { cookie })).status).toBe(403);
      expect(
        (await ui.post("say/answer", { ...form, word_of_form: word }, { origin: ui.origin })).status,
      ).toBe(401);
      expect((await ui.post("say/answer", form, own)).status).toBe(400);
      expect((await ui.post("say/answer", { ...form, word_of_form: "guessed" }, own)).status).toBe(400);
      expect((await ui.post("say/answer", { ...form, word_of_form: word, run: "../r1" }, own)).status).toBe(
        400,
      );
      expect((await ui.post("say/answer", { ...form, word_of_form: word, run: "r2" }, own)).status).toBe(409);
      expect((await ui.post("", { ...form, word_of_form: word }, own)).status).toBe(405);
      expect(await world.standing("r1")).toBe("waiting");
      expect((await ui.post("say/answer", { ...form, word_of_form: word }, own)).status).toBe(303);
      await live.ended;
      expect(await world.standing("r1")).toBe("succeeded");
      await until("the word is told", () =>
        ui.words().includes("approve go-live of run r1 in acme/shop: done"),
      );
      const received = world.events("r1").find(({ type }) => type === "runtime.signal.received");
      expect(String(received?.payload["sender"])).toMatch(/.@./);
    });
  });
});

test("what is said to the autopilot is what the command says, and is kept with the sender", async () => {
  await inWorld(async (world) => {
    await world.start(bundle().step("only", sh("true")), "--runtime-run-id", "r1");
    await world.akc([
      "autopilot",
      "trigger",
      "--scope",
      "acme/shop",
      "--reason",
      "x",
      "--outputs-root",
      world.root,
    ]);
    await serving(world.root, ["--allow-control"], async (ui) => {
      const cookie = await ui.enter();
      const own = { cookie, origin: ui.origin };
      const page = await (await ui.get("autopilot", { cookie })).text();
      const word_of_form = /name="word_of_form" value="([\w-]{43})"/.exec(page)?.[1] ?? "";
      const form = { tenant: "acme", repo: "shop", word_of_form };
      const said = await ui.post("say/autopilot", { ...form, answer: "pause", reason: "--it <b>" }, own);
      expect(said.status).toBe(200);
      const refused = await ui.post("say/autopilot", { ...form, answer: "approve", reason: "x" }, own);
      expect([refused.status, await refused.text()]).toEqual([
        409,
        expect.stringContaining("AUTOPILOT_NOTHING_TO_SAY"),
      ]);
      expect((await ui.post("say/autopilot", { ...form, answer: "destroy", reason: "x" }, own)).status).toBe(
        400,
      );
      const gone = await ui.post("say/rollout", { ...form, rollout: "nothing", answer: "abort" }, own);
      expect(gone.status).toBe(409);
      expect(await (await ui.get("autopilot", { cookie })).text()).toContain("--it &#60;b&#62;");
    });
    const { report } = await world.ask("autopilot", "status");
    expect(report["items"]).toMatchObject([
      { phase: "paused", paused: { reason: "--it <b>", by: expect.stringMatching(/.@./) } },
    ]);
  });
});
