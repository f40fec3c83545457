/**
 * Makes ready what a run is to bring about: what the bundle wants to stand, with every gate that it has to pass, and the provider
 * for it. All of this before anything of the run happens.
 *
 * Source: spec reconcile §4.2, §4.3; W-01, W-11.
 */
import { AkcError } from "../../errors.ts";
import { providerPermitted } from "../../policy/decide.ts";
import { needsPromotion } from "../../policy/deployment/kinds.ts";
import { createInMemoryProvider, inMemoryProviderId } from "../../providers/in-memory.ts";
import type { Prepared } from "../prepare.ts";
import { openAnalyst, probesOnly } from "./analyst.ts";
import { type Convergence, convergenceOf } from "./converge.ts";
import { deploymentOf, onlyObserves } from "./deployment.ts";
import { refuseClosedGates } from "./gates.ts";
import { findProvider, type ProviderHost } from "./open-provider.ts";
import { refuseOtherManifest } from "./pinned-manifest.ts";

export interface ConvergenceHost extends Omit<ProviderHost, "policy" | "operator"> {
  /** Absolute path of the registry of validator bindings; absent: there is none. */
  readonly validatorBindings?: string | undefined;
}

/**
 * Undefined when the bundle wants nothing to stand, and in a simulated run whose provider cannot be asked here.
 * @param ask whether what stands is asked for in any case: then a provider that cannot be asked is an error
 * @throws AkcError DESIRED_STATE_INVALID, DEPENDENCY_CYCLE, POLICY_DENIED, PROVIDER_GATED, PROVIDER_UNAVAILABLE, PROMOTION_REFUSED,
 *   and what the pinned manifest is refused for
 */
export async function openConvergence(
  { bundle, policy, operator }: Pick<Prepared, "bundle" | "policy" | "operator">,
  host: ConvergenceHost,
  { ask = false }: { readonly ask?: boolean } = {},
): Promise<Convergence | undefined> {
  const deployment = deploymentOf(bundle, policy.mode);
  if (deployment === undefined) return undefined;
  const simulated = policy.mode === "simulate";
  const { kind } = deployment;
  try {
    const open = await findProvider(deployment, { ...host, operator });
    const mutating = !simulated && !onlyObserves(kind);
    await refuseClosedGates({
      bundle,
      policy,
      env: host.env,
      kind,
      scopeRoot: host.scopeRoot,
      mutating,
      nowMs: host.clock.nowMs(),
    });
    if (mutating && needsPromotion(kind)) await refuseOtherManifest(deployment);
    const analyst = await openAnalyst(deployment.strategy, {
      ...host,
      operator,
      bindingsPath: host.validatorBindings,
      pluginsDirs: host.pluginsDirs ?? [],
    });
    const provider = await open({ ...host, operator, policy });
    return convergenceOf({ deployment, provider, analyst, policy });
  } catch (cause) {
    if (simulated && !ask && cause instanceof AkcError && notToBeAsked.has(cause.code)) return undefined;
    throw cause;
  }
}

/** A simulation decides what can be decided here; what a host lacks that will never run the bundle is no fault of the bundle. */
const notToBeAsked: ReadonlySet<string> = new Set(["PROVIDER_GATED", "PROVIDER_UNAVAILABLE", "TOOL_MISSING"]);

/** As `openConvergence`, for a run that is kept in memory alone: there nothing outside can be deployed. */
export function convergenceInMemory({
  bundle,
  policy,
}: Pick<Prepared, "bundle" | "policy">): Convergence | undefined {
  const deployment = deploymentOf(bundle, policy.mode);
  if (deployment === undefined) return undefined;
  const { kind } = deployment;
  if (!providerPermitted(policy, kind)) {
    throw new AkcError("POLICY_DENIED", { message: `the operator does not permit the provider ${kind}` });
  }
  if (kind === inMemoryProviderId) {
    return convergenceOf({ deployment, provider: createInMemoryProvider(), analyst: probesOnly, policy });
  }
  if (policy.mode === "simulate") return undefined;
  throw new AkcError("PROVIDER_UNAVAILABLE", {
    message: `a run that is kept in memory cannot deploy by ${kind}`,
    details: { provider: kind, available: [inMemoryProviderId] },
  });
}
