/**
 * Watches by a plugin's `provider/watch`, one call after the other. Whenever it may have missed something it says that anything may
 * have changed; it ends only when it is told to.
 */
import { limits } from "../../limits.ts";
import { hostCalls } from "../../sdk/protocol.ts";
import type { Clock } from "../../system/clock.ts";
import type { ProviderCall } from "../contract.ts";
import type { PluginLook } from "./look.ts";
import { readWatched } from "./wire.ts";

export async function watchPlugin(
  look: PluginLook,
  changed: (resourceIds: readonly string[]) => void,
  clock: Clock,
  call: ProviderCall,
): Promise<void> {
  const { signal } = call;
  let cursor: string | undefined;
  let waitMs: number = limits.reconcileRetryBaseMs;
  while (!signal.aborted) {
    try {
      const params = cursor === undefined ? {} : { cursor };
      const watched = readWatched(
        await look.ask(hostCalls.providerWatch, params, limits.pluginCallMsMax, call),
      );
      cursor = watched.cursor;
      waitMs = limits.reconcileRetryBaseMs;
      if (watched.changed.length > 0) changed(watched.changed);
    } catch {
      if (signal.aborted) return;
      // What changed between this cursor and the next nobody knows.
      cursor = undefined;
      changed([]);
      await clock.sleep(waitMs, signal);
      waitMs = Math.min(waitMs * 2, limits.reconcileRetryMsMax);
    }
  }
}
