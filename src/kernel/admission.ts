/**
 * Whether an action may start: the policy's decisions, the route's own faults, the network and the contract's inputs.
 * Pure; a refusal here is final and is never retried.
 *
 * Source: spec kernel §9.7, spec bundle §8.2; bundle:W-2, W-22, W-23; kernel:W-13, W-16.
 */
import type { ActionError, RuntimeAction } from "../adapters/contract.ts";
import type { Route } from "../bundle/model.ts";
import { decide, decideDispatch } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import { reasonOf } from "./judge.ts";
import type { DeadLetterReason, Item } from "./model.ts";
import { denialText } from "./recorder.ts";

export type Admission =
  | { readonly admitted: true; readonly decisions: readonly Decision[] }
  | {
      readonly admitted: false;
      readonly decisions: readonly Decision[];
      readonly reason: DeadLetterReason;
      readonly error: ActionError;
    };

export interface AdmissionInput {
  readonly item: Item;
  readonly action: RuntimeAction;
  readonly route: Route;
  readonly policy: RunPolicy;
  /** Whether the adapter carries routes out; one that does not never touches a process or the network for them. */
  readonly routed: boolean;
  /** Whether carrying the action out would change or ask anything. */
  readonly hasEffect: boolean;
  readonly missingInputs: readonly string[];
}

export function admit(input: AdmissionInput): Admission {
  const { action, route, policy, item } = input;
  const dispatch = decideDispatch(policy, action.actionType);
  if (!dispatch.allowed) return refused([dispatch], denial(dispatch));
  const decisions = [dispatch];
  if (input.missingInputs.length > 0) {
    const keys = input.missingInputs.map((key) => `'${key}'`).join(", ");
    return refused(decisions, {
      code: "CONTRACT_INPUT_MISSING",
      message: `runtime action inputs missing keys: [${keys}]`,
      retryable: false,
    });
  }
  if (policy.requireEffects && !input.hasEffect) {
    return refused(decisions, {
      code: "EFFECT_REQUIRED",
      message: "the action has nothing to execute",
      retryable: false,
    });
  }
  const waits = route.kind === "malformed" && route.wanted === "wait";
  // Waiting is the kernel's own work: it is done, or refused, whatever the adapter makes of routes.
  if (!input.routed && !waits) return { admitted: true, decisions };
  if (route.kind === "malformed")
    return refused(decisions, { code: "ROUTE_MALFORMED", message: route.why, retryable: false });
  if (route.kind === "refused")
    return refused(decisions, { code: "ROUTE_NOT_ALLOWED", message: route.why, retryable: false });
  if (route.kind !== "subprocess" && route.kind !== "http") return { admitted: true, decisions };
  const lane = decide(policy, `runtime.action.execute.${route.kind}`);
  decisions.push(lane);
  if (!lane.allowed) return refused(decisions, denial(lane));
  if (route.kind === "http" && item.step !== undefined && !item.step.allowNetwork) {
    return refused(decisions, {
      code: "HTTP_NETWORK_DENIED",
      message: `role ${item.step.roleId} may not use the network`,
      retryable: false,
    });
  }
  return { admitted: true, decisions };
}

function refused(decisions: readonly Decision[], error: ActionError): Admission {
  return { admitted: false, decisions, reason: reasonOf(error.code), error };
}

function denial(decision: Decision): ActionError {
  return { code: "POLICY_DENIED", message: denialText(decision), retryable: false };
}
