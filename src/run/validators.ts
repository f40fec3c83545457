/**
 * The validators that a judgement needs: those built in, and of the plugins only those that offer one of the wanted kinds, found,
 * trusted and granted. Starts no plugin, the first question does; none of them reaches the world but through the door.
 */
import { wireMap } from "../adapters/plugin/request.ts";
import { doorOnly, type FoundPlugin, type Granted } from "../plugin-host/contract.ts";
import { grantsOf } from "../plugin-host/grants.ts";
import { createPluginHost, type LogEntry, type PluginHost } from "../plugin-host/host.ts";
import { settingsOf } from "../plugin-host/settings.ts";
import type { OperatorPolicy } from "../policy/model.ts";
import type { Validator, Validators } from "../validators/contract.ts";
import { createPluginValidator, type ValidatorOffer } from "../validators/plugin.ts";
import { builtinValidators, createValidators } from "../validators/registry.ts";
import { foundPlugins } from "./plugins.ts";

export interface ValidatorSearch {
  /** `--plugins-dir`, in the order given. */
  readonly pluginsDirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly operator: OperatorPolicy | undefined;
  /** Kinds of bindings that are to be judged; nothing is opened for others. */
  readonly kinds: readonly string[];
  /** Absolute paths that no plugin may reach: the state database, evidence. */
  readonly closedPaths?: readonly string[];
  /** Where every door is a record: what is asked of akc is granted then, since it reaches nothing. */
  readonly recorded?: boolean;
  readonly onLog?: (plugin: string, entry: LogEntry) => void;
  /** Told what is worth a line: a kind that two offer, a plugin that may not be started, one in the place of akc's own. */
  readonly onNote?: (note: string) => void;
}

/** @throws AkcError PLUGIN_CONFIG_INVALID, PLUGIN_PROTOCOL_UNSUPPORTED, and what looking for plugins throws */
export async function openValidators(search: ValidatorSearch): Promise<Validators> {
  const builtin = builtinValidators.flatMap(({ kinds }) => kinds);
  const wanted = search.kinds.filter((kind) => !builtin.includes(kind));
  if (wanted.length === 0) return createValidators({ validators: [] });
  const { plugins } = await foundPlugins({ ...search, directories: search.pluginsDirs });
  const { onLog } = search;
  const host = createPluginHost({
    env: search.env,
    ...(search.closedPaths === undefined ? {} : { closedPaths: search.closedPaths }),
    ...(onLog === undefined ? {} : { onLog: (plugin, entry) => onLog(plugin.manifest.id, entry) }),
  });
  try {
    const free = new Set(wanted);
    const validators = plugins.flatMap((plugin) => opened(plugin, free, host, search));
    return createValidators({ validators, close: () => host.close() });
  } catch (cause) {
    await host.close();
    throw cause;
  }
}

/** The kinds of bindings that validators of these plugins judge, in whatever state the plugins are. */
export function judgedKinds(plugins: readonly Pick<FoundPlugin, "manifest">[]): readonly string[] {
  const offers = plugins.flatMap(({ manifest }) => Object.values(manifest.offers.validators ?? {}));
  return [...new Set(offers.flatMap(({ binding_kinds: kinds }) => kinds))].sort();
}

/** @param free wanted kinds that nobody judges yet; what this plugin judges is taken out */
function opened(
  plugin: FoundPlugin,
  free: Set<string>,
  host: PluginHost,
  search: ValidatorSearch,
): readonly Validator[] {
  const { manifest, state } = plugin;
  const offers = offersOf(plugin, search.kinds);
  if (offers.length === 0) return [];
  if (state.kind !== "ready") {
    search.onNote?.(`the plugin ${manifest.id} is ${state.kind}: it judges nothing`);
    return [];
  }
  if (plugin.shadows.some(({ source }) => source.kind === "embedded")) {
    search.onNote?.(
      `${manifest.id} in ${plugin.root} judges in the place of the plugin that akc brings along`,
    );
  }
  const taken = offers.flatMap(({ id, kinds }): ValidatorOffer[] => {
    const own = kinds.filter((kind) => free.delete(kind));
    for (const kind of kinds.filter((one) => !own.includes(one))) {
      search.onNote?.(
        `bindings of kind ${kind} are judged by another validator than ${id} of ${manifest.id}`,
      );
    }
    return own.length === 0 ? [] : [{ id, kinds: own }];
  });
  if (taken.length === 0) return [];
  const config = wireMap(settingsOf(manifest, search.operator));
  const handle = host.open(plugin, grantedTo(plugin, search), config);
  return taken.map((offer) => createPluginValidator(handle, offer));
}

function offersOf({ manifest }: FoundPlugin, wanted: readonly string[]): readonly ValidatorOffer[] {
  return Object.entries(manifest.offers.validators ?? {}).flatMap(([id, { binding_kinds: offered }]) => {
    const kinds = offered.filter((kind) => wanted.includes(kind));
    return kinds.length === 0 ? [] : [{ id, kinds }];
  });
}

function grantedTo({ manifest, source }: FoundPlugin, { operator, recorded }: ValidatorSearch): Granted {
  const granted = grantsOf(manifest, operator, undefined, { embedded: source.kind === "embedded" });
  const asked = recorded === true ? { net: manifest.permissions.net, run: manifest.permissions.run } : {};
  return { ...granted, ...asked, ...doorOnly };
}
