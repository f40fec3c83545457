/** Runs of many steps in a real headless Chromium: they open, are paged, and their drawings change in place. Skipped where there is none. */
import { describe, expect, test } from "bun:test";
import { writeNoopBundle } from "../../scripts/bench/noop-bundle.ts";
import { bundle, noop } from "../e2e/bundle.ts";
import { inWorld } from "../e2e/world.ts";
import { createLook, hasChromium, isLive } from "./looking.ts";
import { waiting } from "./waiting.ts";

const looking = createLook();

describe.skipIf(!hasChromium)("in a browser", () => {
  test("a drawing of many steps changes in place, and leads to their pages", async () => {
    await inWorld(async (world) => {
      let run = bundle().step("gate", { route: "wait", wait: { signal: "go" } });
      for (let at = 0; at < 300; at += 1) run = run.step(`s${at}`, noop, "gate");
      const live = await waiting(world, run);
      await looking(world, [], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
        await tab.until(isLive);
        await tab.isTrue(
          "(window.drawn = 0, window.canvas = document.querySelector('#graph'), document.addEventListener('picture', () => { window.drawn += 1; }), true)",
        );
        await world.akc(["runtime", "signal", "r1", "--name", "go", "--outputs-root", world.root]);
        await live.ended;
        const stands = "new Set(JSON.parse(document.querySelector('#picture-data').textContent).stands)";
        await tab.until(`window.drawn > 0 && ${stands}.size === 1`);
        expect(await tab.isTrue("window.canvas === document.querySelector('#graph')")).toBe(true);
        await tab.isTrue("(window.canvas.focus(), true)");
        await tab.press("n", "KeyN");
        await tab.leave(() => tab.press("Enter"));
        expect(await tab.text("location.pathname.split('/').at(-1) + location.search")).toBe("step?at=0");
        expect(tab.statuses.at(-1)).toBe(200);
      });
    });
  });

  test("a run of ten thousand steps opens, is paged, and is drawn", async () => {
    await inWorld(async (world) => {
      const path = await writeNoopBundle(world.root, { steps: 10_000, width: 100 });
      const { code } = await world.akc([
        "runtime",
        "start",
        "--bundle",
        path,
        "--outputs-root",
        world.root,
        "--mode",
        "simulate",
        "--runtime-run-id",
        "many",
      ]);
      expect(code).toBe(0);
      await looking(world, [], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/bench/bench/many`);
        expect(await tab.text("document.querySelector('.standing').textContent")).toContain("10\u00a0000");
        await tab.until("document.querySelector('canvas#graph').width > 600");
        expect(await tab.number("document.querySelectorAll('*').length")).toBeLessThan(2_000);
        expect((await tab.shown()).length).toBeLessThan(4 * 1024 * 1024);
        await tab.open(`${ui.origin}${ui.base}runs/bench/bench/many/steps?page=100`);
        expect(await tab.number("document.querySelectorAll('tbody tr').length")).toBe(100);
        expect(await tab.text("document.querySelector('.pager').textContent")).toContain(
          "9\u00a0901 to 10\u00a0000 of 10\u00a0000",
        );
        await tab.open(`${ui.origin}${ui.base}runs/bench/bench/many/events`);
        expect(await tab.number("document.querySelectorAll('tbody tr').length")).toBe(100);
        await tab.open(`${ui.origin}${ui.base}runs/bench/bench/many/step?at=5000`);
        expect(await tab.text("document.querySelector('h1').textContent")).toBe("s005000");
      });
    });
  });
});
