/**
 * The JSON text of the kernel's events: the documented keys of each type, and nothing that another row already says.
 * What is the same for a whole run (hashes of specs, trace ids) is added when events are shown; see evidence/.
 *
 * Source: spec kernel §4, §6.
 */
import type { ActionResult, ArtifactRef, RuntimeAction } from "../adapters/contract.ts";
import type { LoadedCoordination, Transition } from "../bundle/model.ts";
import { canonicalJson } from "../json/canonical.ts";
import type { Signal } from "../store/contract.ts";
import type { Counts, Fact, Item } from "./model.ts";

export const eventTypes = {
  planEnqueued: "runtime.coordination.plan_enqueued",
  started: "runtime.kernel.started",
  allowed: "runtime.action.policy_allowed",
  completed: "runtime.action.completed",
  retried: "runtime.action.retried",
  deadLettered: "runtime.action.dead_lettered",
  stepBlocked: "runtime.coordination.step_blocked",
  blocked: "runtime.action.blocked",
  cancelled: "runtime.action.cancelled",
  interrupted: "runtime.action.interrupted",
  waitStarted: "runtime.action.wait_started",
  signalReceived: "runtime.signal.received",
  resumed: "runtime.kernel.resumed",
  rerun: "runtime.kernel.rerun",
  failed: "runtime.kernel.failed",
  budgetExceeded: "runtime.kernel.budget_exceeded",
  eventRefused: "runtime.kernel.event_refused",
  stopRequested: "runtime.kernel.stop_requested",
  deadlineExceeded: "runtime.kernel.deadline_exceeded",
  fallback: "runtime.adapter.fallback",
  pluginStarted: "runtime.plugin.started",
  pluginFault: "runtime.plugin.fault",
  evidenceMissing: "runtime.evidence.expectations_unmet",
  validationObserved: "runtime.validation.observed",
  validityAttested: "runtime.operational_validity.attested",
  loopFinished: "runtime.kernel.loop_finished",
} as const;

/** Payload of the first event of a coordinated run. */
export function planEnqueuedPayload({ plan, sha256 }: Pick<LoadedCoordination, "plan" | "sha256">): string {
  return JSON.stringify({
    layer_count: plan.layers.length,
    step_order: plan.stepOrder,
    coordination_spec_sha256: sha256,
  });
}

/** JSON text of an action (spec bundle §2.7). */
export function actionText(action: RuntimeAction): string {
  return JSON.stringify({
    action_id: action.actionId,
    action_type: action.actionType,
    node_ref: { node_id: action.nodeId, kind: action.nodeKind, contract_id: action.contractId },
    inputs_fingerprint: action.inputsFingerprint,
    idempotency_key: action.idempotencyKey,
    policy_context: action.policyContext,
  });
}

export function allowedPayload(item: Item, attempt: number): string {
  return JSON.stringify({ action_id: item.actionId, node_id: item.node.nodeId, attempt });
}

interface Parts<K extends Fact["kind"]> {
  readonly actionText: string;
  readonly attempt: number;
  /** seq of the `policy_allowed` event of this attempt; absent when it was never allowed. */
  readonly allowedSeq: number | undefined;
  readonly fact: Extract<Fact, { kind: K }>;
}

/** An attempt that akc lost sight of. */
export function interruptedPayload(item: Item, allowedSeq: number | undefined): string {
  return JSON.stringify({ ...placeOf(item), attempt: item.attempt, allowed_seq: allowedSeq });
}

export function cancelledPayload(
  item: Item,
  actionJson: string,
  fact: Extract<Fact, { kind: "cancelled" }>,
): string {
  return `{"action":${actionJson},${JSON.stringify({ ...placeOf(item), reason: fact.reason }).slice(1)}`;
}

export function waitStartedPayload(
  item: Item,
  fact: Extract<Fact, { kind: "suspended" }>,
  parts: { readonly approval: boolean; readonly allowedSeq: number | undefined },
): string {
  return JSON.stringify({
    ...placeOf(item),
    attempt: item.attempt,
    allowed_seq: parts.allowedSeq,
    signal: fact.signal,
    approval: parts.approval,
    due_at_ms: fact.dueAtMs,
  });
}

export function signalReceivedPayload(item: Item, signal: Signal, payload: ArtifactRef): string {
  return JSON.stringify({
    ...placeOf(item),
    signal_id: signal.id,
    name: signal.name,
    sender: signal.sender,
    sent_at_ms: signal.sentAtMs,
    payload_sha256: payload.sha256,
    size_bytes: payload.sizeBytes,
  });
}

