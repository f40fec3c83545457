/**
 * How a resource stood after a pass, read from its event, and the rows that say so: its status and its certificate. Pure. An event
 * of before reconciling told its steps says less; what it leaves out is worked out as it was then, to the byte.
 *
 * Source: spec reconcile §1.8, §5.3; spec bundle §2.9; reconcile:W-09, W-12, W-21.
 */
import { listAt, member, objectsAt, textAt } from "../bundle/member.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { asDouble, type JsonObject } from "../json/value.ts";
import { type Health, healthOf, worst } from "./health.ts";

export const aggregateResource = "__runtime_aggregate__";

/** What the provider says of what stands, by the documented observe contract. */
const providerHash = "provider_observed_hash";

export interface ResourceStatus {
  readonly resourceId: string;
  readonly observedHash: string;
  /** As it was seen. */
  readonly health: Health;
  readonly converged: boolean;
  /** How it ended: `health`, but at least degraded where something was brought back. */
  readonly terminalHealth: Health;
  /** Absent on events of before. */
  readonly outcome: string | undefined;
  readonly atMs: number;
  readonly payload: JsonObject;
  /** Whether the event tells conditions, gate, attempts and window itself. */
  readonly detailed: boolean;
}

/** @param broughtBack whether it was brought back since it was told of last, and not changed again */
export function resourceStatus(payload: JsonObject, atMs: number, broughtBack: boolean): ResourceStatus {
  const detailed = Array.isArray(member(payload, "conditions"));
  const health = healthOf(textAt(payload, "health_status") ?? "");
  const told = detailed ? textAt(payload, "outcome") : undefined;
  const outcome = broughtBack && told !== "failed" ? "rolled_back" : told;
  // The old revision may well be healthy: the release is not (W-09).
  const rolledBack = broughtBack || outcome === "rolled_back";
  return {
    resourceId: textAt(payload, "resource_id") ?? "",
    observedHash: textAt(payload, "observed_hash") ?? "",
    health,
    converged: member(payload, "converged") === true,
    terminalHealth: rolledBack ? worst([health, "degraded"]) : health,
    outcome,
    atMs,
    payload,
    detailed,
  };
}

/** Payload of `reconcile_outcome` where nothing was done, or where no event tells what. */
export function outcomeOfStatus(status: ResourceStatus): JsonObject {
  const { payload, detailed } = status;
  return {
    resource_id: status.resourceId,
    operation_type: textAt(payload, "operation_type") ?? "unknown",
    applied: member(payload, "applied") === true,
    observed_hash: status.observedHash,
    health_status: status.health,
    error: textAt(payload, "error") ?? null,
    ...resync(status),
    ...(detailed ? present(payload, ["operation_id", "outcome", "reason_code", providerHash]) : {}),
  };
}

/** The documented keys; a single pass without a second try where the event does not say. */
export function resync({ payload }: Pick<ResourceStatus, "payload">): JsonObject {
  return {
    resync_attempt: count(payload, "resync_attempt", 1),
    resync_max_attempts: count(payload, "resync_max_attempts", 1),
    resync_interval_ms: count(payload, "resync_interval_ms", 0),
  };
}

/** Payload of `reconcile_resource_status`. */
export function standing(status: ResourceStatus): JsonObject {
  const { payload, health } = status;
  const error = textAt(payload, "error");
  const desiredHash = textAt(payload, "desired_hash") ?? "";
  const shown = {
    resource_id: status.resourceId,
    converged: status.converged,
    observed_hash: status.observedHash,
    health_status: health,
    desired_hash: desiredHash,
    resync_completed_attempts: count(payload, "attempts", 1),
    resync_configured_max_attempts: count(payload, "resync_max_attempts", 1),
    resync_interval_ms: count(payload, "resync_interval_ms", 0),
    ...(error === undefined ? {} : { last_error: error }),
  };
  if (!status.detailed) {
    return {
      ...shown,
      conditions: formerConditions(status, error),
      observed_health_conditions: [],
      reconcile_health_gate: "permissive",
      hash_matched: desiredHash === status.observedHash,
      health_gate_passed: health === "healthy" || health === "unknown",
    };
  }
  return {
    ...shown,
    conditions: listAt(payload, "conditions"),
    observed_health_conditions: objectsAt(payload, "observed_health_conditions"),
    reconcile_health_gate: textAt(payload, "reconcile_health_gate") ?? "permissive",
    hash_matched: member(payload, "hash_matched") === true,
    health_gate_passed: member(payload, "health_gate_passed") === true,
    ...present(payload, [
      "operation_id",
      "provider_id",
      "drift",
      "ignored_fields",
      "reason_code",
      providerHash,
    ]),
    ...(status.outcome === undefined ? {} : { outcome: status.outcome }),
  };
}

