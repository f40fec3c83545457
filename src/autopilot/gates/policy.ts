/**
 * Whether the operator's policy permits what the bundle's deployment needs in mode enforce: asked of the policy and of the gates of
 * deployment providers, before anything of a run exists. It decides nothing anew; what a run itself would refuse is refused here.
 *
 * Source: spec cli §14.7; docs/policy.md.
 */
import { AkcError } from "../../errors.ts";
import { onlyObserves } from "../../run/deployment/deployment.ts";
import { deniedBeforehand, refuseForbidden } from "../../run/deployment/gates.ts";
import { closed, open, unable } from "./answer.ts";
import type { GateAnswer } from "./model.ts";
import type { WeighedBundle } from "./weighed-bundle.ts";

export interface PolicyDeps {
  /** Of akc itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @param weigh reads the bundle; what it throws is this gate's to tell */
export async function policyGate(
  weigh: () => Promise<WeighedBundle>,
  { env }: PolicyDeps,
): Promise<GateAnswer> {
  try {
    const { bundle, policy, kind } = await weigh();
    if (kind === undefined) return open("policy", "nothing_to_deploy", "the bundle wants nothing to stand");
    refuseForbidden({ bundle, policy, env, kind, mutating: !onlyObserves(kind) });
    const denied = deniedBeforehand(policy, kind);
    if (denied === undefined) return open("policy", "policy_allowed", `the policy permits ${kind}`);
    return closed("policy", {
      reason: "policy_denied",
      message: `the policy denies ${denied.action}: ${denied.reason}`,
      opens: `Allow ${denied.action} in the operator's policy and in the bundle's envelope.`,
      details: { action: denied.action, rule: denied.rule },
    });
  } catch (cause) {
    return refused(cause);
  }
}

/** A denial is an answer; a bundle that nobody can read is none. */
function refused(cause: unknown): GateAnswer {
  const fault = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
  const { code, message, hint, issues } = fault;
  const answer = fault.class === "denied" || deniesToo.has(code) ? closed : unable;
  return answer("policy", {
    reason: code.toLowerCase(),
    message,
    opens: hint,
    details: {
      code,
      issues: issues.slice(0, issuesShown).map(({ path, message: why }) => ({ path, message: why })),
    },
  });
}

/** They say what the operator, or the bundle in his stead, does not permit. */
const deniesToo: ReadonlySet<string> = new Set([
  "PROVIDER_GATED",
  "PROVIDER_CONTRACT_UNMET",
  "POLICY_DENIED",
  "BUNDLE_SCOPE_MISMATCH",
]);
const issuesShown = 10;
