/**
 * Reads the configuration again for a controller that runs: one that is not valid, that takes too long, or that would change what only
 * counts from a start on, is refused by name and changes nothing.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { AutopilotConfig } from "../config/model.ts";
import { fixedChanges } from "../config/reload.ts";
import { ask } from "../visiting/bounded.ts";

export type Reread =
  | { readonly kind: "read"; readonly config: AutopilotConfig }
  | { readonly kind: "refused"; readonly why: string };

export async function rereadConfig(
  before: AutopilotConfig,
  readConfig: () => Promise<AutopilotConfig>,
  clock: Clock,
): Promise<Reread> {
  try {
    const bounds = { clock, signals: [] };
    const config = await ask("reading the configuration", limits.autopilotAskMsMax, bounds, readConfig);
    const fixed = fixedChanges(before, config);
    if (fixed.length === 0) return { kind: "read", config };
    return { kind: "refused", why: `${fixed.join(", ")} cannot change while it runs: restart to apply` };
  } catch (cause) {
    const { message, issues } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
    const [first] = issues;
    return { kind: "refused", why: first === undefined ? message : `${message}: ${first.message}` };
  }
}
