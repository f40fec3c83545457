/**
 * What another program imports to run bundles in its own process: three runtimes that keep a run in memory, the durable
 * `startRun`, and what it takes to get a bundle and to write an adapter. It only puts together what the rooms below do.
 *
 * ```ts
 * const bundle = await loadBundle(await readBundleSource("release.json"), { mode: "enforce" });
 * const { outcome, events } = await createLocalDepthRuntime(bundle, { outputsRoot: "out" }).run();
 * ```
 *
 * Source: spec bundle §16; docs/embedding.md.
 */
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import type { Adapter, RunContext } from "./adapters/contract.ts";
import { createHybridAdapter } from "./adapters/hybrid.ts";
import { localDepthAdapterId } from "./adapters/local-depth/adapter.ts";
import { nativeAdapterId } from "./adapters/native.ts";
import type { Bundle, PolicyMode } from "./bundle/model.ts";
import type { EventJson } from "./evidence/project.ts";
import type { OperatorPolicy, RunPolicy } from "./policy/model.ts";
import { type HostDeps, localDepthAdapter, nativeAdapter } from "./run/adapters.ts";
import { convergenceInMemory } from "./run/deployment/open.ts";
import { createFallbackNotes } from "./run/fallback-notes.ts";
import { type InMemoryInput, type RunInMemory, runInMemory, temporaryWorkdirs } from "./run/in-memory.ts";
import { contextOf, partsOf } from "./run/parts.ts";
import { makePlace } from "./run/place.ts";
import { prepareBundle } from "./run/prepare.ts";
import { createWorkdirs } from "./run/workdirs.ts";
import { type Clock, systemClock } from "./system/clock.ts";
import { type Ids, systemIds } from "./system/ids.ts";

export type * from "./adapters/contract.ts";
export { noCapabilities } from "./adapters/contract.ts";
export {
  type AdapterRegistration,
  type AdapterRegistry,
  createAdapterRegistry,
} from "./adapters/registry.ts";
export { type LoadOptions, loadBundle } from "./bundle/load.ts";
export type { Bundle, GraphNode, PolicyMode, Route, Scope } from "./bundle/model.ts";
export { AkcError, type ErrorClass, type ErrorCode, type Issue } from "./errors.ts";
export type { DecisionJson } from "./evidence/decisions.ts";
export type { EventJson } from "./evidence/project.ts";
export { isJsonObject, type JsonObject, type JsonValue } from "./json/value.ts";
export type { OperatorPolicy, RunPolicy } from "./policy/model.ts";
export { readBundleSource } from "./run/bundle-files.ts";
export type { RunInMemory } from "./run/in-memory.ts";
export { readOperatorPolicy } from "./run/prepare.ts";
export type { RunHost } from "./run/ready.ts";
export { type RunReport, type StartRunInput, startRun } from "./run/start.ts";
export { type Clock, systemClock } from "./system/clock.ts";
export { type Ids, systemIds } from "./system/ids.ts";

export interface RuntimeOptions {
  /** `enforce` unless said otherwise. */
  readonly mode?: PolicyMode;
  /** Narrows what the bundle allows itself; see `readOperatorPolicy`. */
  readonly operator?: OperatorPolicy;
  /** Refuse actions that have nothing to execute. */
  readonly requireEffects?: boolean;
  readonly maxInFlight?: number;
  /** Where `AKC_AGENT_WORKER_HTTP` and its like are looked for; empty unless given, so that nothing is reached by accident. */
  readonly env?: HostDeps["env"];
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Told of every event once it is recorded. What it throws ends the run and rejects `run()`. */
  onEvent?(event: EventJson): void;
}

export interface LocalDepthOptions extends RuntimeOptions {
  /** Folder above `<tenant>/<repo>`: children work in the run's own folder below it. */
  readonly outputsRoot: string;
  /** Carries out what has no route of its own; `native` unless given. Prepared when a run begins, closed when it has ended. */
  readonly delegate?: Adapter;
}