/** Payload of `convergence_certificate`. */
export function certificate(status: ResourceStatus): JsonObject {
  const { payload } = status;
  return {
    certificate_schema_version: 1,
    resource_id: status.resourceId,
    desired_hash: textAt(payload, "desired_hash") ?? "",
    observed_hash: status.observedHash,
    health: status.terminalHealth,
    attempts: count(payload, "attempts", 1),
    window_ms: count(payload, "window_ms", 0),
    provider_id: textAt(payload, "provider_id") ?? "in_memory",
    policy_mode: textAt(payload, "policy_mode") ?? "",
    converged: status.converged,
    ...(status.outcome === undefined ? {} : { outcome: status.outcome }),
    ...(status.detailed ? present(payload, [providerHash]) : {}),
  };
}

/** What the certificate of all of them says of them together. @param finished the end of their pass, where one was told */
export function aggregateCertificate(
  statuses: readonly ResourceStatus[],
  last: ResourceStatus,
  { health, outcome, converged, finished }: AggregateParts,
): JsonObject {
  const { outcome: _, [providerHash]: _hash, ...common } = certificate(last);
  const most = (key: string, least: number) =>
    statuses.reduce((found, { payload }) => Math.max(found, count(payload, key, least)), least);
  return {
    ...common,
    resource_id: aggregateResource,
    aggregate: true,
    desired_hash: hashes(statuses, ({ payload }) => textAt(payload, "desired_hash") ?? ""),
    observed_hash: hashes(statuses, ({ observedHash }) => observedHash),
    health,
    converged,
    attempts: Math.max(1, finished === undefined ? most("attempts", 1) : count(finished, "attempts", 1)),
    window_ms: finished === undefined ? most("window_ms", 0) : count(finished, "window_ms", 0),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

export interface AggregateParts {
  readonly health: Health;
  readonly outcome: string | undefined;
  readonly converged: boolean;
  readonly finished: JsonObject | undefined;
}

const worstFirst = ["failed", "rolled_back", "blocked", "progressing", "planned", "converged", "deleted"];

/** The worst of them; undefined where no event tells one. */
export function aggregateOutcome(statuses: readonly ResourceStatus[]): string | undefined {
  const told = new Set(statuses.map(({ outcome }) => outcome));
  return worstFirst.find((word) => told.has(word));
}

/** Whether an `operation_finished` says that a resource went on, and not back. */
export function wentOn(payload: JsonObject): boolean {
  return textAt(payload, "why") !== "rollback" && member(payload, "applied") === true;
}

/** A count of ours; `otherwise` where none is told. */
export function count(payload: JsonObject, key: string, otherwise: number): number {
  return asDouble(member(payload, key)) ?? otherwise;
}

/** Those of the keys that the payload has. */
export function present(payload: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = member(payload, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

function hashes(statuses: readonly ResourceStatus[], of: (status: ResourceStatus) => string): string {
  return fingerprint(Object.fromEntries(statuses.map((status) => [status.resourceId, of(status)])));
}

/** Spec bundle §2.9: always the three, in this order. A resource that was refused its change is stalled. */
function formerConditions({ health, converged }: ResourceStatus, error: string | undefined): JsonObject[] {
  const degraded = health === "degraded" || health === "failed";
  const stalled = !converged && error !== undefined;
  const condition = (type: string, holds: boolean, reason: string): JsonObject =>
    holds ? { type, status: "true", reason } : { type, status: "false" };
  return [
    condition("degraded", degraded, "unhealthy_or_rollback"),
    condition("progressing", !converged && !stalled, "reconciling"),
    condition("stalled", stalled, "blocked_or_rollback"),
  ];
}
