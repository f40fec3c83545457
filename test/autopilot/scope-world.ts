/**
 * A scope on disk with bundles of the kind that a compiler leaves, its configuration, and the services that run in it; all in this
 * process. For tests of gates, attempts, offers and sentries; leaving it takes every service down.
 */

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import { emptyState } from "../../src/autopilot/machine.ts";
import type { Attempt, Offer, ScopeState } from "../../src/autopilot/model.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import type { RunHost } from "../../src/run/ready.ts";
import type { RunReader, Store } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";
import type { BundleBuilder } from "../e2e/bundle.ts";
import { changing } from "../e2e/services.ts";
import { processesBelow, until } from "../e2e/world.ts";
import { someDefaults } from "./outside/config.ts";

export const host: RunHost = { clock: systemClock, ids: systemIds, env: changing };
export const never = new AbortController().signal;

/** A bundle that lies in the scope. */
export interface Placed extends Offer {
  readonly manifestPath: string;
}

export interface ScopeWorld {
  readonly outputsRoot: string;
  readonly scopeRoot: string;
  /** What the scope goes by, with this over it. */
  config(more?: Partial<ScopeConfig>): ScopeConfig;
  /** Writes the bundle of the compile run `runId`, and its manifest with these members of the control plane. */
  place(runId: string, bundle: BundleBuilder, plane?: object): Promise<Placed>;
  write(path: string, content: string): Promise<string>;
  attempt(offer: Offer, more?: Partial<Attempt>): Attempt;
  store<T>(work: (store: Store) => Promise<T>): Promise<T>;
  /** The actions of a run, as they stand. */
  actions(runtimeRunId: string): ReturnType<RunReader["actions"]>;
  /** Command lines of the services that run. */
  running(): readonly string[];
  /** Ends the service with this command line as somebody else would. */
  kill(command: string): Promise<void>;
}

export async function inScope(work: (world: ScopeWorld) => Promise<void>): Promise<void> {
  await inScopes(["acme/shop"], ([world]) => (world === undefined ? Promise.resolve() : work(world)));
}

/** Several scopes of one outputs root. */
export async function inScopes(
  names: readonly string[],
  work: (worlds: readonly ScopeWorld[]) => Promise<void>,
): Promise<void> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "akc-scope-")));
  try {
    await work(names.map((name) => worldOf(join(base, "out"), name)));
  } finally {
    for (const { pid } of services(base)) end(pid);
    await until("no service is left", () => services(base).length === 0, 5_000);
    rmSync(base, { recursive: true, force: true });
  }
}

function worldOf(outputsRoot: string, name: string): ScopeWorld {
  const [tenantId = "", repoId = ""] = name.split("/");
  const scopeRoot = join(outputsRoot, tenantId, repoId);
  mkdirSync(scopeRoot, { recursive: true });
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(scopeRoot, path)), { recursive: true });
    await writeFile(join(scopeRoot, path), content);
    return join(scopeRoot, path);
  };
  const store: ScopeWorld["store"] = async (ask) => {
    const opened = await openStore(scopeRoot, { create: false });
    try {
      return await ask(opened);
    } finally {
      await opened.close();
    }
  };
  const found = () => services(scopeRoot).filter(({ shown }) => shown !== "");
  return {
    outputsRoot,
    scopeRoot,
    config: (more = {}) => ({ ...configOf(scopeRoot, { tenantId, repoId }), ...more }),
    async place(runId, builder, plane = {}) {
      const ids = { tenant_id: tenantId, repo_id: repoId, run_id: runId };
      const document = { ...builder.document(), ...ids };
      const bundlePath = await write(`.akc/runtime/${runId}.runtime_bundle.json`, JSON.stringify(document));
      const manifest = { schema_kind: "run_manifest", manifest_version: 1, ...ids, control_plane: plane };
      const manifestPath = await write(`.akc/run/${runId}.manifest.json`, JSON.stringify(manifest));
      const bundleSha256 = fingerprint(fromPlain(document));
      return { bundlePath, bundleSha256, runId, manifestPath, source: "manifest" };
    },
    write,
    attempt: ({ bundlePath, bundleSha256 }, more = {}) => ({
      attemptId: Bun.randomUUIDv7(),
      kind: "rollout",
      bundlePath,
      bundleSha256,
      runtimeRunId: Bun.randomUUIDv7(),
      triggerIds: [],
      ...more,
    }),
    store,
    actions: (runtimeRunId) =>
      store(async (opened) => {
        const reader = await opened.openRun(runtimeRunId);
        try {
          return await reader.actions();
        } finally {
          await reader.close();
        }
      }),
    running: () =>
      found()
        .map(({ shown }) => shown)
        .toSorted(),
    async kill(command) {
      const { pid } = found().find(({ shown }) => shown === command) ?? {};
      if (pid === undefined) throw new Error(`"${command}" does not run: ${JSON.stringify(found())}`);
      end(pid);
      await until(`${command} is gone`, () => found().every((service) => service.pid !== pid));
    },
  };
}

function configOf(scopeRoot: string, scope: ScopeConfig["scope"]): ScopeConfig {
  return {
    ...someDefaults.defaults,
    scope,
    scopeRoot,
    budgets: {
      mutationsPerDay: 10,
      rollbacksPerDay: 4,
      rollbacksPerDayBeforeEscalation: 3,
      concurrentRollouts: 1,
      consecutiveFailures: 2,
      cooldownAfterFailureMs: 60_000,
      cooldownAfterPolicyDenyMs: 60_000,
    },
    rollout: { bakeMs: 0, bakeLookMs: 1_000, bindings: [] },
  };
}

export const quietState: ScopeState = emptyState();

/** What akc has started below the folder. */
function services(base: string) {
  return processesBelow(base).filter(({ pid }) => isService(pid));
}

function isService(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes("AKC_SERVICE_ID=");
  } catch {
    return false;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}
