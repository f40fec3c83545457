/**
 * The evidence of reconciliation, worked out from the events of one pass: what was done to each resource, how it stands,
 * and a certificate of it. Pure; it keeps a status a resource, and resources are few.
 *
 * Source: spec cli §7 items 4–6; spec reconcile §5; spec bundle §2.9.
 */
import { member, textAt } from "../bundle/member.ts";
import { fingerprint } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import { type Health, healthOf, worst } from "./health.ts";
import type { ProjectedEvent } from "./project.ts";

export const resourceStatusType = "runtime.reconcile.resource_status";
export const aggregateResource = "__runtime_aggregate__";

/** How a resource stood after the pass. */
interface ResourceStatus {
  readonly resourceId: string;
  readonly operationType: string;
  readonly applied: boolean;
  readonly desiredHash: string;
  readonly observedHash: string;
  readonly health: Health;
  readonly converged: boolean;
  readonly providerId: string;
  readonly policyMode: string;
  readonly error: string | null;
  readonly atMs: number;
}

export interface ReconcileRow {
  readonly type: string;
  readonly atMs: number;
  readonly payload: JsonObject;
}

/** A single pass without a second try: the resync keys of every row say so. */
const resync: JsonObject = { resync_attempt: 1, resync_max_attempts: 1, resync_interval_ms: 0 };

export class Reconciliation {
  #statuses: ResourceStatus[] = [];
  #passIsOver = false;

  /** A run that went on later looks again at everything: the last pass counts. */
  event(event: ProjectedEvent): void {
    if (event.type === "runtime.kernel.resumed") this.#passIsOver = true;
    if (event.type !== resourceStatusType) return;
    if (this.#passIsOver) this.#statuses = [];
    this.#passIsOver = false;
    const { payload } = event;
    this.#statuses.push({
      resourceId: textAt(payload, "resource_id") ?? "",
      operationType: textAt(payload, "operation_type") ?? "unknown",
      applied: member(payload, "applied") === true,
      desiredHash: textAt(payload, "desired_hash") ?? "",
      observedHash: textAt(payload, "observed_hash") ?? "",
      health: healthOf(textAt(payload, "health_status") ?? ""),
      converged: member(payload, "converged") === true,
      providerId: textAt(payload, "provider_id") ?? "in_memory",
      policyMode: textAt(payload, "policy_mode") ?? "",
      error: textAt(payload, "error") ?? null,
      atMs: event.atMs,
    });
  }

  /** Whether anything was reconciled. */
  get happened(): boolean {
    return this.#statuses.length > 0;
  }

  /** False when nothing was reconciled: what nobody looked at has not converged. */
  get allConverged(): boolean {
    return this.happened && this.#statuses.every((status) => status.converged);
  }

  get health(): Health {
    return worst(this.#statuses.map((status) => status.health));
  }

  /** In the documented order: outcomes, statuses, certificates; the aggregate certificate last. */
  *rows(runtimeStatus: string): Generator<ReconcileRow> {
    for (const status of this.#statuses) {
      const { resourceId, atMs, health } = status;
      yield { type: "reconcile_outcome", atMs, payload: outcome(status) };
      const payload = {
        resource_id: resourceId,
        health_status: health,
        runtime_status: runtimeStatus,
        ...resync,
      };
      yield { type: "terminal_health", atMs, payload };
    }
    for (const status of this.#statuses) {
      yield { type: "reconcile_resource_status", atMs: status.atMs, payload: standing(status) };
    }
    for (const status of this.#statuses) {
      yield { type: "convergence_certificate", atMs: status.atMs, payload: certificate(status) };
    }
    const last = this.#statuses.at(-1);
    if (last !== undefined) {
      yield { type: "convergence_certificate", atMs: last.atMs, payload: this.#aggregate(last) };
    }
  }

  #aggregate(last: ResourceStatus): JsonObject {
    const hashes = (of: "desiredHash" | "observedHash") =>
      fingerprint(Object.fromEntries(this.#statuses.map((status) => [status.resourceId, status[of]])));
    return {
      ...certificate(last),
      resource_id: aggregateResource,
      aggregate: true,
      desired_hash: hashes("desiredHash"),
      observed_hash: hashes("observedHash"),
      health: this.health,
      converged: this.allConverged,
    };
  }
}

function outcome(status: ResourceStatus): JsonObject {
  return {
    resource_id: status.resourceId,
    operation_type: status.operationType,
    applied: status.applied,
    observed_hash: status.observedHash,
    health_status: status.health,
    error: status.error,
    ...resync,
  };
}

function standing(status: ResourceStatus): JsonObject {
  return {
    resource_id: status.resourceId,
    converged: status.converged,
    conditions: conditions(status),
    observed_health_conditions: [],
    reconcile_health_gate: "permissive",
    observed_hash: status.observedHash,
    health_status: status.health,
    desired_hash: status.desiredHash,
    hash_matched: status.desiredHash === status.observedHash,
    health_gate_passed: status.health === "healthy" || status.health === "unknown",
    resync_completed_attempts: 1,
    resync_configured_max_attempts: 1,
    resync_interval_ms: 0,
    ...(status.error === null ? {} : { last_error: status.error }),
  };
}

/** Spec bundle §2.9: always the three, in this order. A resource that was refused its change is stalled. */
function conditions({ health, converged, error }: ResourceStatus): JsonObject[] {
  const degraded = health === "degraded" || health === "failed";
  const stalled = !converged && error !== null;
  const condition = (type: string, holds: boolean, reason: string): JsonObject =>
    holds ? { type, status: "true", reason } : { type, status: "false" };
  return [
    condition("degraded", degraded, "unhealthy_or_rollback"),
    condition("progressing", !converged && !stalled, "reconciling"),
    condition("stalled", stalled, "blocked_or_rollback"),
  ];
}

function certificate(status: ResourceStatus): JsonObject {
  return {
    certificate_schema_version: 1,
    resource_id: status.resourceId,
    desired_hash: status.desiredHash,
    observed_hash: status.observedHash,
    health: status.health,
    attempts: 1,
    window_ms: 0,
    provider_id: status.providerId,
    policy_mode: status.policyMode,
    converged: status.converged,
  };
}
