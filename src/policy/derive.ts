/**
 * Makes the policy of one run: everything, minus what the bundle takes away, minus what the operator takes away.
 * Computed once before anything runs and never changed; default deny, and nothing here allows what a rule denied.
 *
 * Source: spec bundle §8.4; bundle:W-13, W-19, W-20, W-21.
 */
import type { Bundle, PolicyMode } from "../bundle/model.ts";
import { AkcError, type Issue } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { sortedByCodePoint } from "../json/order.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { evidenceExpectations } from "./expectations.ts";
import { type PolicyInputs, type PolicySource, readPolicyInputs } from "./inputs.ts";
import {
  actionDeadlineMsMax,
  actionsInFlightMax,
  agentWorkerLane,
  httpLane,
  runDeadlineMs,
  subprocessLane,
} from "./lanes.ts";
import type { OperatorPolicy, RunPolicy } from "./model.ts";
import { applyRules, narrowing, type UnresolvedPolicy } from "./rules.ts";

export interface DeriveOptions {
  /** Refuse actions that have nothing to execute, whatever the operator's file says. */
  readonly requireEffects?: boolean;
}

/**
 * The policy of a run of `bundle` under `operator`. `simulate` and `enforce` decide the same; they differ in what
 * the kernel does with the answer, and in that an unresolved policy only warns in `simulate`.
 * @throws AkcError BUNDLE_INVALID with every value of a wrong type; POLICY_UNKNOWN naming every unresolved policy
 *   (enforce and canary).
 */
export function derivePolicy(
  bundle: Bundle,
  mode: PolicyMode,
  operator?: OperatorPolicy,
  options: DeriveOptions = {},
): RunPolicy {
  const inputs = policyInputs(bundle);
  const chain = narrowing(inputs, operator);
  if (mode !== "simulate" && chain.unresolved.length > 0) throw unknownPolicies(chain.unresolved);
  const { allow, deny, deniedBy } = applyRules(chain.rules);
  const unresolvedPolicyIds = sorted(chain.unresolved.map((policy) => policy.id));
  const http = httpLane(inputs, operator);
  const worker = agentWorkerLane(inputs, http, allow);
  const deadlineMs = runDeadlineMs(inputs, operator);
  const effectiveEnvelope: JsonObject = {
    ...bundle.policyEnvelope,
    effective_allow_actions: sorted(allow),
    effective_deny_actions: sorted(deny),
    unresolved_intent_policy_ids: unresolvedPolicyIds,
  };
  return {
    mode,
    allow,
    deny,
    deniedBy,
    denyActionTypes: new Set(inputs.envelope.deny_action_types ?? []),
    unresolvedPolicyIds,
    subprocess: subprocessLane(inputs, operator),
    http,
    ...(worker === undefined ? {} : { agentWorkerHttp: worker }),
    ...(operator?.providers === undefined ? {} : { providers: operator.providers }),
    allowNetwork: inputs.envelope.allow_network === true,
    requireEffects: options.requireEffects === true || operator?.requireEffects === true,
    ...(deadlineMs === undefined ? {} : { runDeadlineMs: deadlineMs }),
    actionDeadlineMsMax: actionDeadlineMsMax(operator),
    actionsInFlightMax: actionsInFlightMax(operator),
    evidenceExpectations: evidenceExpectations({
      evaluationModes: inputs.evaluationModes,
      requireReconcileEvidence: inputs.envelope.require_reconcile_evidence === true,
      declared: [inputs.declaredExpectations, inputs.envelope.runtime_evidence_expectations ?? []],
      widen: inputs.envelope.allow_runtime_evidence_expectation_widening === true,
    }),
    effectiveEnvelope,
    envelopeSha256: fingerprint(effectiveEnvelope),
  };
}

/** @throws AkcError BUNDLE_INVALID with every issue */
export function policyInputs(bundle: PolicySource): PolicyInputs {
  const issues: Issue[] = [];
  const inputs = readPolicyInputs(bundle, issues);
  if (issues.length === 0) return inputs;
  throw new AkcError("BUNDLE_INVALID", {
    message: "the bundle's policy is not valid",
    details: { issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
  });
}

function unknownPolicies(unresolved: readonly UnresolvedPolicy[]): AkcError {
  const ids = sorted(unresolved.map((policy) => policy.id));
  return new AkcError("POLICY_UNKNOWN", {
    message: `the bundle names policies that akc cannot apply: ${ids.join(", ")}`,
    hint:
      "Give each an explicit list in its metadata (runtime_allow_actions or runtime_deny_actions), " +
      "or say in the operator's file what it means: `policies: { <id>: { deny_actions: […] } }` or `{ acknowledge: true }`.",
    details: { policyIds: ids },
    issues: unresolved
      .slice(0, limits.issuesShownMax)
      .map(({ id, pointer }) => ({ path: pointer, message: `policy ${id} has no explicit list` })),
  });
}

function sorted(names: Iterable<string>): readonly string[] {
  return sortedByCodePoint([...new Set(names)]);
}
