/**
 * The plugin whose provider a bundle names: found, trusted, granted, opened. It starts none: the first look does.
 *
 * Source: docs/plugins.md; spec reconcile §4.2.
 */

import { wireMap } from "../../adapters/plugin/request.ts";
import { servicesFor } from "../../adapters/plugin/services.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { FoundPlugin } from "../../plugin-host/contract.ts";
import { grantsOf } from "../../plugin-host/grants.ts";
import { createPluginHost } from "../../plugin-host/host.ts";
import { HandedOver, readSecret } from "../../plugin-host/secrets.ts";
import { settingsOf } from "../../plugin-host/settings.ts";
import { readyPlugin } from "../../plugin-host/trust.ts";
import type { Provider } from "../../providers/contract.ts";
import { createPluginProvider, type ProviderOffer } from "../../providers/plugin/provider.ts";
import { artifactsRoot, databasePath } from "../../store/sqlite/open.ts";
import { foundPlugins, type PluginSearch } from "../plugins.ts";
import type { Deployment } from "./deployment.ts";
import type { ProviderHost } from "./open-provider.ts";

export interface NamedProvider {
  readonly plugin: FoundPlugin;
  readonly offer: ProviderOffer;
}

/**
 * Undefined when no plugin offers it.
 * @param kind `vendor/name` of a plugin with one provider, or the provider's own id
 * @throws AkcError PROVIDER_UNAVAILABLE where several offer it, or why the only one may not be started
 */
export async function namedProvider(
  kind: string,
  search: Pick<PluginSearch, "directories" | "env" | "operator">,
): Promise<NamedProvider | undefined> {
  const { plugins } = await foundPlugins(search);
  const offering = plugins.flatMap((plugin) =>
    offersOf(plugin)
      .filter(({ id }, _, all) => id === kind || (plugin.manifest.id === kind && all.length === 1))
      .map((offer) => ({ plugin, offer })),
  );
  const ready = offering.filter(({ plugin }) => plugin.state.kind === "ready");
  const [only, another] = ready;
  if (another !== undefined) {
    const names = ready.map(({ plugin }) => plugin.manifest.id);
    throw new AkcError("PROVIDER_UNAVAILABLE", {
      message: `several plugins offer a provider ${kind}`,
      hint: `Name one of them as the bundle's deployment_provider.kind: ${names.join(", ")}.`,
    });
  }
  if (only !== undefined) return only;
  const [refused] = offering;
  if (refused !== undefined) readyPlugin(refused.plugin);
  return undefined;
}

function offersOf({ manifest }: FoundPlugin): readonly ProviderOffer[] {
  return Object.entries(manifest.offers.providers ?? {}).map(([id, { capabilities }]) => ({
    id,
    capabilities,
  }));
}

/** @throws AkcError PLUGIN_CONFIG_INVALID, PLUGIN_PROTOCOL_UNSUPPORTED */
export function openPluginProvider(
  { plugin, offer }: NamedProvider,
  { scope }: Pick<Deployment, "scope">,
  { env, clock, scopeRoot, operator, policy }: ProviderHost,
): Provider {
  const { manifest, source } = plugin;
  const granted = grantsOf(manifest, operator, policy, { embedded: source.kind === "embedded" });
  const host = createPluginHost({
    env,
    // No plugin may reach the state of a run.
    closedPaths: [databasePath(scopeRoot), artifactsRoot(scopeRoot)],
  });
  const handle = host.open(plugin, granted, wireMap(settingsOf(manifest, operator)));
  const secrets = new HandedOver();
  const sources = new Map(operator?.plugins?.secrets ?? []);
  const services = servicesFor(
    { timeoutMs: limits.providerChangeMsMax, handoffs: [] },
    { granted, secrets, lane: policy.http, secretOf: (name) => readSecret(name, sources, env) },
  );
  const provider = createPluginProvider(handle, offer, {
    scope,
    clock,
    services,
    clean: (text) => secrets.text(text),
  });
  return {
    ...provider,
    async close() {
      await provider.close();
      await host.close();
    },
  };
}
