/** One run as the commands show it: the shape `Run` of docs/json-output.md, and the word that says how it stands. */
import { type ActionPhase, type ActionRow, noPhases, type RunRow } from "../../store/contract.ts";
import { holderData, livenessOf } from "../lease/liveness.ts";
import type { Plain } from "../render/output.ts";
import type { FoundRun, ListedRun } from "./locate.ts";

/**
 * How a run stands, in one word: its outcome when it has ended, else `running`, `stopping`, `waiting` when nothing of it
 * moves until a signal comes or a time, or `abandoned` when the process that ran it is gone.
 * @param counts where its actions stand; without them `waiting` is told as `running`
 */
export function standing(row: ListedRun, nowMs: number, counts?: PhaseCounts): string {
  if (row.outcome !== null) return row.outcome;
  if (livenessOf(row.lease, nowMs).kind !== "held") return "abandoned";
  if (row.stopRequestedAtMs !== null) return "stopping";
  return counts !== undefined && isWaiting(counts) ? "waiting" : "running";
}

function isWaiting({ running, retrying, suspended }: PhaseCounts): boolean {
  return suspended > 0 && running === 0 && retrying === 0;
}

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

export type PhaseCounts = Readonly<Record<ActionPhase, number>>;

export function countPhases(actions: readonly ActionRow[]): PhaseCounts {
  const counts: Record<ActionPhase, number> = { ...noPhases };
  for (const action of actions) counts[action.phase]++;
  return counts;
}
