/**
 * Says of the files that a configuration names which ones are not there yet: that is no fault, since they may come before they are
 * needed, and yet it is hardly ever meant. Opens nothing and reads no secret.
 */
import { accessSync, constants } from "node:fs";
import type { AutopilotConfig } from "./model.ts";
import { secretVariable } from "./secret.ts";

/** One line for each, for people. */
export function missingFiles({
  webhook,
  defaults,
  scopes,
}: Pick<AutopilotConfig, "webhook" | "defaults" | "scopes">): readonly string[] {
  const found = new Set<string>();
  const secret = webhook?.secretFile;
  if (secret !== undefined && secret !== secretVariable && !may(secret, constants.R_OK)) {
    found.add(`webhook: its secret ${secret} cannot be read; until it can, no delivery is taken`);
  }
  for (const { recompile } of [defaults, ...scopes.values()]) {
    const [program] = recompile?.kind === "command" ? recompile.argv : [];
    if (program !== undefined && !may(program, constants.X_OK)) {
      found.add(`recompile.command: ${program} is not there, or may not be run`);
    }
  }
  return [...found];
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
