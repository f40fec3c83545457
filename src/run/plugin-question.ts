/**
 * One question to a plugin outside of any run: the plugin is found, trusted and granted as always, asked once, ended. It gets what its
 * grants say and a folder of its own.
 *
 * Source: docs/plugins.md; docs/plugin-protocol.md, "adapter/execute".
 */
import { type AdapterQuestion, type AdapterReply, askAdapter } from "../adapters/plugin/question.ts";
import { wireMap } from "../adapters/plugin/request.ts";
import { grantsOf } from "../plugin-host/grants.ts";
import { createPluginHost } from "../plugin-host/host.ts";
import { settingsOf } from "../plugin-host/settings.ts";
import { namedPlugin, type PluginSearch } from "./plugins.ts";

export interface PluginQuestion extends PluginSearch, AdapterQuestion {
  /** `vendor/name` of a plugin with one adapter, or the adapter's own id. */
  readonly adapter: string;
  /** Absolute paths that it may not reach whatever it was granted. */
  readonly closedPaths: readonly string[];
}

/** @throws AkcError ADAPTER_UNKNOWN, PLUGIN_…, CONTAINMENT_UNAVAILABLE; CANCELLED when the signal aborts */
export async function askPlugin(question: PluginQuestion, signal: AbortSignal): Promise<AdapterReply> {
  const { plugin, offer } = await namedPlugin(question.adapter, question);
  const { manifest, source } = plugin;
  const { operator, env, workdir, closedPaths } = question;
  const granted = grantsOf(manifest, operator, undefined, { embedded: source.kind === "embedded" });
  const host = createPluginHost({ env, closedPaths });
  try {
    const own = { ...granted, write: [...granted.write, workdir] };
    const handle = host.open(plugin, own, wireMap(settingsOf(manifest, operator)));
    return await askAdapter(handle, offer.id, question, signal);
  } finally {
    await host.close();
  }
}
