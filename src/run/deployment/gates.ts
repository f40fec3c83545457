/**
 * Everything that must be true before a bundle's deployment provider may be used: asked once, before any action of the run starts.
 * It refuses or is silent; it never chooses another provider, and changes nothing.
 *
 * Source: spec reconcile §1.11, §4.2, §4.3; reconcile:W-01, W-03, W-04, W-11, bundle:W-16, W-45.
 */
import type { Bundle } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { decide, providerPermitted } from "../../policy/decide.ts";
import { changeGate, closedGate } from "../../policy/deployment/gate.ts";
import { needsPromotion, providerReach } from "../../policy/deployment/kinds.ts";
import { unmetContract } from "../../policy/deployment/provider-contract.ts";
import type { Decision, RunPolicy } from "../../policy/model.ts";
import { refuseUnpromoted } from "./promotion.ts";

export interface GatesInput {
  readonly bundle: Bundle;
  readonly policy: RunPolicy;
  /** The environment of akc itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The kind of provider that is to be used: a kind of akc's own, or the id of a plugin's provider. */
  readonly kind: string;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  /** Whether the run may change what stands: enforce and canary, unless it only looks (`--dry-run`). */
  readonly mutating: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * @throws AkcError POLICY_DENIED when the operator does not permit the kind; PROVIDER_GATED with `details.gate`, the variable that
 *   would open it; PROVIDER_CONTRACT_UNMET and PROMOTION_REFUSED with every unmet point
 */
export async function refuseClosedGates(input: GatesInput): Promise<void> {
  const { bundle, kind, scopeRoot, mutating, nowMs } = input;
  refuseForbidden(input);
  if (mutating && needsPromotion(kind)) await refuseUnpromoted({ bundle, kind, scopeRoot, nowMs });
}

/** As `refuseClosedGates`, without the promotion, which is the only gate that reads files. */
export function refuseForbidden(input: Omit<GatesInput, "scopeRoot" | "nowMs">): void {
  const { policy, env, kind, mutating } = input;
  if (!providerPermitted(policy, kind)) throw notPermitted(kind);
  const gate = closedGate({ kind, mutating, policy, env });
  if (gate !== undefined) throw gated(kind, gate);
  if (!mutating) return;
  // A simulation's policy lets pass what only a simulation may do, and a recorded mode must not carry it into a change (W-03).
  if (policy.mode === "simulate") {
    throw new AkcError("INTERNAL", { message: "the policy of a simulation was to carry a change" });
  }
  refuseUnmetContract(input);
}

/**
 * The decision by which nothing of the run could be deployed, known before anything starts; undefined when changes are allowed, in a
 * simulation, and for a kind that only looks. Worth asking only where resources are desired.
 */
export function deniedBeforehand(policy: RunPolicy, kind?: string): Decision | undefined {
  if (policy.mode === "simulate") return undefined;
  if (kind !== undefined && providerReach(kind) === "looks") return undefined;
  const decision = decide(policy, "service.reconcile.apply");
  return decision.allowed ? undefined : decision;
}

function refuseUnmetContract({
  bundle,
  kind,
  policy,
  env,
}: Pick<GatesInput, "bundle" | "kind" | "policy" | "env">): void {
  const issues = unmetContract({ metadata: bundle.metadata, kind, policy, env });
  if (issues.length === 0) return;
  throw new AkcError("PROVIDER_CONTRACT_UNMET", {
    details: { provider: kind, issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
  });
}

function notPermitted(kind: string): AkcError {
  return new AkcError("POLICY_DENIED", {
    message: `the operator does not permit the provider ${kind}`,
    hint: "Add it to `providers` in the operator's policy, or deploy with a provider that is listed there.",
    details: { provider: kind, rule: "operator:/providers" },
  });
}

function gated(kind: string, gate: string): AkcError {
  const what = gate === changeGate ? "change what stands" : "look at what stands";
  return new AkcError("PROVIDER_GATED", {
    message: `the provider ${kind} may not ${what} here: ${gate} is not 1`,
    hint: `Set ${gate}=1 in the environment of akc, or name ${kind} under \`providers\` in the operator's policy.`,
    details: { provider: kind, gate },
  });
}
