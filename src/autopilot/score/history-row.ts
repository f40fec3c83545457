/**
 * The rows of the documented history, as they follow from a scope's entries: one for each rollout that ended, one for each that
 * was refused. Pure; where rows are written is the chronicle's.
 *
 * Source: spec cli §14.9, §14.13; cli:W-01, W-16, W-28.
 */
import { classOf } from "../../errors.ts";
import type { Outcome } from "../../store/contract.ts";
import { isShut } from "../gates/model.ts";
import type { AttemptVerdict, Entry, Fact, RunOutcome } from "../model.ts";
import type { CompileApply, TimeMetrics } from "../offer/model.ts";
import { policyDenied, refusalOf } from "./refusal.ts";

/** All documented keys, then akc's own. Times and latencies are milliseconds. */
export interface HistoryRow {
  readonly event_kind: "runtime_rollout" | "promotion_prevented";
  readonly attempt_id: string;
  readonly started_at_ms: number;
  readonly promotion_policy_allow: boolean;
  readonly runtime_terminal_status: string | null;
  readonly rollback_count: number;
  readonly rollback_success_count: number;
  readonly convergence_latency_ms: number | null;
  readonly intent_to_healthy_runtime_ms: number | null;
  readonly compile_to_healthy_runtime_ms: number | null;
  readonly compression_factor_vs_baseline: number | null;
  readonly intent_to_staging_ms: number | null;
  readonly intent_to_prod_ms: number | null;
  readonly staging_to_prod_ms: number | null;
  readonly approval_wait_ms: number | null;
  readonly manual_touch_count: number | null;
  readonly prevented_reason: string | null;
  readonly compile_realization_mode: string | null;
  readonly compile_apply_applied: boolean | null;
  readonly compile_apply_policy_allowed: boolean | null;
  readonly compile_apply_denial_reason: string | null;
  /** Number of the entry that the row is of: no two rows of a scope share it. */
  readonly entry_seq: number;
  readonly verdict: AttemptVerdict | null;
  readonly bundle_sha256: string;
  readonly runtime_run_id: string | null;
}

type Started = Extract<Fact, { type: "attempt_started" }>;
type Ended = Extract<Fact, { type: "attempt_ended" }>;
type HeldFact = Extract<Fact, { type: "held" }>;

/** An attempt that ended, with how it had begun. */
export interface EndedAttempt {
  readonly started: Started;
  readonly startedAtMs: number;
  readonly ended: Ended;
  readonly endedAtMs: number;
  readonly seq: number;
}

/** In the order of their ends. What began before the first of these entries is left out. */
export function endedAttempts(entries: readonly Entry[]): readonly EndedAttempt[] {
  const open = new Map<string, { readonly fact: Started; readonly atMs: number }>();
  return entries.flatMap(({ fact, atMs, seq }) => {
    if (fact.type === "attempt_started") open.set(fact.attempt.attemptId, { fact, atMs });
    if (fact.type !== "attempt_ended") return [];
    const begun = open.get(fact.attemptId);
    open.delete(fact.attemptId);
    if (begun === undefined) return [];
    return [{ started: begun.fact, startedAtMs: begun.atMs, ended: fact, endedAtMs: atMs, seq }];
  });
}

/** Of entries of one scope in their order; entries that make no row make none. */
export function historyRowsOf(entries: readonly Entry[]): readonly HistoryRow[] {
  const ended = new Map(endedAttempts(entries).map((attempt) => [attempt.seq, attempt]));
  return entries.flatMap((entry) => {
    const row = entry.fact.type === "held" ? heldRow(entry, entry.fact) : endedRow(ended.get(entry.seq));
    return row === undefined ? [] : [row];
  });
}

/** Undefined for a repair, which promotes nothing, and for what only waits. */
export function heldRow({ seq, atMs }: Entry, held: HeldFact): HistoryRow | undefined {
  const reason = held.kind === "rollout" ? refusalOf(held.answers)?.historyReason : undefined;
  if (reason === undefined) return undefined;
  return {
    ...prevented(reason),
    ...applied(held.compileApply),
    attempt_id: held.attemptId,
    started_at_ms: atMs,
    promotion_policy_allow: !held.answers.some(
      (answer) => (answer.gate === "policy" || answer.gate === "promotion") && isShut(answer),
    ),
    entry_seq: seq,
    bundle_sha256: held.bundleSha256,
  };
}

