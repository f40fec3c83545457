/**
 * The narrowing chain: every explicit list that takes actions away, in the order in which it is applied.
 * No rule ever gives an action back, and no text of a policy is searched for words (bundle:W-20).
 *
 * Source: spec bundle §8.4.
 */
import { pointer } from "./border.ts";
import { envelopePointer } from "./envelope.ts";
import type { NamedPolicy, PolicyInputs } from "./inputs.ts";
import { type Decision, type OperatorPolicy, type PolicyAction, policyActions } from "./model.ts";

export type PolicyRule = ListRule | NeedRule;

/** Keeps only, or takes away, the actions listed. */
interface ListRule {
  readonly kind: "allow_only" | "deny";
  readonly source: Decision["source"];
  readonly pointer: string;
  /** The policy that the list belongs to. */
  readonly subject?: string;
  readonly actions: readonly string[];
}

/** Takes `action` away unless all of `actions` are left. */
interface NeedRule {
  readonly kind: "needs";
  readonly source: "contract";
  readonly pointer: string;
  readonly subject?: string;
  readonly action: PolicyAction;
  readonly actions: readonly string[];
}

/** A policy that says nothing which can be applied. */
export interface UnresolvedPolicy {
  /** Its id, or its pointer when the bundle gives it none. */
  readonly id: string;
  readonly pointer: string;
}

export interface Narrowing {
  readonly rules: readonly PolicyRule[];
  readonly unresolved: readonly UnresolvedPolicy[];
}

/** The whole chain of one bundle under one operator: envelope, intent, IR, knowledge, operator, then route needs. */
export function narrowing(inputs: PolicyInputs, operator?: OperatorPolicy): Narrowing {
  const rules: PolicyRule[] = [...envelopeRules(inputs)];
  const unresolved: UnresolvedPolicy[] = [];
  for (const policy of inputs.policies) {
    const own = policyRules(policy);
    const resolution = policy.id === undefined ? undefined : operator?.policies?.get(policy.id);
    rules.push(...own);
    if (policy.id !== undefined) rules.push(...resolutionRules(policy.id, operator));
    // Nodes of the IR describe as often as they forbid; only a policy of the intent must be accounted for.
    if (policy.source === "intent" && !hasLists(policy) && resolution === undefined) {
      unresolved.push({ id: policy.id ?? policy.pointer, pointer: policy.pointer });
    }
  }
  rules.push(...knowledgeRules(inputs), ...operatorRules(operator), ...needRules(inputs));
  return { rules, unresolved };
}

export interface Narrowed {
  readonly allow: ReadonlySet<string>;
  readonly deny: ReadonlySet<string>;
  readonly deniedBy: ReadonlyMap<string, { readonly rule: string; readonly source: Decision["source"] }>;
  /** What each rule took away, at the rule's own index. */
  readonly takenBy: readonly ReadonlySet<string>[];
}

/** Applies the chain to the baseline. The first rule that takes an action away is the one remembered. */
export function applyRules(rules: readonly PolicyRule[]): Narrowed {
  const allow = new Set<string>(policyActions);
  const deny = new Set<string>();
  const deniedBy = new Map<string, { readonly rule: string; readonly source: Decision["source"] }>();
  const takenBy = rules.map(() => new Set<string>());
  const take = (action: string, index: number, rule: PolicyRule): void => {
    if (allow.delete(action)) takenBy[index]?.add(action);
    if (!deniedBy.has(action)) deniedBy.set(action, { rule: rule.pointer, source: rule.source });
  };
  for (const [index, rule] of rules.entries()) {
    if (rule.kind === "deny") {
      for (const action of rule.actions) {
        deny.add(action);
        take(action, index, rule);
      }
    } else if (rule.kind === "allow_only") {
      const kept = new Set(rule.actions);
      for (const action of [...allow]) if (!kept.has(action)) take(action, index, rule);
    }
  }
  // A need can fail because another need took something away: as often as there are rules is enough.
  for (let left = 0; left < rules.length; left++) {
    let changed = false;
    for (const [index, rule] of rules.entries()) {
      if (rule.kind !== "needs" || !allow.has(rule.action)) continue;
      if (rule.actions.every((action) => allow.has(action))) continue;
      take(rule.action, index, rule);
      changed = true;
    }
    if (!changed) break;
  }
  return { allow, deny, deniedBy, takenBy };
}

