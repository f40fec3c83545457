/** All parts together, with real runs, real processes and real time: a life of one scope from its first rollout on. */
import { expect, test } from "bun:test";
import { openAutopilot } from "../../src/autopilot/assemble.ts";
import { readHistory } from "../../src/autopilot/chronicle/history-file.ts";
import type { AutopilotConfig } from "../../src/autopilot/config/model.ts";
import type { AttemptVerdict, Fact } from "../../src/autopilot/model.ts";
import { deploying, standing } from "../e2e/services.ts";
import { until } from "../e2e/world.ts";
import { host, inScope, type ScopeWorld } from "./scope-world.ts";

const web = (version: number) => `sleep ${70_000 + version}`;

function configOf(world: ScopeWorld): AutopilotConfig {
  const { scope: _scope, scopeRoot: _root, ...scoped } = world.config();
  return {
    outputsRoot: world.outputsRoot,
    controllerId: "ctl",
    profile: "off",
    environment: "dev",
    lease: { backend: "sqlite", ttlMs: 3_000, replicas: 1 },
    discovery: { kind: "one", scope: { tenantId: "acme", repoId: "shop" } },
    defaults: {
      ...scoped,
      intervalMs: 300,
      budgets: { ...scoped.budgets, cooldownAfterFailureMs: 100, consecutiveFailures: 3 },
      rollout: { ...scoped.rollout, bakeMs: 400, bakeLookMs: 100 },
      triggers: { ...scoped.triggers, runtimeEvents: false, intent: false },
    },
    scopes: new Map(),
    parallelMax: 2,
    telemetry: { mirrors: { stdout: false, httpTimeoutMs: 1_000 } },
    retention: { entriesMs: 86_400_000, decisionFilesMax: 100, historyBytesMax: 1_000_000 },
    drainMs: 10_000,
  };
}

test("a scope is rolled out, kept, repaired when somebody ends its service, and gets the next bundle", async () => {
  await inScope(async (world) => {
    const shop = { tenantId: "acme", repoId: "shop" };
    const config = configOf(world);
    const first = await world.place("run-1", deploying([standing("web", 1)]));
    const { controller, store, close } = await openAutopilot(config, {
      ...host,
      readConfig: async () => config,
    });
    const ended = controller.run();
    const facts = async (): Promise<readonly Fact[]> =>
      (await store.entries(shop, 0, 1_000)).map(({ fact }) => fact);
    const verdicts = async (): Promise<readonly AttemptVerdict[]> =>
      (await facts()).flatMap((fact) => (fact.type === "attempt_ended" ? [fact.verdict] : []));
    const stateOf = () => controller.status().scopes[0]?.state;
    try {
      await until(
        "the first is kept",
        () => stateOf()?.deployed?.bundleSha256 === first.bundleSha256,
        20_000,
      );
      expect(world.running()).toEqual([web(1)]);
      await world.kill(web(1));
      await until("it is repaired", async () => (await verdicts()).length === 2, 20_000);
      expect(world.running()).toEqual([web(1)]);
      expect(await verdicts()).toEqual(["kept", "kept"]);
      const second = await world.place("run-2", deploying([standing("web", 2)]));
      await until(
        "the second is kept",
        () => stateOf()?.deployed?.bundleSha256 === second.bundleSha256,
        20_000,
      );
      expect(world.running()).toEqual([web(2)]);
      const version = await store.version();
      await Bun.sleep(1_200);
      expect(await store.version()).toBe(version);
    } finally {
      await controller.drain("the test is over");
      await ended;
    }
    const { rows, unreadable } = await readHistory(`${world.scopeRoot}/.akc/autopilot`);
    expect(unreadable).toBe(0);
    expect(rows.map(({ runtime_terminal_status }) => runtime_terminal_status)).toEqual([
      "succeeded",
      "succeeded",
    ]);
    expect(await store.verify()).toEqual([]);
    await close();
    // Given back: the next one has it at once.
    const next = await openAutopilot(
      { ...config, iterationsMax: 1 },
      { ...host, readConfig: async () => config },
    );
    expect(await next.controller.run()).toMatchObject({ by: "iterations" });
    expect(next.controller.status().scopes[0]).toMatchObject({ visits: 1, next: { do: "nothing" } });
    await next.close();
  });
}, 90_000);
