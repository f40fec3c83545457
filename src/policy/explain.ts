/**
 * Says how a decision came about: the whole narrowing chain, and what each rule did to one action.
 * Plain data only; it replays the rules and never decides anything itself.
 *
 * Source: spec bundle §8.9, spec cli §3.6; cli:W-42.
 */
import type { Bundle } from "../bundle/model.ts";
import type { JsonObject } from "../json/value.ts";
import { decide, decideDispatch } from "./decide.ts";
import { policyInputs } from "./derive.ts";
import type { PolicyInputs } from "./inputs.ts";
import { type Decision, type OperatorPolicy, policyActions, type RunPolicy } from "./model.ts";
import { applyRules, narrowing, type PolicyRule } from "./rules.ts";
import { shellWord } from "./shell-word.ts";

/** One rule of the chain and what it did to the action asked about. */
export interface ExplainStep {
  readonly rule: string;
  readonly source: Decision["source"];
  readonly says: "baseline" | "deny_action_types" | PolicyRule["kind"];
  /** Id of the policy that the rule belongs to. */
  readonly subject?: string;
  /** The rule's own list. */
  readonly actions: readonly string[];
  /** `gone`: the rule would have taken it away, but an earlier one had. */
  readonly effect: "grants" | "keeps" | "removes" | "gone";
}

/** What bounds the execution of an allowed route, and which switches of the bundle opened it. */
export interface ExplainLane {
  readonly kind: "subprocess" | "http";
  /** Some switch of the bundle enables it; the decision says whether the action is allowed as well. */
  readonly open: boolean;
  readonly switches: readonly string[];
  /** The bounds as they stand after the operator. */
  readonly bounds: RunPolicy["subprocess"] | RunPolicy["http"];
}

export interface Explanation {
  readonly action: string;
  readonly decision: Decision;
  /** The rule that settled it; the same as the decision's. */
  readonly rule: string;
  readonly steps: readonly ExplainStep[];
  readonly lane?: ExplainLane;
  /** Policies of the intent that say nothing which can be applied; enforce and canary refuse the bundle for them. */
  readonly unresolved: readonly string[];
}

export interface ExplainOptions {
  /** The file that `policy` was derived under. */
  readonly operator?: OperatorPolicy;
  /** For `runtime.action.dispatch`: the type of the action to be dispatched. */
  readonly actionType?: string;
}

/**
 * How `policy`, derived from `bundle`, answers `action`.
 * @throws AkcError BUNDLE_INVALID as `derivePolicy` does
 */
export function explainDecision(
  bundle: Bundle,
  policy: RunPolicy,
  action: string,
  { operator, actionType }: ExplainOptions = {},
): Explanation {
  const name = action.trim();
  const inputs = policyInputs(bundle);
  const { rules } = narrowing(inputs, operator);
  const dispatched = name === "runtime.action.dispatch" ? actionType : undefined;
  const decision = dispatched === undefined ? decide(policy, name) : decideDispatch(policy, dispatched);
  const lane = laneOf(name, inputs, policy);
  return {
    action: name,
    decision,
    rule: decision.rule,
    steps: [
      ...(dispatched === undefined ? [] : typeSteps(policy, dispatched)),
      baselineStep(name),
      ...ruleSteps(name, rules),
    ],
    ...(lane === undefined ? {} : { lane }),
    unresolved: policy.unresolvedPolicyIds,
  };
}

/** Types are refused before the action is looked up, so the step stands first. */
function typeSteps(policy: RunPolicy, actionType: string): readonly ExplainStep[] {
  if (policy.denyActionTypes.size === 0) return [];
  return [
    {
      rule: "/runtime_policy_envelope/deny_action_types",
      source: "envelope",
      says: "deny_action_types",
      actions: [...policy.denyActionTypes],
      effect: policy.denyActionTypes.has(actionType) ? "removes" : "keeps",
    },
  ];
}

function baselineStep(action: string): ExplainStep {
  const known = policyActions.some((known) => known === action);
  const effect = known ? "grants" : "removes";
  return { rule: "baseline", source: "allowlist", says: "baseline", actions: policyActions, effect };
}

