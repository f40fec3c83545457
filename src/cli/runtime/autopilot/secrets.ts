/**
 * The values of the secrets that a configuration names, for one purpose: to be taken out of whatever is logged. They go nowhere else.
 */
import type { AutopilotConfig } from "../../../autopilot/config/model.ts";
import { readSecret } from "../../../autopilot/config/secret.ts";
import type { Environment } from "../../io.ts";

/** Those that can be read; whoever needs one that cannot says so itself. */
export async function secretsIn(config: AutopilotConfig, env: Environment): Promise<readonly string[]> {
  const hooks = [config.defaults, ...config.scopes.values()].map(({ recompile }) =>
    recompile?.kind === "http" ? recompile.secretFile : undefined,
  );
  const places = new Set([config.webhook?.secretFile, ...hooks]);
  const secrets: string[] = [];
  for (const place of places) {
    if (place === undefined) continue;
    const secret = await readSecret(place, env).catch(() => undefined);
    if (secret !== undefined) secrets.push(secret);
  }
  return secrets;
}
