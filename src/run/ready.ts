/**
 * A run that may start: all that it needs, and nothing of the bundle's text, which is large and not looked at again.
 */
import type { Adapter, RunContext } from "../adapters/contract.ts";
import { type AdapterRegistry, createAdapterRegistry } from "../adapters/registry.ts";
import { objectAt, objectsAt, textAt } from "../bundle/member.ts";
import type { Bundle } from "../bundle/model.ts";
import { type BundleFacts, bundleFacts, type ValidityFacts } from "../evidence/facts.ts";
import { mayDesire } from "../reconciler/desired.ts";
import type { Clock } from "../system/clock.ts";
import type { Ids } from "../system/ids.ts";
import { adaptersOf, isBuiltin, preparedAdapter, refuseUnknownAdapter } from "./adapters.ts";
import { inferOutputsRoot } from "./bundle-files.ts";
import { refuseMissingCapabilities } from "./capabilities.ts";
import type { Convergence } from "./deployment/converge.ts";
import type { ConvergenceHost } from "./deployment/open.ts";
import { createFallbackNotes, type RunNotes } from "./fallback-notes.ts";
import { contextOf, partsOf, type RunParts } from "./parts.ts";
import { makePlace, makeScope, type Place } from "./place.ts";
import {
  identityOf,
  type NamedPlugin,
  namedPlugin,
  openPlugin,
  type PluginIdentity,
  type PluginRunDeps,
} from "./plugins.ts";
import { type Prepared, type PrepareInput, prepareRun } from "./prepare.ts";

export interface ReadyInput extends PrepareInput {
  /** Folder above `<tenant>/<repo>`; absent means inferred from the bundle's place. */
  readonly outputsRoot?: string;
  /** The caller's own id for the run: starting it twice runs it once. */
  readonly runtimeRunId?: string;
  /** Absolute paths of directories to look for plugins in first. */
  readonly pluginsDirs?: readonly string[];
  /** Absolute path of the registry of validator bindings; absent means that there is none. */
  readonly validatorBindings?: string;
  /** Only this plugin counts as the one that offers the adapter. */
  readonly pluginId?: string;
  /** Whether a run may go on with a plugin that is not as it was. */
  readonly acceptPluginChange?: boolean;
}

export interface RunHost {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a run may name beside `native` and `local_depth`; absent means the adapters of plugins. */
  readonly adapters?: AdapterRegistry;
  /** Told what a run's plugin says, free of the secrets that it was handed. */
  readonly onPluginLog?: PluginRunDeps["onLog"];
}

export interface ReadyRun extends RunParts {
  readonly context: RunContext;
  readonly place: Place;
  readonly adapter: Adapter;
  /** The plugin that the adapter is of. */
  readonly plugin?: PluginIdentity;
  readonly acceptPluginChange: boolean;
  /** Fallbacks of a registered adapter, and what its plugin did beside its actions. */
  readonly noted: RunNotes["noted"];
  readonly divergenceCounts: boolean;
  readonly facts: BundleFacts;
  /** Of akc itself; what is started gets little or nothing of it. */
  readonly env: RunHost["env"];
  /** Absolute path of the registry of validator bindings, where there is one. */
  readonly bindingsPath?: string | undefined;
  /** Absent where everybody that the criteria name can be asked. */
  readonly unasked?: Unasked;
}

/** What the criteria want to be asked and nobody will be, known before the work begins. */
export interface Unasked {
  /** Sorted. */
  readonly bindingIds: readonly string[];
  /** Absolute; absent where there is no registry at all. */
  readonly registry?: string;
}