function ruleSteps(action: string, rules: readonly PolicyRule[]): readonly ExplainStep[] {
  const { takenBy } = applyRules(rules);
  let left = policyActions.some((known) => known === action);
  // Needs come last in the chain and are applied until nothing changes, so the order of `rules` is the order of events.
  return rules.flatMap((rule, index): ExplainStep[] => {
    if (rule.kind === "needs" && rule.action !== action) return [];
    const removes = takenBy[index]?.has(action) === true;
    const effect = removes ? "removes" : left ? "keeps" : "gone";
    if (removes) left = false;
    const subject = rule.subject === undefined ? {} : { subject: rule.subject };
    return [
      { rule: rule.pointer, source: rule.source, says: rule.kind, ...subject, actions: rule.actions, effect },
    ];
  });
}

function laneOf(action: string, inputs: PolicyInputs, policy: RunPolicy): ExplainLane | undefined {
  const { execution, envelope } = inputs;
  if (action === "runtime.action.execute.subprocess") {
    const switches = pointersOf({
      "/runtime_execution/allow_subprocess": execution.allow_subprocess,
      "/runtime_policy_envelope/runtime_allow_subprocess": envelope.runtime_allow_subprocess,
    });
    return {
      kind: "subprocess",
      open: policy.subprocess.enabled,
      switches,
      bounds: policy.subprocess,
    };
  }
  if (action === "runtime.action.execute.http") {
    const switches = pointersOf({
      "/runtime_execution/allow_http": execution.allow_http,
      "/runtime_policy_envelope/runtime_allow_http": envelope.runtime_allow_http,
    });
    return { kind: "http", open: policy.http.enabled, switches, bounds: policy.http };
  }
  return undefined;
}

function pointersOf(switches: Readonly<Record<string, boolean | undefined>>): readonly string[] {
  return Object.entries(switches).flatMap(([at, on]) => (on === true ? [at] : []));
}

/** What was refused: a decision of the policy, or a refusal that came before there was one. */
export type Denial =
  | { readonly kind: "decision"; readonly decision: Decision }
  | {
      readonly kind: "refusal";
      readonly reason: string;
      readonly source: Decision["source"];
      /** An error code, where there is one. */
      readonly code?: string;
    };

export interface DenialContext {
  readonly runId?: string;
  readonly runtimeRunId?: string;
  readonly bundlePath?: string;
  readonly policyEnvelopeSha256?: string;
  /** Fingerprint of the scope's policy bundle file, when there is one. */
  readonly policyBundleFingerprintSha256?: string;
  /** Stamps of the deployment (`AKC_POLICY_BUNDLE_ID`, `AKC_POLICY_GIT_SHA`, `AKC_REGO_PACK_VERSION`). */
  readonly policyBundleId?: string;
  readonly policyGitSha?: string;
  readonly regoPackVersion?: string;
  /** The command that shows the decision where the reader stands; made from the bundle's path when absent. */
  readonly followUp?: string;
}

/** The documented object for a denial, with the action, reason and source of the decision itself. */
export function policyDenialExplain(denial: Denial, context: DenialContext): JsonObject {
  const decision = denial.kind === "decision" ? denial.decision : undefined;
  const { reason, source } = denial.kind === "decision" ? denial.decision : denial;
  return {
    schema_id: "akc:policy_denial_explain:v1",
    run_kind: "runtime",
    run_id: context.runId ?? context.runtimeRunId ?? "unknown",
    ...(context.runtimeRunId === undefined ? {} : { runtime_run_id: context.runtimeRunId }),
    decision_path: "data.akc.allow",
    opa_policy_path: null,
    opa_decision_path: "data.akc.allow",
    reason,
    action: decision?.action ?? null,
    source,
    rule: decision?.rule ?? null,
    decision_code: denial.kind === "decision" ? null : (denial.code ?? "runtime.permission_denied"),
    policy_bundle_id: context.policyBundleId ?? null,
    policy_git_sha: context.policyGitSha ?? null,
    rego_pack_version: context.regoPackVersion ?? null,
    policy_bundle_fingerprint_sha256: context.policyBundleFingerprintSha256 ?? null,
    policy_envelope_sha256: context.policyEnvelopeSha256 ?? null,
    doc_anchor_suggestion: "docs/policy.md#reading-a-denial",
    control_followup_cli: context.followUp ?? followUp(decision, context.bundlePath),
  };
}

function followUp(decision: Decision | undefined, bundlePath: string | undefined): string {
  const bundle = bundlePath === undefined ? "BUNDLE" : shellWord(bundlePath);
  return `akc policy explain --bundle ${bundle} --action ${decision?.action ?? "runtime.action.dispatch"}`;
}
