/**
 * The gates that an operator opens for deployment providers: by a variable of akc's environment, or by naming the kind in the policy
 * file. Never reads a bundle: nothing that one says can open a gate (reconcile:W-04).
 *
 * Source: spec reconcile §4.2.
 */
import type { RunPolicy } from "../model.ts";
import { providerReach } from "./kinds.ts";

/** Opens the kinds that only look. */
const lookGate = "AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER";
/** Opens the kinds that change what stands. */
export const changeGate = "AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER";

export interface GateQuestion {
  readonly kind: string;
  /** Whether the run may change what stands. */
  readonly mutating: boolean;
  readonly policy: Pick<RunPolicy, "providers">;
  /** The environment of akc itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The variable whose gate is closed for a provider of `kind`; undefined when the provider may be used. */
export function closedGate({ kind, mutating, policy, env }: GateQuestion): string | undefined {
  const reach = providerReach(kind);
  if (reach === "nothing" || policy.providers?.includes(kind) === true) return undefined;
  const open = (variable: string) => env[variable] === "1";
  if (reach === "changes" && open(changeGate)) return undefined;
  if (reach === "changes" && mutating) return changeGate;
  // A kind that may change looks at the same places: naming it must not be a way around the gate of those that only look.
  return open(lookGate) ? undefined : lookGate;
}