/** @throws AkcError everything that can be wrong with a bundle, its policy or the place for its outputs */
export async function makeReady(input: ReadyInput, host: RunHost): Promise<ReadyRun> {
  const prepared = await prepareRun(input);
  const { bundle, policy, operator } = prepared;
  const named = await pluginOf(prepared, input, host);
  const adapterId = named?.offer.id ?? prepared.adapterId;
  const context = contextOf({ ...prepared, adapterId }, input.runtimeRunId, host.ids);
  const parts = partsOf(prepared, host.env);
  const validity = await validityFacts(bundle);
  const unasked =
    validity.validity === undefined ? undefined : await unaskedOf(validity.validity, prepared, input, host);
  const outputsRoot = inferOutputsRoot(bundle.path, input.outputsRoot);
  // The run's own folder is made when its gates are passed: what is refused leaves none behind.
  const scopeRoot = await makeScope(outputsRoot, context);
  const convergence = await wantedConvergence(prepared, {
    ...host,
    scopeRoot,
    pluginsDirs: input.pluginsDirs,
    validatorBindings: input.validatorBindings,
  });
  const place = await makePlace(outputsRoot, context);
  const fallbacks = createFallbackNotes();
  const fallen = fallbacks.open(context);
  const opened = named && openPlugin(named, { ...host, operator, policy, place, onLog: host.onPluginLog });
  const outside =
    opened === undefined
      ? host.adapters
      : createAdapterRegistry([{ id: adapterId, create: () => opened.adapter }]);
  const registered = outside && { adapters: outside, onFallback: fallbacks.observe };
  const adapters = adaptersOf({ ...host, repoRoot: bundle.repoRoot, place }, context.mode, registered);
  const adapter = adapters.create(adapterId, context.mode);
  refuseMissingCapabilities(bundle, adapter, named?.offer.capabilities);
  return {
    ...parts,
    ...(convergence === undefined ? {} : { convergence }),
    context,
    place,
    adapter: await preparedAdapter(adapter, context, bundle),
    ...(named === undefined ? {} : { plugin: identityOf(named) }),
    acceptPluginChange: input.acceptPluginChange === true,
    noted: opened === undefined ? fallen.noted : () => [...opened.noted(), ...fallen.noted()],
    divergenceCounts: bundle.metadata["runtime_nonzero_exit_on_reconcile_divergence"] === true,
    facts: {
      ...bundleFacts(bundle, policy),
      ...validity,
      desiredResources: convergence?.deployment.desired.length ?? 0,
    },
    env: host.env,
    bindingsPath: input.validatorBindings,
    ...(unasked === undefined || context.mode === "simulate" ? {} : { unasked }),
  };
}

/** Loaded only where the bundle has criteria of any kind: most have none. */
async function validityFacts(bundle: Bundle): Promise<Pick<BundleFacts, "validity">> {
  const { document, schemaVersion, intentRef, intentProjection } = bundle;
  if (objectsAt(objectAt(intentProjection, "success_criteria_summary"), "criteria").length === 0) return {};
  const { criteriaOf } = await import("../validation/operational-spec/criteria.ts");
  const criteria = criteriaOf(document);
  if (criteria.length === 0) return {};
  return {
    validity: {
      criteria,
      bundleSchemaVersion: schemaVersion,
      ...(textAt(intentRef, "intent_id") === undefined ? {} : { intentRef }),
    },
  };
}

/**
 * Before anything happens: what is wrong with the registry would be found only when everything is done.
 * @throws AkcError BINDINGS_INVALID, BINDINGS_NOT_FOUND
 */
async function unaskedOf(
  { criteria }: ValidityFacts,
  { operator }: Prepared,
  { validatorBindings, pluginsDirs = [] }: ReadyInput,
  { env }: RunHost,
): Promise<Unasked | undefined> {
  const { stubsOf } = await import("../validation/operational-spec/criteria.ts");
  const stubs = stubsOf(criteria).map(({ stub }) => stub);
  if (stubs.length === 0) return undefined;
  if (validatorBindings === undefined) return { bindingIds: stubs };
  const { openRegistry } = await import("./validation/outside.ts");
  const registry = await openRegistry({ bindingsPath: validatorBindings, pluginsDirs, operator, env });
  const bindingIds = stubs.filter((stub) => !registry.bindings.has(stub));
  return bindingIds.length === 0 ? undefined : { bindingIds, registry: validatorBindings };
}

/** Ends what serves the run; nothing that it has made. */
export async function closeReady({ adapter, convergence }: ReadyRun): Promise<void> {
  await adapter.close?.();
  await convergence?.close();
}

/** Most bundles want nothing to stand, and loading the reconciler would cost each of their starts several milliseconds. */
async function wantedConvergence(
  prepared: Prepared,
  host: ConvergenceHost,
): Promise<Convergence | undefined> {
  if (!mayDesire(prepared.bundle)) return undefined;
  const { openConvergence } = await import("./deployment/open.ts");
  return openConvergence(prepared, host);
}

/** Looked for only when the adapter is no built-in one, and by nobody who brings adapters of his own. */
async function pluginOf(
  { adapterId, operator }: Prepared,
  { pluginsDirs = [], pluginId }: ReadyInput,
  { env, adapters }: RunHost,
): Promise<NamedPlugin | undefined> {
  if (isBuiltin(adapterId)) return undefined;
  if (adapters !== undefined) {
    refuseUnknownAdapter(adapterId, adapters);
    return undefined;
  }
  return namedPlugin(adapterId, { directories: pluginsDirs, env, operator, pluginId });
}
