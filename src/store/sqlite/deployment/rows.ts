/** The rows of a scope's deployment as the database keeps them, and as the contract says them. Parses no text inside them. */
import type { OwnedRow, PlanRow, RevisionRow, RolloutRequest, RolloutRow } from "../../contract.ts";

export interface OwnedColumns {
  readonly provider_id: string;
  readonly resource_id: string;
  readonly resource_class: string;
  readonly desired_hash: string;
  readonly runtime_run_id: string;
  readonly at_ms: number;
  readonly depends_on: string;
  readonly handle: string;
}
export const ownedColumns =
  "provider_id, resource_id, resource_class, desired_hash, runtime_run_id, at_ms, depends_on, handle";

export function ownedOf(row: OwnedColumns): OwnedRow {
  return {
    providerId: row.provider_id,
    resourceId: row.resource_id,
    resourceClass: row.resource_class,
    desiredHash: row.desired_hash,
    dependsOn: row.depends_on,
    handle: row.handle,
    runtimeRunId: row.runtime_run_id,
    atMs: row.at_ms,
  };
}

export interface RevisionColumns {
  readonly provider_id: string;
  readonly resource_id: string;
  readonly desired_hash: string;
  readonly runtime_run_id: string;
  readonly at_ms: number;
  readonly good_at_ms: number | null;
  readonly revision: string;
}
export const revisionColumns =
  "provider_id, resource_id, desired_hash, runtime_run_id, at_ms, good_at_ms, revision";

export function revisionOf(row: RevisionColumns): RevisionRow {
  return {
    providerId: row.provider_id,
    resourceId: row.resource_id,
    desiredHash: row.desired_hash,
    revision: row.revision,
    runtimeRunId: row.runtime_run_id,
    atMs: row.at_ms,
    goodAtMs: row.good_at_ms,
  };
}

export interface RolloutColumns {
  readonly rollout_id: string;
  readonly runtime_run_id: string;
  readonly phase: string;
  readonly open: number;
  readonly started_at_ms: number;
  readonly updated_at_ms: number;
  readonly state: string;
}
export const rolloutColumns = "rollout_id, runtime_run_id, phase, open, started_at_ms, updated_at_ms, state";

export function rolloutOf(row: RolloutColumns): RolloutRow {
  return {
    rolloutId: row.rollout_id,
    runtimeRunId: row.runtime_run_id,
    phase: row.phase,
    open: row.open === 1,
    state: row.state,
    startedAtMs: row.started_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

export interface PlanColumns {
  readonly plan_id: string;
  readonly runtime_run_id: string;
  readonly at_ms: number;
  readonly plan: string;
}
export const planColumns = "plan_id, runtime_run_id, at_ms, plan";

export function planOf(row: PlanColumns): PlanRow {
  return { planId: row.plan_id, runtimeRunId: row.runtime_run_id, plan: row.plan, atMs: row.at_ms };
}

export interface RequestColumns {
  readonly number: number;
  readonly rollout_id: string;
  readonly command: string;
  readonly sender: string;
  readonly at_ms: number;
}
export const requestColumns = "number, rollout_id, command, sender, at_ms";

export function requestOf(row: RequestColumns): RolloutRequest {
  return {
    number: row.number,
    rolloutId: row.rollout_id,
    command: row.command,
    by: row.sender,
    atMs: row.at_ms,
  };
}
