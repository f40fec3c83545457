/** A browser that looks at the live page of a world, and what it needs for that: for the tests that are about what a person sees. */
import { afterAll, beforeAll, expect } from "bun:test";
import type { World } from "../e2e/world.ts";
import { Chromium, chromiumPath, type Tab } from "./chromium.ts";
import { type Served, serveUi } from "./served.ts";

export const hasChromium = chromiumPath() !== undefined;
if (!hasChromium) console.warn("SKIPPED: no Chromium here; the live page is not looked at in a browser");

export type Look = (
  world: World,
  flags: readonly string[],
  work: (ui: Served, tab: Tab, browser: Chromium) => Promise<void>,
  options?: Parameters<Chromium["tab"]>[0],
) => Promise<void>;

/** One browser for the tests of a file. Whatever a page does, it complains of nothing and runs nothing that is not its own. */
export function createLook(): Look {
  let browser: Chromium;
  beforeAll(async () => {
    if (hasChromium) browser = await Chromium.start();
  }, 30_000);
  afterAll(async () => {
    if (hasChromium) await browser.close();
  });
  return async (world, flags, work, options = {}) => {
    const ui = await serveUi(world.root, ...flags);
    const tab = await browser.tab(options);
    try {
      await tab.open(ui.link);
      await work(ui, tab, browser);
      expect(tab.complaints).toEqual([]);
      expect(tab.dialogues).toBe(0);
    } finally {
      await tab.open("about:blank");
      await ui.close();
    }
  };
}

export const isLive = "document.querySelector('#pulse').textContent === 'live'";