export interface RunOptions {
  /** A new one unless given. */
  readonly runtimeRunId?: string;
  /** Stops the run: what is under way is cancelled, and it ends `stopped`. */
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

export interface Runtime {
  readonly bundle: Bundle;
  /** What the bundle and the operator leave of the eight actions. */
  readonly policy: RunPolicy;
  /** Runs the bundle once, from its first event to its last. Runs share nothing. */
  run(options?: RunOptions): Promise<RunInMemory>;
}

export interface HybridRuntime extends Runtime {
  /** The given adapter with `native` behind it. Every call that falls back is an event of the run whose context it was given. */
  readonly adapter: Adapter;
}

/**
 * Starts no process and follows no route: agent workers for coordination steps, bare transitions for everything else.
 * @throws AkcError POLICY_UNKNOWN, GOVERNANCE_EXCEEDED, COORDINATION_CYCLE
 */
export function createNativeRuntime(bundle: Bundle, options: RuntimeOptions = {}): Runtime {
  return runtimeOf(bundle, nativeAdapterId, options, async (host) => ({
    adapter: nativeAdapter(host),
    foreign: false,
    // No action of this adapter works in a folder.
    workdirOf: () => tmpdir(),
  }));
}

/** Carries out routes on this host, contained as the policy wants it. @throws AkcError as `createNativeRuntime` */
export function createLocalDepthRuntime(bundle: Bundle, options: LocalDepthOptions): Runtime {
  const outputsRoot = resolve(options.outputsRoot);
  return runtimeOf(bundle, localDepthAdapterId, options, async (host, context) => {
    const place = await makePlace(outputsRoot, context);
    const delegate = options.delegate ?? nativeAdapter(host);
    return {
      adapter: localDepthAdapter({ ...host, repoRoot: bundle.repoRoot, place, delegate }),
      foreign: options.delegate !== undefined,
      workdirOf: createWorkdirs(place.scopeDir),
    };
  });
}

/**
 * Executes with an adapter of one's own, prepared when a run begins and closed when it has ended.
 * @throws AkcError as `createNativeRuntime`
 */
export function createHybridRuntime(
  bundle: Bundle,
  primary: Adapter,
  options: RuntimeOptions = {},
): HybridRuntime {
  const fallbacks = createFallbackNotes();
  const adapter = createHybridAdapter(primary, nativeAdapter(hostOf(options)), fallbacks.observe);
  const runtime = runtimeOf(bundle, primary.id, options, async (_host, context) => {
    const { noted, close } = fallbacks.open(context);
    const { workdirOf, remove } = temporaryWorkdirs();
    const ended = async () => {
      close();
      await remove();
    };
    return { adapter, foreign: true, workdirOf, noted, ended };
  });
  return { ...runtime, adapter };
}

type Means = Pick<InMemoryInput, "adapter" | "foreign" | "workdirOf" | "noted"> & {
  ended?(): Promise<void>;
};

function runtimeOf(
  bundle: Bundle,
  adapterId: string,
  options: RuntimeOptions,
  makeMeans: (host: HostDeps, context: RunContext) => Promise<Means>,
): Runtime {
  const host = hostOf(options);
  const ids = options.ids ?? systemIds;
  const prepared = prepareBundle(bundle, { ...options, adapter: adapterId, mode: options.mode ?? "enforce" });
  return {
    bundle,
    policy: prepared.policy,
    async run({ runtimeRunId, signal, deadlineMs } = {}) {
      const context = contextOf(prepared, runtimeRunId, ids);
      const convergence = convergenceInMemory(prepared);
      const parts = { ...partsOf(prepared, host.env), ...(convergence === undefined ? {} : { convergence }) };
      const { ended, ...means } = await makeMeans(host, context);
      try {
        return await runInMemory({
          bundle,
          parts,
          context,
          traceId: ids.traceId(),
          clock: host.clock,
          signal: signal ?? new AbortController().signal,
          deadlineMs,
          ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
          ...means,
        });
      } finally {
        await ended?.();
      }
    },
  };
}

function hostOf({ env = {}, clock = systemClock }: RuntimeOptions): HostDeps {
  return { env, clock };
}
