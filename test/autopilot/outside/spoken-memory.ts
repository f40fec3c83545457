/** A memory with one scope in it, new for each test, and what commands say to it. */
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AutopilotStore, Fence } from "../../../src/autopilot/contract.ts";
import type { Fact } from "../../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { akc } from "./command-world.ts";
import { shop } from "./fake-controller.ts";

export const bundle = "ab".repeat(32);

export const proposed: Fact = {
  type: "proposed",
  attemptId: "a1",
  kind: "rollout",
  bundleSha256: bundle,
  summary: "one service changes",
};
export const escalated: Fact = {
  type: "escalated",
  reason: "consecutive_failures",
  message: "two rollouts failed",
};

/** Of the test that runs. */
export interface SpokenMemory {
  readonly root: string;
  readonly store: AutopilotStore;
  readonly fence: Fence;
}

/** To be called once in a file, outside of its tests. */
export function memoryOfEach() {
  let now: SpokenMemory | undefined;
  const memory = (): SpokenMemory => {
    if (now === undefined) throw new Error("no test runs");
    return now;
  };
  beforeEach(async () => {
    const root = mkdtempSync(join(tmpdir(), "akc-words-"));
    const store = await openAutopilotStore(root);
    now = { root, store, fence: await store.raiseFence(shop, "ctl@host:1:aa", Date.now()) };
  });
  afterEach(async () => {
    const { root, store } = memory();
    await store.close();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    memory,
    happen(...facts: readonly Fact[]) {
      const { store, fence } = memory();
      return store.append(shop, facts, fence, { nowMs: Date.now() });
    },
    say: (word: string, ...more: readonly string[]) =>
      akc([
        ...["autopilot", word, "--scope", "acme/shop", "--outputs-root", memory().root],
        ...["--reason", "because", ...more],
      ]),
  };
}
