/** A scope with a recompile hook: a real script in a folder of its own, asked by a real recompiler, and what is left of it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RecompileConfig } from "../../src/autopilot/config/model.ts";
import type { Deployed, Trigger } from "../../src/autopilot/model.ts";
import type { RecompileAnswer } from "../../src/autopilot/recompile/contract.ts";
import { createRecompiler, type RecompilerDeps } from "../../src/autopilot/recompile/recompiler.ts";
import { plainEnv } from "../e2e/akc.ts";
import { processesBelow } from "../e2e/world.ts";
import { inScopes, never, type ScopeWorld } from "./scope-world.ts";

export const drifted: Trigger = {
  id: "01890000-0000-7000-8000-000000000001",
  kind: "drift",
  severity: "high",
  key: "drift:x",
  reason: "web is missing",
  atMs: 1,
  details: { resources: ["web"] },
};

export interface HookWorld {
  readonly world: ScopeWorld;
  /** Another scope of the same outputs root. */
  readonly other: ScopeWorld;
  /** The operator's folder with the hook, outside of the outputs root. */
  readonly hooks: string;
  /** Asks a hook that is this shell script. */
  ask(script: string, more?: Partial<CommandHook>, asked?: Asking): Promise<RecompileAnswer>;
  askBy(hook: RecompileConfig, asked?: Asking): Promise<RecompileAnswer>;
  readonly env: Record<string, string>;
  /** What runs anywhere below the scope or the hooks' folder. */
  running(): readonly string[];
  read(path: string): string | undefined;
}

type CommandHook = Extract<RecompileConfig, { readonly kind: "command" }>;

export interface Asking {
  readonly signal?: AbortSignal;
  readonly deployed?: Deployed;
  readonly triggers?: readonly Trigger[];
  readonly deps?: Partial<RecompilerDeps>;
  readonly pluginsDirs?: readonly string[];
  readonly policyPath?: string;
}

export async function withHook(work: (hooked: HookWorld) => Promise<void>): Promise<void> {
  await inScopes(["acme/shop", "acme/mill"], async ([world, other]) => {
    if (world === undefined || other === undefined) throw new Error("no scopes");
    const hooks = join(world.outputsRoot, "../hooks");
    mkdirSync(hooks);
    const env: Record<string, string> = { ...plainEnv, HOME: hooks };
    const { outputsRoot } = world;
    const askBy = async (recompile: RecompileConfig, asked: Asking = {}) => {
      const recompiler = createRecompiler({ env, outputsRoot, ...asked.deps });
      const scope = world.config({
        recompile,
        pluginsDirs: asked.pluginsDirs ?? [],
        ...(asked.policyPath === undefined ? {} : { policyPath: asked.policyPath }),
      });
      try {
        return await recompiler.recompile(
          { scope, attemptId: "r1", triggers: asked.triggers ?? [drifted], deployed: asked.deployed },
          asked.signal ?? never,
        );
      } finally {
        await recompiler.close();
      }
    };
    await work({
      world,
      other,
      hooks,
      env,
      askBy,
      ask: (script, more = {}, asked = {}) => askBy(commandHook(hooks, script, more), asked),
      running: () =>
        [hooks, world.scopeRoot].flatMap((folder) => processesBelow(folder)).map(({ shown }) => shown),
      read: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
    });
  });
}

export function commandHook(hooks: string, script: string, more: Partial<CommandHook> = {}): CommandHook {
  const path = join(hooks, "recompile.sh");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return {
    kind: "command",
    argv: [path],
    env: [],
    write: [],
    read: [],
    network: false,
    timeoutMs: 20_000,
    outputBytesMax: 64 * 1024,
    ...more,
  };
}
