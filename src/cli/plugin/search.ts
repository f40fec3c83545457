/** Looks for plugins as every command does: the places, the operator's policy, and what was found there. */

import { AkcError } from "../../errors.ts";
import type { PlacedPlugin, PluginSource } from "../../plugin-host/contract.ts";
import { countingPlugin, type Discovery, discoverPlugins } from "../../plugin-host/discover.ts";
import { embeddedPlugins } from "../../plugin-host/embedded.ts";
import { ownIdentity } from "../../plugin-host/folder.ts";
import { installPlace, pluginPlaces } from "../../plugin-host/places.ts";
import { defaultCacheRoot } from "../../plugin-host/runtime-files.ts";
import { type TrustRules, trustRulesOf } from "../../plugin-host/trust.ts";
import type { OperatorPolicy } from "../../policy/model.ts";
import { readOperatorPolicy } from "../../run/prepare.ts";
import { nearestWord } from "../../spelling.ts";
import type { Environment } from "../io.ts";
import { valuesOf } from "../strict.ts";
import { whyOf } from "./plugin-view.ts";

export interface SearchArgs {
  readonly pluginsDir?: string | undefined;
  readonly policy?: string | undefined;
}

export interface Surroundings {
  readonly places: readonly PluginSource[];
  readonly operator: OperatorPolicy | undefined;
  readonly rules: TrustRules;
}

/** @throws AkcError USAGE, POLICY_FILE_INVALID */
export async function surroundings(args: SearchArgs, env: Environment): Promise<Surroundings> {
  const operator = await readOperatorPolicy(args.policy);
  const embedded = embeddedPlugins(defaultCacheRoot(env));
  const places = pluginPlaces({
    flags: valuesOf(args.pluginsDir),
    env,
    uid: ownIdentity().uid,
    ...(embedded === undefined ? {} : { embedded }),
  });
  return { places, operator, rules: trustRulesOf(operator) };
}

export async function search({ places, rules }: Surroundings): Promise<Discovery> {
  return discoverPlugins(places, rules);
}

/** Where `install` puts plugins. */
export function targetOf({ places }: Surroundings): string {
  return installPlace(places).directory;
}

/** The plugin that counts for `id`, in whatever state. @throws AkcError PLUGIN_NOT_FOUND */
export function pluginNamed({ plugins, broken }: Discovery, id: string): PlacedPlugin {
  const plugin = countingPlugin(plugins, id);
  if (plugin !== undefined) return plugin;
  const near = nearestWord(
    id,
    plugins.map(({ manifest }) => manifest.id),
  );
  // It may well be in a folder that could not be read.
  const unreadable = broken.map(({ root, state }) => `${root} (${whyOf(state)})`);
  const offering = plugins.find(({ manifest: { offers } }) =>
    [offers.adapters, offers.providers, offers.validators].some((of) => Object.hasOwn(of ?? {}, id)),
  );
  const hint =
    offering !== undefined
      ? `${id} is what the plugin ${offering.manifest.id} offers: name that.`
      : near !== undefined
        ? `Did you mean ${near}? \`akc plugin list\` shows all.`
        : unreadable.length > 0
          ? "It is not among those that could be read. Mend what was left out, or add a folder with --plugins-dir."
          : undefined;
  throw new AkcError("PLUGIN_NOT_FOUND", {
    details: { plugin: id, ...(unreadable.length === 0 ? {} : { unreadable }) },
    ...(hint === undefined ? {} : { hint }),
  });
}
