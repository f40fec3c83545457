/**
 * How each resource stands at the end of a pass, in the documented shape. Pure; says what was observed and never what was hoped.
 *
 * Source: spec reconcile §1.3, §1.8; W-08, W-18, W-21.
 */
import { fingerprint } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import type { HealthCondition, Observation } from "../providers/contract.ts";
import type { FieldDiff } from "./diff.ts";
import { type HealthGate, passes } from "./gate.ts";
import { jsonOf } from "./json-of.ts";
import type { StatusPayload } from "./model.ts";
import { absentHash, type PlannedChange } from "./plan.ts";
import type { Unit } from "./rollout/model.ts";

export interface PassFacts {
  readonly providerId: string;
  /** The provider changes nothing, so nothing bears its mark. */
  readonly onlyLooks: boolean;
  readonly policyMode: string;
  readonly gate: HealthGate;
  readonly attempts: number;
  readonly windowMs: number;
  readonly resync: { readonly attempt: number; readonly max: number; readonly intervalMs: number };
  readonly nowMs: number;
}

/** What is known of one resource when the pass is over. */
export interface Ending {
  readonly change: PlannedChange;
  readonly observation: Observation | undefined;
  /** Between what stands now and what should. */
  readonly diff: FieldDiff;
  /** Absent where the rollout had nothing to do with it. */
  readonly unit?: Unit;
  readonly simulated: boolean;
}

export function statusOf(ended: Ending, facts: PassFacts): StatusPayload {
  const ending = { ...ended, change: asItEnded(ended) };
  const { change, observation, diff, unit } = ending;
  const { resourceId, resourceClass, desiredHash } = change;
  const standing = observation?.standing ?? { kind: "unobservable" as const, reason: "", message: "" };
  const present = standing.kind === "present" ? standing : undefined;
  const health = present?.health ?? "unknown";
  const gone = change.type === "delete" && standing.kind === "absent";
  const sinceMs = unit === undefined ? Number.POSITIVE_INFINITY : facts.nowMs - unit.sinceMs;
  const gatePassed = gone || passes(facts.gate, health, present?.conditions ?? [], sinceMs);
  const matched =
    gone ||
    (present !== undefined &&
      change.type !== "delete" &&
      (present.owner === "akc" || facts.onlyLooks) &&
      diff.changes.length === 0);
  const converged = matched && gatePassed && change.blocked === undefined && !wentWrong(unit);
  const reason = converged ? undefined : (change.blocked?.reason ?? unit?.reason);
  const words = converged ? undefined : (change.blocked?.message ?? unit?.message ?? present?.message);
  return {
    resource_id: resourceId,
    resource_class: resourceClass,
    operation_id: change.operationId,
    operation_type: change.type,
    applied: unit?.touched === true,
    desired_hash: desiredHash,
    observed_hash: matched && !gone ? desiredHash : observedHash(observation),
    ...(present?.observedHash === undefined ? {} : { provider_observed_hash: present.observedHash }),
    health_status: health,
    converged,
    hash_matched: matched,
    health_gate_passed: gatePassed,
    reconcile_health_gate: facts.gate.kind,
    conditions: conditionsOf(ending, converged, health),
    observed_health_conditions: (present?.conditions ?? []).map(conditionJson),
    drift: diff.changes.map((one) => jsonOf({ ...one })),
    ignored_fields: diff.ignored,
    provider_id: facts.providerId,
    policy_mode: facts.policyMode,
    ...(reason === undefined ? {} : { reason_code: reason }),
    ...(words === undefined ? {} : { error: words }),
    attempts: facts.attempts,
    window_ms: Math.round(facts.windowMs),
    resync_attempt: facts.resync.attempt,
    resync_max_attempts: facts.resync.max,
    resync_interval_ms: facts.resync.intervalMs,
    outcome: outcomeOf(ending, converged, gone),
  };
}

/** What kept it from being changed when it was planned may be over: what came to stand all the same is told as it stands. */
function asItEnded({ change, observation, unit, diff }: Ending): PlannedChange {
  const { blocked, ...free } = change;
  const isSeen =
    observation?.standing.kind === "present" && diff.changes.length === 0 && change.type !== "delete";
  const isOver = unit?.state === "settled" || (blocked?.reason === "unobservable" && isSeen);
  return isOver ? free : change;
}

function wentWrong(unit: Unit | undefined): boolean {
  return unit !== undefined && (unit.state === "failed" || unit.state.startsWith("roll"));
}

/** The desired hash only where nothing differs: elsewhere that of what really stands. */
export function observedHash(observation: Observation | undefined): string {
  const standing = observation?.standing;
  if (standing === undefined || standing.kind === "unobservable") return "unobservable";
  return standing.kind === "absent" ? absentHash : fingerprint(standing.fields);
}

function outcomeOf({ change, unit, simulated }: Ending, converged: boolean, gone: boolean): string {
  if (gone) return "deleted";
  if (converged) return "converged";
  if (change.blocked !== undefined) return "blocked";
  if (simulated) return "planned";
  switch (unit?.state) {
    case "rolled_back":
      return "rolled_back";
    case "failed":
    case "rollback_failed":
    case "rollback_unsupported":
      return "failed";
    default:
      return "progressing";
  }
}

/** Always the three, by type: from typed reasons, never from the words of a message (W-21). */
function conditionsOf({ change, unit }: Ending, converged: boolean, health: string): readonly JsonObject[] {
  const back = unit?.state.startsWith("roll") === true;
  const degraded = health === "degraded" || health === "failed" || back;
  const stalled = back || (!converged && (change.blocked !== undefined || unit?.state === "failed"));
  const at = unit === undefined ? {} : { last_transition_ms: unit.sinceMs };
  const condition = (type: string, holds: boolean, reason: string): JsonObject =>
    holds ? { type, status: "true", reason, ...at } : { type, status: "false", ...at };
  return [
    condition("degraded", degraded, "unhealthy_or_rollback"),
    condition("progressing", !converged && !stalled, "reconciling"),
    condition("stalled", stalled, "blocked_or_rollback"),
  ];
}

function conditionJson({ type, status, reason, message, lastTransitionMs }: HealthCondition): JsonObject {
  return jsonOf({ type, status, reason, message, last_transition_time: lastTransitionMs });
}
