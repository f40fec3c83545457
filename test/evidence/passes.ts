/** Events of reconciling as the reconciler tells them, each with all that its type asks for. */
import type { JsonObject } from "../../src/json/value.ts";
import { reconcileEvents } from "../../src/reconciler/model.ts";

export interface ToldEvent {
  readonly type: string;
  readonly payload: JsonObject;
}

export const newHash = "7".repeat(64);
export const oldHash = "6".repeat(64);

export function started(changes: JsonObject = {}): ToldEvent {
  const payload = {
    mode: "enforce",
    provider_id: "docker_compose_apply",
    provider_declared: "docker_compose_apply",
    resource_count: 1,
    ...changes,
  };
  return { type: reconcileEvents.started, payload };
}

function operation(resourceId: string, changes: JsonObject): JsonObject {
  const type = typeof changes["operation_type"] === "string" ? changes["operation_type"] : "update";
  const word = changes["why"] === "rollback" ? "rollback" : type;
  return {
    operation_id: `${resourceId}:${word}:${newHash.slice(0, 12)}`,
    operation_type: type,
    resource_id: resourceId,
    resource_class: "service",
    desired_hash: newHash,
    why: "rollout",
    plan_id: "plan-1",
    rollout_id: "rollout-1",
    idempotency_key: `key of ${resourceId} ${word}`,
    diff: [{ path: "/image", from: "shop:1", to: "shop:2" }],
    diff_omitted: 0,
    ...changes,
  };
}

export function begun(resourceId: string, changes: JsonObject = {}): ToldEvent {
  return { type: reconcileEvents.operationStarted, payload: operation(resourceId, changes) };
}

export function made(resourceId: string, changes: JsonObject = {}): ToldEvent {
  const payload = { ...operation(resourceId, changes), applied: true, duration_ms: 12, ...changes };
  return { type: reconcileEvents.operationFinished, payload };
}

export function rolledBack(resourceId: string, changes: JsonObject = {}): ToldEvent {
  const payload = {
    resource_id: resourceId,
    rollback_target_hash: oldHash,
    rollback_outcome: "rollback_applied",
    chain: [newHash, oldHash],
    observed_hash: oldHash,
    health_status: "healthy",
    ...changes,
  };
  return { type: reconcileEvents.rolledBack, payload };
}

export const transitionMs = 1_795_348_154_000;

export function status(resourceId: string, changes: JsonObject = {}): ToldEvent {
  const payload = {
    resource_id: resourceId,
    resource_class: "service",
    operation_id: `${resourceId}:noop:${newHash.slice(0, 12)}`,
    operation_type: "noop",
    applied: false,
    desired_hash: newHash,
    observed_hash: newHash,
    health_status: "healthy",
    converged: true,
    hash_matched: true,
    health_gate_passed: true,
    reconcile_health_gate: "strict",
    conditions: [
      { type: "degraded", status: "false", last_transition_ms: transitionMs },
      { type: "progressing", status: "false", last_transition_ms: transitionMs + 1 },
      { type: "stalled", status: "false" },
    ],
    observed_health_conditions: [{ type: "ready", status: "true", reason: "probe" }],
    drift: [],
    ignored_fields: ["/replicas"],
    provider_id: "docker_compose_apply",
    policy_mode: "enforce",
    attempts: 2,
    window_ms: 1_234,
    resync_attempt: 2,
    resync_max_attempts: 5,
    resync_interval_ms: 250,
    outcome: "converged",
    ...changes,
  };
  return { type: reconcileEvents.resourceStatus, payload };
}

/** How a resource stands that was brought back: the revision of before, healthy. */
export const broughtBack: JsonObject = {
  observed_hash: oldHash,
  converged: false,
  hash_matched: false,
  outcome: "rolled_back",
  reason_code: "ROLLOUT_ABORTED",
  error: "unhealthy for too long",
};

export function finished(changes: JsonObject = {}): ToldEvent {
  const payload = {
    converged: true,
    mode: "enforce",
    attempts: 2,
    window_ms: 1_234,
    wait_ms: 250,
    resource_count: 1,
    ...changes,
  };
  return { type: reconcileEvents.finished, payload };
}

export function rollout(phase: string, previous: string, stateSha256: string): ToldEvent {
  const payload = {
    rollout_id: "rollout-1",
    plan_id: "plan-1",
    strategy: "canary",
    phase,
    previous_phase: previous,
    step: 1,
    steps: 2,
    units: { settled: 1 },
    state_sha256: stateSha256,
  };
  return { type: reconcileEvents.rolloutChanged, payload };
}
