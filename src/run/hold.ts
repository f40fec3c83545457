/**
 * A run whose lease this process holds: lets the kernel work, keeps the lease, and writes the evidence however it ends.
 */
import { AkcError } from "../errors.ts";
import { type ExportReport, exportRun } from "../evidence/export.ts";
import { type KernelReport, runKernel } from "../kernel/loop.ts";
import type { Progress } from "../kernel/recorder.ts";
import { eventTypes } from "../kernel/wire.ts";
import type { RunWriter, Store } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { isBuiltin } from "./adapters.ts";
import { keepLease } from "./lease-keeper.ts";
import { kernelDeps } from "./parts.ts";
import type { ReadyRun } from "./ready.ts";
import { createWorkdirs } from "./workdirs.ts";

export interface HeldRun {
  readonly ready: ReadyRun;
  readonly store: Store;
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  onProgress?(progress: Progress): void;
}

/** @throws AkcError what broke the run; its record says so too, unless the lease was lost. */
export async function runHeld(held: HeldRun): Promise<KernelReport> {
  const { writer, clock, signal } = held;
  const lost = new AbortController();
  let leaseError: unknown;
  const keeper = keepLease(writer, clock, (cause) => {
    leaseError = cause;
    lost.abort(cause);
  });
  try {
    const report = await kernel(held, AbortSignal.any([signal, lost.signal]));
    if (leaseError !== undefined) throw leaseError;
    const { unmetExpectations } = await exportEvidence(held);
    if (report.outcome !== "succeeded" || unmetExpectations.length === 0) return report;
    return await failForEvidence(held, report, unmetExpectations);
  } catch (cause) {
    await recordFailure(held, cause);
    throw cause;
  } finally {
    keeper.stop();
    await held.ready.adapter.close?.();
  }
}

function kernel(held: HeldRun, signal: AbortSignal): Promise<KernelReport> {
  const { ready, store, deadlineMs, onProgress, clock, writer } = held;
  const { context, adapter, noted, place } = ready;
  return runKernel(
    ready.plan,
    kernelDeps(ready, {
      clock,
      writer,
      adapter,
      context,
      workdirOf: createWorkdirs(place.scopeDir),
      stopRequested: () => store.stopRequested(context.runtimeRunId),
      signal,
      noted,
      foreign: !isBuiltin(adapter.id),
      deadlineMs,
      onProgress,
    }),
  );
}

/** A run that went well but did not leave the evidence it was to leave has not succeeded (spec bundle §8.7). */
async function failForEvidence(
  held: HeldRun,
  report: KernelReport,
  missing: readonly string[],
): Promise<KernelReport> {
  const lastError = `runtime evidence expectations not met: ${missing.join(", ")}`;
  const atMs = held.clock.nowMs();
  const payload = JSON.stringify({ missing });
  await held.writer.commit({
    events: [{ seq: report.lastSeq + 1, type: eventTypes.evidenceMissing, atMs, payload }],
    actions: [],
    decisions: [],
    run: { status: "failed", outcome: "failed", finishedAtMs: atMs, lastError },
  });
  await exportEvidence(held);
  return {
    ...report,
    status: "failed",
    outcome: "failed",
    finishedAtMs: atMs,
    lastError,
    lastErrorCode: "EVIDENCE_EXPECTATION_UNMET",
  };
}

async function exportEvidence({ ready, store, clock }: HeldRun): Promise<ExportReport> {
  const { context, place, facts } = ready;
  const reader = await store.openRun(context.runtimeRunId);
  try {
    const { scopeRoot, outputsRoot } = place;
    return await exportRun({ reader, scopeRoot, outputsRoot, facts, nowMs: clock.nowMs() });
  } finally {
    await reader.close();
  }
}

/** Leaves no run `running`: what broke it goes into its record, as far as the store still takes anything. */
async function recordFailure(held: HeldRun, cause: unknown): Promise<void> {
  if (cause instanceof AkcError && cause.code === "LEASE_LOST") return;
  const lastError = cause instanceof Error ? cause.message : "the run broke";
  const run = { status: "failed", outcome: "failed" as const, finishedAtMs: held.clock.nowMs(), lastError };
  try {
    await held.writer.commit({ events: [], actions: [], decisions: [], run });
    await exportEvidence(held);
  } catch {
    // The first error is the one to show; a store that takes nothing more cannot be told about it.
  }
}
