/** One run as the commands show it: the shape `Run` of docs/json-output.md. */
import type { PhaseCounts, RunRow } from "../../store/contract.ts";
import { standing } from "../../store/sqlite/standing.ts";
import { holderData } from "../lease/liveness.ts";
import type { Plain } from "../render/output.ts";
import type { FoundRun } from "./locate.ts";

export function runData(
  { row, scopeRoot }: FoundRun,
  nowMs: number,
  counts?: PhaseCounts,
): { readonly [key: string]: Plain } {
  const { context } = row;
  return {
    kind: "Run",
    runtime_run_id: context.runtimeRunId,
    tenant_id: context.scope.tenantId,
    repo_id: context.scope.repoId,
    run_id: context.runId,
    mode: context.mode,
    adapter_id: context.adapterId,
    standing: standing(row, nowMs, counts),
    status: row.status,
    outcome: row.outcome,
    bundle_path: row.bundlePath,
    bundle_sha256: row.bundleSha256,
    coordination_spec_sha256: row.coordinationSha256,
    started_at_ms: row.startedAtMs,
    finished_at_ms: row.finishedAtMs,
    stop_requested_at_ms: row.stopRequestedAtMs,
    last_error: row.lastError,
    event_count: row.lastSeq,
    trace_id: row.traceId,
    scope_root: scopeRoot,
    // A run that has ended has nobody who may write, whatever its last lease says.
    holder: row.lease === null || row.outcome !== null ? null : holderData(row.lease, nowMs),
  };
}

/** How long it ran, or runs. */
export function durationMs(row: RunRow, nowMs: number): number {
  return (row.finishedAtMs ?? nowMs) - row.startedAtMs;
}
