/**
 * The adapters that are in the binary, wired to this host, those that were registered beside them, and the one that a run
 * gets of them.
 */

import { parseAgentWorkerEnv } from "../adapters/agent-worker/env.ts";
import { agentTurnsOf } from "../adapters/agent-worker/of-bundle.ts";
import { deterministicTurn } from "../adapters/agent-worker.ts";
import type { Adapter, RunContext } from "../adapters/contract.ts";
import { createHybridAdapter, type Fallback } from "../adapters/hybrid.ts";
import { createLocalDepthAdapter, localDepthAdapterId } from "../adapters/local-depth/adapter.ts";
import { createHttpRunner } from "../adapters/local-depth/http.ts";
import { createSubprocessRunner } from "../adapters/local-depth/subprocess.ts";
import { createNativeAdapter, nativeAdapterId } from "../adapters/native.ts";
import { type AdapterRegistry, createAdapterRegistry, unknownAdapter } from "../adapters/registry.ts";
import { createSimulateAdapter } from "../adapters/simulate.ts";
import type { Bundle, PolicyMode } from "../bundle/model.ts";
import { artifactsRoot, databasePath } from "../store/sqlite/open.ts";
import type { Clock } from "../system/clock.ts";
import type { Place } from "./place.ts";

export interface HostDeps {
  readonly clock: Clock;
  /** The environment that names an agent worker; never handed to a child. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface LocalDepthParts extends HostDeps {
  readonly repoRoot: string;
  readonly place: Place;
  /** For routes of kind `delegate_adapter`; whoever made it closes it. */
  readonly delegate: Adapter;
}

/** Adapters beside the built-in ones, and who is told when one of them falls back to native. */
export interface Registered {
  readonly adapters: AdapterRegistry;
  onFallback(fallback: Fallback): void;
}

export const builtinIds: readonly string[] = [nativeAdapterId, localDepthAdapterId];

export function isBuiltin(adapterId: string): boolean {
  return builtinIds.includes(adapterId);
}

/** Before anything is made for a run. @throws AkcError ADAPTER_UNKNOWN naming every id that is known */
export function refuseUnknownAdapter(id: string, registered: AdapterRegistry): void {
  const known = [...builtinIds, ...registered.ids];
  if (!known.includes(id)) throw unknownAdapter(id, known);
}

/**
 * Every adapter of this host, each made when it is asked for. A registered one gets native behind it.
 * @throws AkcError ADAPTER_UNKNOWN when a registered one has the id of a built-in one
 */
export function adaptersOf(
  host: HostDeps & { readonly repoRoot: string; readonly place: Place },
  mode: PolicyMode,
  registered: Registered | undefined,
): AdapterRegistry {
  const all = createAdapterRegistry([
    { id: nativeAdapterId, create: () => nativeAdapter(host) },
    {
      id: localDepthAdapterId,
      create: () => localDepthAdapter({ ...host, delegate: nativeAdapter(host) }),
    },
  ]);
  if (registered === undefined) return all;
  const { adapters, onFallback } = registered;
  for (const id of adapters.ids) {
    const create = () => createHybridAdapter(adapters.create(id, mode), nativeAdapter(host), onFallback);
    all.register({ id, create });
  }
  return all;
}

export function nativeAdapter({ clock, env }: HostDeps): Adapter {
  const agentWorker = parseAgentWorkerEnv(env);
  return createNativeAdapter(agentTurnsOf({ env: agentWorker, clock, adapterId: nativeAdapterId }));
}

export function localDepthAdapter({ clock, repoRoot, place, delegate }: LocalDepthParts): Adapter {
  const { scopeRoot, scopeDir } = place;
  return createLocalDepthAdapter({
    subprocess: createSubprocessRunner({
      clock,
      repoRoot,
      workdirRoot: scopeDir,
      // No child may reach the state of this run or of another.
      closedPaths: [databasePath(scopeRoot), artifactsRoot(scopeRoot)],
    }),
    http: createHttpRunner({ clock }),
    delegate,
  });
}

/** The adapter as a run of this mode uses it. */
export async function preparedAdapter(
  adapter: Adapter,
  context: RunContext,
  bundle: Bundle,
): Promise<Adapter> {
  if (context.mode === "simulate") return createSimulateAdapter(adapter, deterministicTurn);
  await adapter.prepare?.(context, bundle);
  return adapter;
}

/** Whether steps of this bundle would reach an agent worker over HTTP. */
export function reachesAgentWorker(bundle: Bundle, env: HostDeps["env"]): boolean {
  return bundle.coordination !== undefined && parseAgentWorkerEnv(env).kind === "http";
}
