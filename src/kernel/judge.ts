/**
 * What follows from the result of an attempt: success with its transition, another try, or the end. Pure.
 *
 * Source: spec kernel §9.7, §9.8; kernel:W-2, W-12, W-13, W-29.
 */
import type { ActionError, ActionResult } from "../adapters/contract.ts";
import { chooseTransition, missingOutputs, type TriggeringEvent } from "../bundle/contract.ts";
import type { Route, Transition } from "../bundle/model.ts";
import { type ErrorCode, errorCodes } from "../errors.ts";
import type { DeadLetterReason, Fact, Item } from "./model.ts";
import { type RetryPolicy, retryDelayMs } from "./retry.ts";

export interface JudgeInput {
  readonly item: Item;
  readonly result: ActionResult;
  /** What the attempt was carried out by. */
  readonly route: Route | undefined;
  /** State of the item's node now. */
  readonly nodeState: string;
  readonly nowMs: number;
  readonly retry: RetryPolicy;
  /** Whether the policy allows `runtime.action.retry`. */
  readonly retryAllowed: boolean;
  /** A simulated result promises nothing about its outputs. */
  readonly simulated: boolean;
  /** What a cancelled attempt was cancelled for. */
  readonly cancelledBy: "stopped" | "deadline";
}

export function judge(input: JudgeInput): Fact {
  const { item, result } = input;
  if (result.status === "cancelled")
    return { kind: "cancelled", index: item.index, reason: input.cancelledBy };
  if (result.status === "failed")
    return afterFailure(input, budgetSpent(input) ?? result.error ?? unexplained);
  const missing =
    input.simulated || item.node.contract === undefined
      ? []
      : missingOutputs(item.node.contract, result.outputs);
  if (missing.length > 0) {
    return afterFailure(input, {
      code: "CONTRACT_OUTPUT_MISSING",
      message: `runtime action outputs missing keys: [${missing.map((key) => `'${key}'`).join(", ")}]`,
      retryable: false,
    });
  }
  return { kind: "completed", index: item.index, result, transition: transitionOf(input) };
}

/** The documented dead-letter reason of an error code. */
export function reasonOf(code: ErrorCode): DeadLetterReason {
  if (code === "BUDGET_EXCEEDED") return "budget_exceeded";
  if (code.startsWith("CONTRACT_") || code === "ROUTE_MALFORMED") return "contract_violation";
  return errorCodes[code].class === "denied" ? "policy_denied" : "backend_error";
}

const unexplained: ActionError = {
  code: "ADAPTER_FAILED",
  message: "the adapter reported a failure without a reason",
  retryable: true,
};

/** Where the contract's time was shorter than the route's own, the budget ran out: another try would not help. */
function budgetSpent({ item, result, route }: JudgeInput): ActionError | undefined {
  const timedOut = result.error?.code === "SUBPROCESS_TIMEOUT" || result.error?.code === "HTTP_TIMEOUT";
  const seconds = item.node.contract?.budget?.maxSeconds;
  if (!timedOut || seconds === undefined) return undefined;
  if ((route?.kind === "subprocess" || route?.kind === "http") && seconds * 1_000 > route.timeoutMs)
    return undefined;
  return { code: "BUDGET_EXCEEDED", message: "runtime action exceeded max_seconds budget", retryable: false };
}

function afterFailure({ item, result, nowMs, retry, retryAllowed }: JudgeInput, error: ActionError): Fact {
  const reason = reasonOf(error.code);
  const tries = item.attempt - item.forgiven;
  if (error.retryable && reason !== "policy_denied" && retryAllowed && tries < retry.attemptsMax) {
    const delayMs = retryDelayMs(item.actionId, tries, retry);
    const cost = result.cost === undefined ? {} : { cost: result.cost };
    return { kind: "retried", index: item.index, reason, error, delayMs, dueAtMs: nowMs + delayMs, ...cost };
  }
  return { kind: "dead_lettered", index: item.index, reason, error, result };
}

/** The declared transition that the triggering event allows, or the synthetic one to `completed`. */
function transitionOf({ item, result, nodeState }: JudgeInput): Transition {
  const contract = item.node.contract;
  if (contract !== undefined && contract.transitions.length > 0) {
    const choice = chooseTransition(contract, nodeState, triggerOf(item), result.outputs);
    if (choice.kind === "taken") return choice.transition;
  }
  return { transitionId: `${item.actionId}:completed`, fromState: nodeState, toState: "completed" };
}

/** A step is started by the plan, not by an event: it counts as whatever trigger its node's contract names. */
function triggerOf(item: Item): TriggeringEvent | undefined {
  if (item.trigger !== undefined) return { type: item.trigger.type, payload: item.trigger.payload };
  const first = item.node.contract?.triggers[0];
  return first === undefined ? undefined : { type: first.eventType, payload: item.step?.policyContext ?? {} };
}
