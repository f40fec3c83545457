/** What one scope goes by, out of the whole configuration. Pure. */
import { join } from "node:path";
import { type ScopeId, scopeName } from "../model.ts";
import type { AutopilotConfig, ScopeConfig } from "./model.ts";

export function scopeConfigOf(
  config: Pick<AutopilotConfig, "outputsRoot" | "defaults" | "scopes">,
  scope: ScopeId,
): ScopeConfig {
  const key = scopeName(scope);
  return { ...config.defaults, ...config.scopes.get(key), scope, scopeRoot: join(config.outputsRoot, key) };
}
