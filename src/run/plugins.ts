/**
 * The plugin whose adapter a run names: found, trusted, granted, opened. Looks for plugins only when a run needs one, and
 * starts none: the first action does.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Adapter } from "../adapters/contract.ts";
import { type AdapterOffer, createPluginAdapter } from "../adapters/plugin/adapter.ts";
import { type PluginNote, PluginNotes } from "../adapters/plugin/notes.ts";
import { wireMap } from "../adapters/plugin/request.ts";
import { unknownAdapter } from "../adapters/registry.ts";
import { AkcError } from "../errors.ts";
import type { FoundPlugin } from "../plugin-host/contract.ts";
import { type Discovery, discoverPlugins, pluginById } from "../plugin-host/discover.ts";
import { embeddedPlugins } from "../plugin-host/embedded.ts";
import { ownIdentity } from "../plugin-host/folder.ts";
import { grantsOf } from "../plugin-host/grants.ts";
import { createPluginHost, type LogEntry } from "../plugin-host/host.ts";
import { pluginPlaces } from "../plugin-host/places.ts";
import { defaultCacheRoot } from "../plugin-host/runtime-files.ts";
import { HandedOver, readSecret } from "../plugin-host/secrets.ts";
import { settingsOf } from "../plugin-host/settings.ts";
import { readyPlugin, trustRulesOf } from "../plugin-host/trust.ts";
import type { HttpLane, OperatorPolicy, RunPolicy, SecretSource } from "../policy/model.ts";
import { artifactsRoot, databasePath } from "../store/sqlite/open.ts";
import type { Clock } from "../system/clock.ts";
import { builtinIds } from "./adapters.ts";
import type { Place } from "./place.ts";

/** Where a run's plugin is looked for. */
export interface PluginSearch {
  /** `--plugins-dir`, in the order given. */
  readonly directories: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly operator: OperatorPolicy | undefined;
  /** The plugin that a run was started with; another one of the same adapter does not count. */
  readonly pluginId?: string | undefined;
}

/** An adapter of a plugin that may be started. */
export interface NamedPlugin {
  readonly plugin: FoundPlugin;
  readonly offer: AdapterOffer;
}

/** As kept with a run. */
export interface PluginIdentity {
  readonly id: string;
  readonly version: string;
  readonly digest: string;
}

export function identityOf({ plugin: { manifest, digest } }: NamedPlugin): PluginIdentity {
  return { id: manifest.id, version: manifest.version, digest };
}

/**
 * @param name `vendor/name` of a plugin with one adapter, or the adapter's own id
 * @throws AkcError PLUGIN_NOT_FOUND, ADAPTER_UNKNOWN, or why the plugin may not be started
 */
export async function namedPlugin(name: string, search: PluginSearch): Promise<NamedPlugin> {
  const { pluginId } = search;
  const discovery = await foundPlugins(search);
  if (pluginId !== undefined) return offered(pluginById(discovery, pluginId), name);
  return name.includes("/") ? onlyAdapter(pluginById(discovery, name)) : byAdapter(discovery, name);
}

/** All that are found, whatever may be started of them. */
export function foundPlugins({
  directories,
  env,
  operator,
}: Pick<PluginSearch, "directories" | "env" | "operator">): Promise<Discovery> {
  const embedded = embeddedPlugins(defaultCacheRoot(env));
  const places = pluginPlaces({
    flags: directories,
    env,
    uid: ownIdentity().uid,
    ...(embedded === undefined ? {} : { embedded }),
  });
  return discoverPlugins(places, trustRulesOf(operator));
}

function byAdapter({ plugins }: Discovery, name: string): NamedPlugin {
  const offering = plugins.filter((plugin) => offersOf(plugin).some(({ id }) => id === name));
  const ready = offering.filter(({ state }) => state.kind === "ready");
  const [only, another] = ready;
  if (only !== undefined && another === undefined) return offered(only, name);
  if (another !== undefined) {
    throw new AkcError("ADAPTER_UNKNOWN", {
      message: `several plugins offer an adapter ${name}`,
      hint: `Name one of them: --adapter ${ready.map(({ manifest }) => manifest.id).join(", --adapter ")}.`,
    });
  }
  const [refused] = offering;
  if (refused !== undefined) readyPlugin(refused);
  const known = plugins.filter(({ state }) => state.kind === "ready").flatMap(offersOf);
  throw unknownAdapter(name, [...builtinIds, ...new Set(known.map(({ id }) => id))]);
}

