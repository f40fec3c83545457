/**
 * A run that may start: all that it needs, and nothing of the bundle's text, which is large and not looked at again.
 */
import type { Adapter, RunContext } from "../adapters/contract.ts";
import type { AdapterRegistry } from "../adapters/registry.ts";
import { type BundleFacts, bundleFacts } from "../evidence/facts.ts";
import type { Clock } from "../system/clock.ts";
import type { Ids } from "../system/ids.ts";
import { adaptersOf, preparedAdapter, refuseUnknownAdapter } from "./adapters.ts";
import { inferOutputsRoot } from "./bundle-files.ts";
import { createFallbackNotes, type RunNotes } from "./fallback-notes.ts";
import { contextOf, partsOf, type RunParts } from "./parts.ts";
import { makePlace, type Place } from "./place.ts";
import { type PrepareInput, prepareRun } from "./prepare.ts";

export interface ReadyInput extends PrepareInput {
  /** Folder above `<tenant>/<repo>`; absent means inferred from the bundle's place. */
  readonly outputsRoot?: string;
  /** The caller's own id for the run: starting it twice runs it once. */
  readonly runtimeRunId?: string;
}

export interface RunHost {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a run may name beside `native` and `local_depth`. */
  readonly adapters?: AdapterRegistry;
}

export interface ReadyRun extends RunParts {
  readonly context: RunContext;
  readonly place: Place;
  readonly adapter: Adapter;
  /** Fallbacks of a registered adapter. */
  readonly noted: RunNotes["noted"];
  readonly divergenceCounts: boolean;
  readonly facts: BundleFacts;
}

/** @throws AkcError everything that can be wrong with a bundle, its policy or the place for its outputs */
export async function makeReady(input: ReadyInput, host: RunHost): Promise<ReadyRun> {
  const prepared = await prepareRun(input);
  const { bundle, policy } = prepared;
  const context = contextOf(prepared, input.runtimeRunId, host.ids);
  const parts = partsOf(prepared, host.env);
  refuseUnknownAdapter(context.adapterId, host.adapters);
  const place = await makePlace(inferOutputsRoot(bundle.path, input.outputsRoot), context);
  const fallbacks = createFallbackNotes();
  const { noted } = fallbacks.open(context);
  const registered = host.adapters && { adapters: host.adapters, onFallback: fallbacks.observe };
  const adapters = adaptersOf({ ...host, repoRoot: bundle.repoRoot, place }, context.mode, registered);
  const adapter = adapters.create(context.adapterId, context.mode);
  return {
    ...parts,
    context,
    place,
    adapter: await preparedAdapter(adapter, context, bundle),
    noted,
    divergenceCounts: bundle.metadata["runtime_nonzero_exit_on_reconcile_divergence"] === true,
    facts: { ...bundleFacts(bundle, policy), desiredResources: parts.convergence?.desired.length ?? 0 },
  };
}
