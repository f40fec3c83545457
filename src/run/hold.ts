/**
 * A run whose lease this process holds: lets the kernel work and writes the evidence however it ends.
 */
import { AkcError } from "../errors.ts";
import { type KernelDeps, type KernelReport, runKernel } from "../kernel/loop.ts";
import type { Past } from "../kernel/past.ts";
import type { Progress } from "../kernel/recorder.ts";
import { eventTypes } from "../kernel/wire.ts";
import type { RunWriter, Store } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { systemIds } from "../system/ids.ts";
import { isBuiltin } from "./adapters.ts";
import { kernelDeps } from "./parts.ts";
import type { ReadyRun } from "./ready.ts";
import { type Settled, type SettleParts, settleRun } from "./settle.ts";
import { createWorkdirs } from "./workdirs.ts";

export interface HeldRun {
  readonly ready: ReadyRun;
  readonly store: Store;
  readonly writer: RunWriter;
  readonly clock: Clock;
  /** Stops the run in good order. */
  readonly signal: AbortSignal;
  /** Aborts with the reason when the lease is lost: nothing may be written any more. */
  readonly lost: AbortSignal;
  readonly deadlineMs?: number | undefined;
  /** How long the run has been going on already, for bounds that hold from its start. */
  readonly elapsedMs?: number;
  /** What a run that goes on has behind it; absent on one that has no event yet. */
  readonly past?: Past;
  /** Steps to run again. */
  readonly rerun?: readonly string[];
  onProgress?(progress: Progress): void;
  readonly asking?: SettleParts["asking"];
}

export interface HeldReport extends KernelReport, Pick<Settled, "validity" | "unjudged"> {}

/** @throws AkcError what broke the run; its record says so too, unless the lease was lost. */
export async function runHeld(held: HeldRun): Promise<HeldReport> {
  const { lost, clock } = held;
  const beganMs = clock.monotonicMs();
  try {
    const deps = depsOf(held);
    const report = await runKernel(held.ready.plan, deps);
    lost.throwIfAborted();
    // The longest time for the run is that for judging it too.
    const { deadlineMs } = deps;
    const askMs =
      deadlineMs === undefined ? undefined : Math.max(0, beganMs + deadlineMs - clock.monotonicMs());
    const { failed, ...judged } = await settleRun({ ...partsOf(held), askMs }, runId(held));
    return { ...report, ...failed, ...judged };
  } catch (cause) {
    await recordFailure(held, cause);
    throw cause;
  }
}

function depsOf(held: HeldRun): KernelDeps {
  const { ready, store, clock, writer, past, rerun } = held;
  const { context, adapter, noted, place } = ready;
  return {
    ...kernelDeps(ready, {
      clock,
      writer,
      adapter,
      context,
      workdirOf: createWorkdirs(place.scopeDir, ready.plugin !== undefined),
      stopRequested: () => store.stopRequested(context.runtimeRunId),
      openSignals: () => store.openSignals(context.runtimeRunId),
      deployed: store.deployment,
      newRolloutId: () => systemIds.runtimeRunId(),
      signal: AbortSignal.any([held.signal, held.lost]),
      noted,
      foreign: !isBuiltin(adapter.id),
      deadlineMs: held.deadlineMs,
      elapsedMs: held.elapsedMs,
      onProgress: held.onProgress,
    }),
    ...(past === undefined ? {} : { past }),
    ...(rerun === undefined || rerun.length === 0 ? {} : { rerun }),
  };
}

/** Leaves no run `running`: what broke it goes into its record, as far as the store still takes anything. */
async function recordFailure(held: HeldRun, cause: unknown): Promise<void> {
  if (held.lost.aborted || (cause instanceof AkcError && cause.code === "LEASE_LOST")) return;
  const { writer, clock } = held;
  const lastError = cause instanceof Error ? cause.message : "the run broke";
  const errorCode = cause instanceof AkcError ? cause.code : "INTERNAL";
  const atMs = clock.nowMs();
  const payload = JSON.stringify({ error: lastError, error_code: errorCode });
  try {
    await writer.commit({
      events: [{ seq: writer.lastSeq + 1, type: eventTypes.failed, atMs, payload }],
      actions: [],
      decisions: [],
      run: { status: "failed", outcome: "failed", finishedAtMs: atMs, lastError },
    });
    await settleRun(partsOf(held), runId(held));
  } catch {
    // The first error is the one to show; a store that takes nothing more cannot be told about it.
  }
}

function partsOf({ ready, store, writer, clock, signal, lost, asking }: HeldRun): SettleParts {
  const { place, facts, env, bindingsPath } = ready;
  const either = AbortSignal.any([signal, lost]);
  return { store, writer, clock, place, facts, env, bindingsPath, lost, signal: either, asking };
}

function runId({ ready }: HeldRun): string {
  return ready.context.runtimeRunId;
}