/** Undefined for a repair: what stands again is what was promoted before. */
export function endedRow(attempt: EndedAttempt | undefined): HistoryRow | undefined {
  if (attempt === undefined || attempt.started.attempt.kind !== "rollout") return undefined;
  const { started, startedAtMs, ended, seq } = attempt;
  const { run, verdict } = ended;
  const about = {
    ...applied(started.compileApply),
    attempt_id: started.attempt.attemptId,
    started_at_ms: startedAtMs,
    promotion_policy_allow: !deniedByPolicy(run),
    entry_seq: seq,
    verdict,
    bundle_sha256: started.attempt.bundleSha256,
    runtime_run_id: started.attempt.runtimeRunId,
  };
  if (verdict === "not_started") {
    return { ...prevented(notStartedReason(run)), ...about };
  }
  return {
    event_kind: "runtime_rollout",
    ...about,
    runtime_terminal_status: terminalStatus(verdict, run),
    ...rollbacksOf(ended),
    convergence_latency_ms: run?.convergenceMs ?? null,
    ...timesOf(ended.metrics),
    prevented_reason: null,
  };
}

/** Why a rollout whose gates were open has not begun. */
export function notStartedReason(run: RunOutcome | undefined): string {
  return deniedByPolicy(run) ? policyDenied : "not_started";
}

/** How much an attempt brought back: by its run, or by the controller when it did not hold through its bake. */
export function rollbacksOf({ verdict, run }: Pick<Ended, "verdict" | "run">): {
  readonly rollback_count: number;
  readonly rollback_success_count: number;
} {
  const afterBake = verdict === "rolled_back" || verdict === "rollback_failed" ? 1 : 0;
  return {
    rollback_count: Math.max(run?.rollbacks ?? 0, afterBake),
    rollback_success_count: Math.max(run?.rollbacksSucceeded ?? 0, verdict === "rolled_back" ? 1 : 0),
  };
}

/** `succeeded` for what was kept and for nothing else (cli:W-01); else the old runtime's word for how the run ended. */
export function terminalStatus(verdict: AttemptVerdict, run: RunOutcome | undefined): string {
  if (verdict === "kept") return "succeeded";
  if (verdict === "stopped") return "stopped";
  return oldWords[run?.outcome ?? "unknown"];
}

const oldWords: Readonly<Record<Outcome | "unknown", string>> = {
  // It ran to its end and yet nothing of it was kept.
  succeeded: "terminal",
  failed: "failed",
  blocked: "failed",
  stopped: "stopped",
  exhausted: "max_iterations_exceeded",
  unknown: "unknown",
};

/** The gates had let it begin; what it then did was refused all the same. */
function deniedByPolicy(run: RunOutcome | undefined): boolean {
  if (run === undefined) return false;
  if (run.outcome === "blocked" && run.exitCode === 2) return true;
  return run.errorCode !== undefined && classOf(run.errorCode) === "denied";
}

function prevented(reason: string) {
  return {
    event_kind: "promotion_prevented",
    runtime_terminal_status: null,
    rollback_count: 0,
    rollback_success_count: 0,
    convergence_latency_ms: null,
    ...timesOf(undefined),
    prevented_reason: reason,
    verdict: null,
    runtime_run_id: null,
  } as const;
}

function applied(apply: CompileApply | undefined) {
  return {
    compile_realization_mode: apply?.realizationMode ?? null,
    compile_apply_applied: apply?.applied ?? null,
    compile_apply_policy_allowed: apply?.policyAllowed ?? null,
    compile_apply_denial_reason: apply?.denialReason ?? null,
  };
}

function timesOf(metrics: TimeMetrics | undefined) {
  return {
    intent_to_healthy_runtime_ms: metrics?.intentToHealthyRuntimeMs ?? null,
    compile_to_healthy_runtime_ms: metrics?.compileToHealthyRuntimeMs ?? null,
    compression_factor_vs_baseline: metrics?.compressionFactorVsBaseline ?? null,
    intent_to_staging_ms: metrics?.intentToStagingMs ?? null,
    intent_to_prod_ms: metrics?.intentToProdMs ?? null,
    staging_to_prod_ms: metrics?.stagingToProdMs ?? null,
    approval_wait_ms: metrics?.approvalWaitMs ?? null,
    manual_touch_count: metrics?.manualTouchCount ?? null,
  };
}