function onlyAdapter(plugin: FoundPlugin): NamedPlugin {
  const offers = offersOf(plugin);
  const [offer, another] = offers;
  if (offer !== undefined && another === undefined) return { plugin, offer };
  const { id } = plugin.manifest;
  throw new AkcError("ADAPTER_UNKNOWN", {
    message:
      offer === undefined ? `the plugin ${id} offers no adapter` : `the plugin ${id} offers several adapters`,
    hint:
      offer === undefined
        ? "See what it offers: `akc plugin inspect ID`."
        : `Name the adapter itself: ${offers.map((one) => one.id).join(", ")}.`,
  });
}

function offered(plugin: FoundPlugin, adapterId: string): NamedPlugin {
  const offer = offersOf(plugin).find(({ id }) => id === adapterId);
  if (offer !== undefined) return { plugin, offer };
  throw new AkcError("ADAPTER_UNKNOWN", {
    message: `the plugin ${plugin.manifest.id} offers no adapter ${adapterId}`,
  });
}

function offersOf({ manifest }: FoundPlugin): readonly AdapterOffer[] {
  return Object.entries(manifest.offers.adapters ?? {}).map(([id, { capabilities }]) => ({
    id,
    capabilities,
  }));
}

export interface PluginRunDeps {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly operator: OperatorPolicy | undefined;
  readonly policy: RunPolicy;
  readonly place: Place;
  readonly onLog?: ((plugin: string, entry: LogEntry) => void) | undefined;
}

/** An adapter that ends its plugin when it is closed, and what is to be noted in the run. */
export interface OpenedPlugin {
  readonly adapter: Adapter;
  readonly noted: () => readonly PluginNote[];
}

/** @throws AkcError PLUGIN_CONFIG_INVALID, PLUGIN_PROTOCOL_UNSUPPORTED */
export function openPlugin({ plugin, offer }: NamedPlugin, deps: PluginRunDeps): OpenedPlugin {
  const { clock, env, operator, policy, place, onLog } = deps;
  const { manifest, source } = plugin;
  const embedded = source.kind === "embedded";
  const asks = embedded ? ownLanes.get(manifest.id) : undefined;
  const lanes = asks === undefined ? policy : { ...policy, http: asks.laneOf(policy) ?? policy.http };
  const granted = grantsOf(manifest, operator, lanes, { embedded });
  const config = wireMap(settingsOf(manifest, operator));
  const host = createPluginHost({
    env,
    // No plugin may reach the state of this run or of another.
    closedPaths: [databasePath(place.scopeRoot), artifactsRoot(place.scopeRoot)],
    ...(onLog === undefined ? {} : { onLog: (_plugin, entry) => onLog(manifest.id, entry) }),
  });
  const workplaces = policy.mode === "simulate" ? [] : workplacesIn(place);
  const handle = host.open(plugin, { ...granted, write: [...granted.write, ...workplaces] }, config);
  const secrets = new HandedOver();
  const notes = new PluginNotes({ handle, granted, adapterId: offer.id, secrets });
  host.onFault(({ error }) => notes.ended(error));
  const sources = new Map([...(asks?.secrets ?? []), ...(operator?.plugins?.secrets ?? [])]);
  const adapter = createPluginAdapter(handle, offer, {
    clock,
    notes,
    secrets,
    secretOf: (name) => readSecret(name, sources, env),
    laneOf: ({ policy, step }) => {
      if (asks !== undefined) return asks.laneOf(policy);
      return step?.allowNetwork === false ? { ...policy.http, enabled: false } : policy.http;
    },
  });
  return {
    adapter: {
      ...adapter,
      async close() {
        await adapter.close?.();
        await host.close();
      },
    },
    noted: () => notes.take(),
  };
}

/** What akc's own plugins get beside what everybody may be granted. */
interface OwnLane {
  readonly laneOf: (policy: RunPolicy) => HttpLane | undefined;
  /** Where its secrets are, unless the operator says. */
  readonly secrets: ReadonlyMap<string, SecretSource>;
}

const ownLanes: ReadonlyMap<string, OwnLane> = new Map([
  [
    "akc/agent-worker",
    {
      laneOf: ({ agentWorkerHttp }) => agentWorkerHttp,
      secrets: new Map([["agent_worker_api_key", { env: "AKC_HTTP_AGENT_WORKER_API_KEY" }]]),
    },
  ],
]);

/** Where actions work (`workdirs.ts`): the folders must be there before the process is shut in. */
function workplacesIn({ scopeDir }: Place): readonly string[] {
  return ["work", "roles"].map((name) => {
    const folder = join(scopeDir, name);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    return folder;
  });
}