export function resumedPayload(parts: {
  readonly runtimeRunId: string;
  readonly generation: number;
  readonly afterSeq: number;
  readonly reopened: readonly Item[];
}): string {
  return JSON.stringify({
    runtime_run_id: parts.runtimeRunId,
    generation: parts.generation,
    after_seq: parts.afterSeq,
    reopened: parts.reopened.map((item) => item.actionId),
  });
}

/** @param begun items that wait again and for which there is something in the past */
export function rerunPayload(generation: number, from: readonly string[], begun: readonly Item[]): string {
  return JSON.stringify({ generation, from, action_ids: begun.map((item) => item.actionId) });
}

function placeOf(item: Item) {
  return { action_id: item.actionId, node_id: item.node.nodeId, graph_step_id: item.step?.stepId };
}

export function completedPayload(parts: Parts<"completed"> & { readonly atMs: number }): string {
  const { transition, result } = parts.fact;
  return `{"action":${parts.actionText},"attempt":${parts.attempt},"allowed_seq":${parts.allowedSeq ?? 0},"result":${resultText(result)},"transition":${transitionText(transition, parts.atMs)}}`;
}

export function blockedPayload(item: Item, fact: Extract<Fact, { kind: "blocked" }>): string {
  return JSON.stringify({
    action_id: item.actionId,
    node_id: item.node.nodeId,
    graph_step_id: item.step?.stepId,
    by: fact.by,
    reason: fact.reason,
  });
}

export function retriedPayload(
  actionJson: string,
  attempt: number,
  fact: Extract<Fact, { kind: "retried" }>,
): string {
  const { reason, error, delayMs, dueAtMs } = fact;
  const rest = JSON.stringify({
    attempt,
    reason,
    error: error.message,
    error_code: error.code,
    delay_ms: delayMs,
    due_at_ms: dueAtMs,
  });
  const costs = fact.cost === undefined ? "" : `"cost":${canonicalJson(fact.cost)},`;
  return `{"action":${actionJson},${costs}${rest.slice(1)}`;
}

export function deadLetteredPayload(parts: Parts<"dead_lettered">): string {
  const { reason, error, result } = parts.fact;
  const rest = JSON.stringify({
    attempt: parts.attempt,
    allowed_seq: parts.allowedSeq,
    reason,
    error: error.message,
    error_code: error.code,
  });
  return `{"action":${parts.actionText}${result === undefined ? "" : `,"result":${resultText(result)}`},${rest.slice(1)}`;
}

export function finishedPayload(parts: {
  readonly runtimeRunId: string;
  readonly terminalStatus: string;
  readonly outcome: string;
  readonly iterations: number;
  readonly counts: Counts;
  readonly lastError: string | undefined;
  readonly decisions: { readonly count: number; readonly sha256: string };
}): string {
  const { counts, decisions } = parts;
  return JSON.stringify({
    terminal_status: parts.terminalStatus,
    outcome: parts.outcome,
    iterations: parts.iterations,
    runtime_run_id: parts.runtimeRunId,
    counts: {
      total: counts.total,
      succeeded: counts.succeeded,
      failed: counts.failed,
      denied: counts.denied,
      blocked: counts.blocked,
      cancelled: counts.cancelled,
      retried: counts.retried,
      without_effect: counts.withoutEffect,
    },
    last_error: parts.lastError,
    decision_count: decisions.count,
    decisions_sha256: decisions.sha256,
  });
}

function transitionText(transition: Transition, atMs: number): string {
  return JSON.stringify({
    from_state: transition.fromState,
    to_state: transition.toState,
    trigger_id: transition.triggerId ?? "runtime.action.completed",
    transition_id: transition.transitionId,
    occurred_at: atMs,
  });
}

/** JSON text of a result (spec bundle §2.8): null-valued keys are left out. Outputs may hold any JSON number. */
function resultText(result: ActionResult): string {
  const { error, cost, output, files } = result;
  const rest = JSON.stringify({
    status: result.status,
    error: error?.message,
    error_code: error?.code,
    duration_ms: Math.round(result.durationMs),
    output_ref: output === undefined ? undefined : { sha256: output.sha256, size_bytes: output.sizeBytes },
    file_refs: files?.map(({ path, sha256, sizeBytes }) => ({ path, sha256, size_bytes: sizeBytes })),
  });
  const costs = cost === undefined ? "" : `"cost":${canonicalJson(cost)},`;
  return `{"outputs":${canonicalJson(result.outputs)},${costs}${rest.slice(1)}`;
}