function envelopeRules({ envelope }: PolicyInputs): PolicyRule[] {
  return [
    ...lists("allow_only", "envelope", envelopePointer, {
      allow_actions: envelope.allow_actions,
      allow_runtime_actions: envelope.allow_runtime_actions,
    }),
    ...lists("deny", "envelope", envelopePointer, {
      deny_actions: envelope.deny_actions,
      deny_runtime_actions: envelope.deny_runtime_actions,
    }),
  ];
}

function policyRules({ source, listsPointer, lists: own, id }: NamedPolicy): PolicyRule[] {
  return [
    ...lists(
      "allow_only",
      source,
      listsPointer,
      { runtime_allow_actions: own.runtime_allow_actions, allow_runtime_actions: own.allow_runtime_actions },
      id,
    ),
    ...lists(
      "deny",
      source,
      listsPointer,
      { runtime_deny_actions: own.runtime_deny_actions, deny_runtime_actions: own.deny_runtime_actions },
      id,
    ),
  ];
}

function hasLists({ lists: own }: NamedPolicy): boolean {
  return Object.values(own).some((list) => list !== undefined);
}

function resolutionRules(id: string, operator: OperatorPolicy | undefined): PolicyRule[] {
  const resolution = operator?.policies?.get(id);
  const at = `operator:${pointer("policies", id)}`;
  return [
    ...lists("allow_only", "operator", at, { allow_actions: resolution?.allowActions }, id),
    ...lists("deny", "operator", at, { deny_actions: resolution?.denyActions }, id),
  ];
}

/** What an egress ban takes away (spec bundle §8.3). */
const egressActions = [
  "runtime.action.execute.http",
  "service.reconcile.apply",
  "service.reconcile.rollback",
] as const satisfies readonly PolicyAction[];

function knowledgeRules({ envelope }: PolicyInputs): PolicyRule[] {
  const egress = envelope.knowledge_network_egress_forbidden === true ? egressActions : undefined;
  return lists("deny", "knowledge", envelopePointer, {
    knowledge_network_egress_forbidden: egress,
    knowledge_derived_deny_actions: envelope.knowledge_derived_deny_actions,
  });
}

function operatorRules(operator: OperatorPolicy | undefined): PolicyRule[] {
  return [
    ...lists("allow_only", "operator", "operator:", { allow_actions: operator?.allowActions }),
    ...lists("deny", "operator", "operator:", { deny_actions: operator?.denyActions }),
  ];
}

/** The action that carries a route out; a route without one of its own is carried out by the dispatch. */
function actionOfRoute(route: string): PolicyAction {
  if (route === "subprocess") return "runtime.action.execute.subprocess";
  return route === "http" ? "runtime.action.execute.http" : "runtime.action.dispatch";
}

function needRules({ routeNeeds }: PolicyInputs): PolicyRule[] {
  return [...routeNeeds]
    .filter(([, actions]) => actions.length > 0)
    .map(([route, actions]) => ({
      kind: "needs",
      source: "contract",
      pointer: pointer("workflow_execution_contract", "required_policy_actions_by_route", route),
      action: actionOfRoute(route),
      actions,
    }));
}

/**
 * One rule for each deny list; one for all allow lists that stand together, for they are a union.
 * A list that is present counts, also when it is empty (bundle:W-21).
 */
function lists(
  kind: ListRule["kind"],
  source: Decision["source"],
  at: string,
  named: Readonly<Record<string, readonly string[] | undefined>>,
  subject?: string,
): ListRule[] {
  const present = Object.entries(named).flatMap(([key, actions]): ListRule[] =>
    actions === undefined
      ? []
      : [
          {
            kind,
            source,
            pointer: at + pointer(key),
            ...(subject === undefined ? {} : { subject }),
            actions,
          },
        ],
  );
  const [first] = present;
  if (kind === "deny" || first === undefined) return present;
  return [{ ...first, actions: [...new Set(present.flatMap((rule) => rule.actions))] }];
}
