/**
 * Runs that nobody works on any more and that are not done: their holder died, or they ended and died before their evidence
 * was whole. Those of a holder that lives, or may live on another host, are told apart and left alone.
 */
import { isUnsealed } from "../../run/continuation/leftover.ts";
import { countPhases } from "../../store/sqlite/standing.ts";
import { livenessOf, livenessText } from "../lease/liveness.ts";
import type { Plain } from "../render/output.ts";
import type { Style } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import { type FoundRun, withStore } from "./locate.ts";
import { runData } from "./run-view.ts";

export interface StaleRun extends FoundRun {
  readonly kind: "abandoned" | "unsealed";
  /** For people. */
  readonly why: string;
  /** When the last event happened; when it started, where there is none. */
  readonly sinceMs: number;
  /** Whether going on with it means to wait for a signal or a clock. */
  readonly suspended: boolean;
}

export interface StaleRuns {
  readonly stale: readonly StaleRun[];
  /** Not ended, and held. */
  readonly held: readonly FoundRun[];
}

export async function staleRuns(runs: readonly FoundRun[], nowMs: number): Promise<StaleRuns> {
  const held: FoundRun[] = [];
  const stale: StaleRun[] = [];
  for (const run of runs) {
    const { row } = run;
    const isHeld = livenessOf(row.lease, nowMs).kind === "held";
    if (isHeld && row.outcome === null) held.push(run);
    if (isHeld || !(row.outcome === null || isUnsealed(row))) continue;
    stale.push(await staleRun(run, nowMs));
  }
  return { stale, held };
}

async function staleRun(run: FoundRun, nowMs: number): Promise<StaleRun> {
  const { row, scopeRoot } = run;
  const { runtimeRunId } = row.context;
  const { sinceMs, suspended } = await withStore(scopeRoot, async (store) => {
    const reader = await store.openRun(runtimeRunId);
    try {
      const last = row.lastSeq === 0 ? null : await reader.eventAt(row.lastSeq);
      const counts = countPhases(await reader.actions());
      return { sinceMs: last?.atMs ?? row.startedAtMs, suspended: counts.suspended > 0 };
    } finally {
      await reader.close();
    }
  });
  const who = livenessText(row.lease, nowMs);
  if (row.outcome === null) return { ...run, kind: "abandoned", why: who, sinceMs, suspended };
  const why = `ended ${row.outcome}, its evidence was not written to the end`;
  return { ...run, kind: "unsealed", why, sinceMs, suspended: false };
}

/** The shape `StaleRun` of docs/json-output.md. */
export function staleData(run: StaleRun, nowMs: number): { readonly [key: string]: Plain } {
  const { kind, why, sinceMs } = run;
  return { ...runData(run, nowMs), stale: kind, why, since_ms: sinceMs };
}

export function staleText(
  runs: readonly StaleRun[],
  nowMs: number,
  { style, columnsMax }: { readonly style: Style; readonly columnsMax: number | undefined },
): string {
  const columns: Column<StaleRun>[] = [
    { title: "RUN", value: ({ row }) => row.context.runtimeRunId },
    {
      title: "SCOPE",
      value: ({ row }) => printable(`${row.context.scope.tenantId}/${row.context.scope.repoId}`),
      narrowest: 10,
      optional: true,
    },
    { title: "STALE", value: ({ kind }) => kind, paint: (cell) => style.bad(cell) },
    { title: "LAST EVENT", value: ({ sinceMs }) => `${elapsed(nowMs - sinceMs)} ago`, align: "end" },
    { title: "WHY", value: ({ why }) => why, narrowest: 20 },
  ];
  return runs.length === 0 ? "" : table(runs, columns, columnsMax);
}

/** `r1 is left alone: process 12 on here is at it` */
export function heldText({ row }: FoundRun, nowMs: number): string {
  return `${printable(row.context.runtimeRunId)} is left alone: ${livenessText(row.lease, nowMs)}`;
}

export function heldData({ row }: FoundRun, nowMs: number): Plain {
  const { runtimeRunId, scope } = row.context;
  return {
    runtime_run_id: runtimeRunId,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    why: livenessText(row.lease, nowMs),
  };
}
