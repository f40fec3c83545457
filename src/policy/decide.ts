/**
 * Answers, for a policy already derived, whether an action may happen and by which rule.
 * Never records, never blocks and never changes its mind within a run: the same question has the same, shared answer.
 *
 * Source: spec bundle §8.5, spec kernel §9.9.
 */
import { type Decision, type PolicyAction, policyActions, type RunPolicy } from "./model.ts";

const dispatch: PolicyAction = "runtime.action.dispatch";

interface Answers {
  readonly byAction: ReadonlyMap<string, Decision>;
  readonly deniedType: Decision;
}

// A run asks some hundred thousand times and there are nine answers: each is made once for a policy.
const answersOf = new WeakMap<RunPolicy, Answers>();

/** The decision on `action`. Frozen and shared. */
export function decide(policy: RunPolicy, action: string): Decision {
  const answers = answersOf.get(policy) ?? remember(policy);
  return answers.byAction.get(action) ?? answer(policy, action.trim());
}

/** The decision on dispatching an action of `actionType`: `deny_action_types` counts in every mode. */
export function decideDispatch(policy: RunPolicy, actionType: string): Decision {
  if (!policy.denyActionTypes.has(actionType)) return decide(policy, dispatch);
  return (answersOf.get(policy) ?? remember(policy)).deniedType;
}

/** Whether the operator permits a deployment provider of `kind`; without a list every kind is permitted. */
export function providerPermitted(policy: RunPolicy, kind: string): boolean {
  return policy.providers === undefined || policy.providers.includes(kind);
}

function remember(policy: RunPolicy): Answers {
  const answers: Answers = {
    byAction: new Map(policyActions.map((action) => [action, answer(policy, action)])),
    deniedType: Object.freeze({
      action: dispatch,
      allowed: false,
      reason: "policy.envelope.action_type_denied",
      source: "envelope",
      rule: "/runtime_policy_envelope/deny_action_types",
      mode: modeOf(policy),
    }),
  };
  answersOf.set(policy, answers);
  return answers;
}

function answer(policy: RunPolicy, action: string): Decision {
  const allowed = policy.allow.has(action);
  const by = policy.deniedBy.get(action) ?? { rule: "baseline", source: "allowlist" as const };
  return Object.freeze({
    action,
    allowed,
    reason: reasonOf(action, allowed),
    source: allowed ? "allowlist" : by.source,
    rule: allowed ? "baseline" : by.rule,
    mode: modeOf(policy),
  });
}

function reasonOf(action: string, allowed: boolean): string {
  if (allowed) return "policy.allowlist.allow";
  return action === "" ? "policy.action_empty" : "policy.default_deny.action_not_allowlisted";
}

/** Only `simulate` is for the record alone; `canary` enforces (bundle:W-13). */
function modeOf(policy: RunPolicy): Decision["mode"] {
  return policy.mode === "simulate" ? "audit_only" : "enforce";
}
