/**
 * Whether a scope of which something is known is still watched, as far as the configuration says. Looks which scopes there are, and says
 * nothing where nobody can tell.
 */
import type { AutopilotConfig } from "../../autopilot/config/model.ts";
import { type ScopeId, scopeName } from "../../autopilot/model.ts";
import { discoverScopes } from "../../autopilot/scopes.ts";

/** Undefined: nobody can tell. */
export type Watches = (scope: ScopeId) => boolean | undefined;

export async function watchesOf(
  config: Pick<AutopilotConfig, "outputsRoot" | "discovery"> | undefined,
): Promise<Watches> {
  if (config === undefined) return () => undefined;
  const { scopes, faults } = await discoverScopes(config);
  const names = new Set(scopes.map(scopeName));
  // A registry that cannot be read says of nobody that he is not in it.
  return (scope) => names.has(scopeName(scope)) || (faults.length > 0 ? undefined : false);
}

export const noLongerWatched = "no longer watched";
