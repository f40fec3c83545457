/**
 * The events of reconciling: their types and what each payload must hold. Schemas let further keys pass and never change a value;
 * they are part of `catalogue.ts`.
 *
 * Source: `reconciler/model.ts`; spec reconcile §1.3, §5.
 */
import * as v from "valibot";
import { reconcileEvents } from "../reconciler/model.ts";

const Text = v.pipe(v.string(), v.nonEmpty());
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Health = v.picklist(["healthy", "unknown", "degraded", "failed"]);

const operation = {
  operation_id: Text,
  operation_type: v.picklist(["create", "update", "delete", "noop"]),
  resource_id: Text,
  resource_class: Text,
  desired_hash: Text,
  why: v.picklist(["rollout", "rollback", "correction"]),
  plan_id: Text,
  rollout_id: Text,
  idempotency_key: Text,
  /** Each change with `path` and `from`, `to` where there is one. */
  diff: v.array(v.looseObject({ path: v.string() })),
  diff_omitted: Count,
};

const condition = v.looseObject({
  type: Text,
  status: v.picklist(["true", "false", "unknown"]),
  reason: v.optional(Text),
  last_transition_ms: v.optional(Count),
});

export const reconcilePayloads = {
  /** Resources are looked at, on behalf of the run. `provider_id` is the one that is really asked. */
  [reconcileEvents.started]: v.looseObject({
    mode: Text,
    provider_id: Text,
    provider_declared: v.optional(Text),
    resource_count: Count,
    plan_id: v.optional(Text),
    rollout_id: v.optional(Text),
  }),
  /** Recorded before the change is made: whoever dies after it may have made it. */
  [reconcileEvents.operationStarted]: v.looseObject(operation),
  [reconcileEvents.operationFinished]: v.looseObject({
    ...operation,
    applied: v.boolean(),
    error: v.optional(v.string()),
    error_code: v.optional(Text),
    retryable: v.optional(v.boolean()),
    duration_ms: Count,
  }),
  /** Events of before reconciling told its steps have the keys up to `error` alone. */
  [reconcileEvents.resourceStatus]: v.looseObject({
    resource_id: Text,
    operation_type: Text,
    applied: v.boolean(),
    desired_hash: Text,
    observed_hash: Text,
    health_status: Text,
    converged: v.boolean(),
    error: v.optional(v.string()),
    hash_matched: v.optional(v.boolean()),
    health_gate_passed: v.optional(v.boolean()),
    reconcile_health_gate: v.optional(v.picklist(["permissive", "strict"])),
    conditions: v.optional(v.array(condition)),
    observed_health_conditions: v.optional(v.array(v.looseObject({}))),
    attempts: v.optional(v.pipe(Count, v.minValue(1))),
    window_ms: v.optional(Count),
    outcome: v.optional(Text),
    /** Of the documented observe contract. */
    provider_observed_hash: v.optional(Digest),
  }),
  [reconcileEvents.rolledBack]: v.looseObject({
    resource_id: Text,
    rollback_target_hash: Text,
    rollback_outcome: v.picklist(["rollback_applied", "rollback_failed", "rollback_unsupported"]),
    chain: v.array(Text),
    observed_hash: Text,
    health_status: Health,
    error: v.optional(v.string()),
  }),
  [reconcileEvents.driftFound]: v.looseObject({
    resource_id: Text,
    drift: v.array(v.looseObject({})),
    correction: v.optional(Count),
  }),
  [reconcileEvents.rolloutChanged]: v.looseObject({
    rollout_id: Text,
    plan_id: Text,
    strategy: Text,
    phase: Text,
    /** Empty where the rollout began. */
    previous_phase: v.string(),
    step: Count,
    steps: Count,
    units: v.looseObject({}),
    /** Of the text of the rollout's state as the store keeps it. */
    state_sha256: Digest,
  }),
  [reconcileEvents.rolloutMeasured]: v.looseObject({
    rollout_id: Text,
    step: Count,
    analysis: Text,
    verdict: Text,
    message: v.string(),
    dry_run: v.boolean(),
  }),
  /** The last of a pass. `error_code` where it broke. Number and digest are over all decisions of the run so far. */
  [reconcileEvents.finished]: v.looseObject({
    converged: v.boolean(),
    mode: Text,
    attempts: Count,
    window_ms: Count,
    wait_ms: Count,
    resource_count: Count,
    error: v.optional(v.string()),
    error_code: v.optional(Text),
    decision_count: Count,
    decisions_sha256: Digest,
  }),
} as const;
