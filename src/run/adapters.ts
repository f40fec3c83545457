/**
 * The adapters that are in the binary, wired to this host, and the one that a run gets of them.
 */
import { parseAgentWorkerEnv } from "../adapters/agent-worker/env.ts";
import { agentTurnsOf } from "../adapters/agent-worker/of-bundle.ts";
import { createLocalDepthAdapter, localDepthAdapterId } from "../adapters/local-depth/adapter.ts";
import { createHttpRunner } from "../adapters/local-depth/http.ts";
import { createSubprocessRunner } from "../adapters/local-depth/subprocess.ts";
import { createNativeAdapter, nativeAdapterId } from "../adapters/native.ts";
import { type AdapterRegistry, createAdapterRegistry } from "../adapters/registry.ts";
import type { Bundle } from "../bundle/model.ts";
import type { Clock } from "../system/clock.ts";

export interface HostDeps {
  readonly clock: Clock;
  /** The environment that names an agent worker; never handed to a child. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly repoRoot: string;
  /** The run's own folder: every working directory lies below it. */
  readonly scopeDir: string;
  /** Paths that no child may reach: the state database, other runs. */
  readonly closedPaths: readonly string[];
}

/** `native` and `local_depth`, each made when it is asked for. */
export function builtinAdapters({ clock, env, repoRoot, scopeDir, closedPaths }: HostDeps): AdapterRegistry {
  const agentWorker = parseAgentWorkerEnv(env);
  const native = (adapterId: string) =>
    createNativeAdapter(agentTurnsOf({ env: agentWorker, clock, adapterId }));
  return createAdapterRegistry([
    { id: nativeAdapterId, create: () => native(nativeAdapterId) },
    {
      id: localDepthAdapterId,
      create: () =>
        createLocalDepthAdapter({
          subprocess: createSubprocessRunner({ clock, repoRoot, workdirRoot: scopeDir, closedPaths }),
          http: createHttpRunner({ clock }),
          delegate: native(nativeAdapterId),
        }),
    },
  ]);
}

/** Whether steps of this bundle would reach an agent worker over HTTP. */
export function reachesAgentWorker(bundle: Bundle, env: HostDeps["env"]): boolean {
  return bundle.coordination !== undefined && parseAgentWorkerEnv(env).kind === "http";
}
