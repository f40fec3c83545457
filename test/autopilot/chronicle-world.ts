/** A scope with the real memory of the autopilot and its chronicle, on a disk of its own. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type ChronicleDeps, createChronicle } from "../../src/autopilot/chronicle/chronicle.ts";
import type { ScopeConfig, SloDefinition } from "../../src/autopilot/config/model.ts";
import type { AutopilotStore, Fence, Telling } from "../../src/autopilot/contract.ts";
import type { Fact } from "../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import type { Clock } from "../../src/system/clock.ts";
import { holder, scope } from "./made-entries.ts";
import { someDefaults } from "./outside/config.ts";

export interface World {
  readonly root: string;
  /** `<scope>/.akc/autopilot` */
  readonly folder: string;
  readonly config: ScopeConfig;
  readonly store: AutopilotStore;
  readonly told: Telling[];
  readonly clock: Clock & { atMs: number };
  fence: Fence;
  /** Commits facts, without their files. */
  commit(atMs: number, ...facts: readonly Fact[]): Promise<void>;
  /** What the controller calls after a commit. */
  record(chronicle: ReturnType<typeof createChronicle>): Promise<void>;
  chronicle(more?: Partial<ReturnType<ChronicleDeps["retention"]>>): ReturnType<typeof createChronicle>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function world(
  more: {
    readonly windowMs?: number;
    readonly slos?: readonly SloDefinition[];
    readonly scopeRoot?: string;
  } = {},
): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), "akc-chronicle-"));
  const scopeRoot = more.scopeRoot ?? join(root, scope.tenantId, scope.repoId);
  const store = await openAutopilotStore(root);
  const clock = { atMs: 1, nowMs: () => clock.atMs, monotonicMs: () => clock.atMs, sleep: async () => {} };
  const told: Telling[] = [];
  const config: ScopeConfig = {
    ...someDefaults.defaults,
    scope,
    scopeRoot,
    score: { windowMs: more.windowMs ?? 86_400_000, slos: more.slos ?? [] },
  };
  const made: World = {
    root,
    folder: join(scopeRoot, ".akc/autopilot"),
    config,
    store,
    told,
    clock,
    fence: await store.raiseFence(scope, holder, 1),
    async commit(atMs, ...facts) {
      await store.append(scope, facts, made.fence, { nowMs: atMs });
    },
    async record(chronicle) {
      await chronicle.record(config, [], await store.state(scope));
    },
    chronicle: (retention = {}) =>
      createChronicle({
        store,
        retention: () => ({ decisionFilesMax: 1_000, historyBytesMax: 1_000_000, ...retention }),
        lease: () => ({ backend: "sqlite" }),
        leaseNameOf: () => "35a46b7e02ab3d7f5c23",
        tell: (one) => told.push(one),
        clock,
      }),
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
  return made;
}

/** Every file below, by its path, the bookmark and the lock aside. */
export function filesBelow(folder: string): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  const walk = (path: string) => {
    for (const name of readdirSync(path).sort()) {
      const at = join(path, name);
      if (statSync(at).isDirectory()) walk(at);
      else if (!name.startsWith("chronicle.")) files[relative(folder, at)] = readFileSync(at, "utf8");
    }
  };
  walk(folder);
  return files;
}
