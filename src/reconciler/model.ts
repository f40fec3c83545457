/**
 * What reconciling records, as data: the ledger that it writes to, and the payload of each of its events. An event names all
 * that the evidence needs; whoever reads it looks at nothing else.
 *
 * Source: spec reconcile §1.3, §5; architecture "Events are the truth".
 */
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import type { DeploymentTurn } from "../store/contract.ts";

/** Where reconciling keeps what it does: the events of the run on whose behalf it works. */
export interface ReconcileLedger {
  /** Durable, all of it or nothing, when it resolves. @throws whatever the store throws */
  record(entry: LedgerEntry): Promise<void>;
}

export interface LedgerEntry {
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[];
  readonly decisions?: readonly { readonly decision: Decision; readonly about: JsonObject }[];
  readonly deployment?: DeploymentTurn;
}

/** Makes what stands what should stand, as part of a run. What is under way when the signal aborts is left to whoever goes on. */
export type Converge = (ledger: ReconcileLedger, signal: AbortSignal) => Promise<Converged>;

export interface Converged {
  readonly converged: boolean;
  /** A denial that kept it from converging. */
  readonly denied?: Decision;
}

export const reconcileEvents = {
  /** `mode` (simulate|enforce|canary), `provider_id`, `provider_declared`, `resource_count`, `plan_id`?, `rollout_id`? */
  started: "runtime.reconcile.started",
  /** A change is about to be made: `OperationPayload`. */
  operationStarted: "runtime.reconcile.operation_started",
  /** `OperationPayload` with `applied`, `error`?, `error_code`?, `retryable`?, `duration_ms`. */
  operationFinished: "runtime.reconcile.operation_finished",
  /** How one resource stands at the end of a pass: `StatusPayload`. */
  resourceStatus: "runtime.reconcile.resource_status",
  /** `resource_id`, `rollback_target_hash`, `rollback_outcome` (rollback_applied|rollback_failed|rollback_unsupported), `chain`, `observed_hash`, `health_status`, `error`? */
  rolledBack: "runtime.reconcile.rolled_back",
  /** What stands differs from what was applied, seen by itself: `resource_id`, `drift`, `correction` (number within the window). */
  driftFound: "runtime.reconcile.drift_found",
  /** `RolloutPayload`: a rollout began, went a step or a phase on, or ended. */
  rolloutChanged: "runtime.rollout.changed",
  /** `rollout_id`, `step`, `analysis`, `verdict`, `message`, `dry_run`, `evidence`. */
  rolloutMeasured: "runtime.rollout.measured",
  /** `converged`, `mode`, `attempts`, `window_ms`, `wait_ms`, `resource_count`, `decision_count`, `decisions_sha256`; the last of a pass. */
  finished: "runtime.reconcile.finished",
} as const;

/** One field that differs. JSON pointer; a member that is missing was or will be missing in the object. */
export interface FieldChange {
  readonly path: string;
  readonly from?: JsonValue;
  readonly to?: JsonValue;
}

export type OperationType = "create" | "update" | "delete" | "noop";

export interface OperationPayload {
  /** `<resource>:<type>:<first 12 of the hash>`, with `:rollback` in place of the type when it goes back. */
  readonly operation_id: string;
  readonly operation_type: OperationType;
  readonly resource_id: string;
  readonly resource_class: string;
  /** `absent` for a delete. */
  readonly desired_hash: string;
  readonly why: "rollout" | "rollback" | "correction";
  readonly plan_id: string;
  readonly rollout_id: string;
  readonly idempotency_key: string;
  readonly diff: readonly JsonObject[];
  /** Fields of `diff` beyond those shown. */
  readonly diff_omitted: number;
}

export interface StatusPayload {
  readonly resource_id: string;
  readonly resource_class: string;
  /** The last operation on it, or what would be done. */
  readonly operation_id: string;
  readonly operation_type: OperationType;
  readonly applied: boolean;
  /** `absent` for a delete. */
  readonly desired_hash: string;
  /** The desired hash where nothing differs, `absent`, `unobservable`, or the fingerprint of what stands. */
  readonly observed_hash: string;
  /** What the provider makes of what stands, by the documented contract; absent where it makes nothing. */
  readonly provider_observed_hash?: string;
  readonly health_status: "healthy" | "unknown" | "degraded" | "failed";
  readonly converged: boolean;
  readonly hash_matched: boolean;
  readonly health_gate_passed: boolean;
  readonly reconcile_health_gate: "permissive" | "strict";
  /** As documented (spec reconcile §1.8): `degraded`, `progressing`, `stalled`, each with `status`, `reason`?, `last_transition_ms`?. */
  readonly conditions: readonly JsonObject[];
  readonly observed_health_conditions: readonly JsonObject[];
  readonly drift: readonly JsonObject[];
  readonly ignored_fields: readonly string[];
  /** The provider that was really asked. */
  readonly provider_id: string;
  readonly policy_mode: string;
  /** A code, where it has not converged. */
  readonly reason_code?: string;
  readonly error?: string;
  /** Passes until now, and the time they took by a steady clock. */
  readonly attempts: number;
  readonly window_ms: number;
  readonly resync_attempt: number;
  readonly resync_max_attempts: number;
  readonly resync_interval_ms: number;
  /** `converged`, `rolled_back`, `failed`, `blocked`, `progressing`, `deleted`, `planned`. */
  readonly outcome: string;
}

export interface RolloutPayload {
  readonly rollout_id: string;
  readonly plan_id: string;
  readonly strategy: string;
  readonly phase: string;
  readonly previous_phase: string;
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  readonly reason?: string;
  readonly message?: string;
  /** Who asked, for a change that a person made. */
  readonly by?: string;
  /** How many units are in each state. */
  readonly units: JsonObject;
  /** Fingerprint of the state as it is kept from here on. */
  readonly state_sha256: string;
}
