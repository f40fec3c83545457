/**
 * Finds out what became of an attempt that another process left, and goes on with it. A run is ended, gone on with, or was never begun;
 * it is never begun a second time.
 *
 * Source: spec cli §14.15, §17.1 W-19, W-19b.
 */
import { AkcError } from "../../errors.ts";
import type { RunHost } from "../../run/ready.ts";
import { resumeRun } from "../../run/resume.ts";
import type { RunRow } from "../../store/contract.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt, RunOutcome } from "../model.ts";
import { type FenceHost, fenceOff, withRun } from "./found-run.ts";
import { outcomeOfReport, outcomeOfRow, outcomeOfWork } from "./outcome.ts";
import { nothing, repair } from "./repair.ts";
import { signsOf } from "./signs.ts";
import { brokenOutcome } from "./start-rollout.ts";
import { obey } from "./waiting.ts";

/**
 * Undefined: its run never began.
 * @throws AkcError what passes by itself: LEASE_HELD, LEASE_MOVED, SCOPE_HELD, STORE_BUSY, DISK_FULL; the signal's reason
 */
export async function recover(
  scope: ScopeConfig,
  attempt: Attempt,
  signal: AbortSignal,
  host: RunHost & FenceHost,
): Promise<RunOutcome | undefined> {
  const { scopeRoot } = scope;
  const { runtimeRunId } = attempt;
  signal.throwIfAborted();
  const row = await withRun(scopeRoot, runtimeRunId, async (found) => {
    await fenceOff(found, host);
    return found.row;
  });
  if (row === undefined) return undefined;
  if (attempt.kind === "repair") return repairAgain(scope, attempt, signal, host);
  try {
    const report = await resumeRun(
      {
        scopeRoot,
        runtimeRunId,
        onlyUnfinished: hasEnded(row),
        bundlePath: attempt.bundlePath,
        signal,
      },
      host,
    );
    if (report.outcome === "stopped") signal.throwIfAborted();
    return await withRun(scopeRoot, runtimeRunId, async ({ reader }) =>
      outcomeOfReport(report, await signsOf(reader)),
    );
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AkcError && cause.code === "RUN_NOT_RESUMABLE") {
      await obey(scope, attempt, row, signal, host);
      return withRun(scopeRoot, runtimeRunId, async (found) =>
        outcomeOfRow(found.row, await signsOf(found.reader), host.clock.nowMs()),
      );
    }
    if (!(cause instanceof AkcError) || passes(cause)) throw cause;
    return brokenOutcome(scopeRoot, runtimeRunId, cause, host);
  }
}

/** What keeps it from being made now and always, such as a bundle that is gone, is how it ended: nobody would come back for it. */
async function repairAgain(
  scope: ScopeConfig,
  attempt: Attempt,
  signal: AbortSignal,
  host: RunHost,
): Promise<RunOutcome> {
  const startedAtMs = host.clock.nowMs();
  try {
    return await repair(scope, attempt, signal, host);
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof AkcError) || passes(cause)) throw cause;
    const { code: errorCode, message, exitCode } = cause;
    const finishedAtMs = host.clock.nowMs();
    const how = { outcome: "failed", converged: false, exitCode, errorCode, message } as const;
    return outcomeOfWork(nothing, { ...how, startedAtMs, finishedAtMs });
  }
}

/** What a stop of the controller cut off goes on; what a person stopped stays as he left it. */
function hasEnded({ outcome, stopRequestedAtMs }: RunRow): boolean {
  if (outcome === null) return false;
  return outcome !== "stopped" || stopRequestedAtMs !== null;
}

/** It says nothing of the run: the next visit asks again. */
export function passes({ code, class: kind }: AkcError): boolean {
  return kind === "retryable" || passing.has(code);
}

const passing: ReadonlySet<string> = new Set([
  "LEASE_HELD",
  "LEASE_MOVED",
  "LEASE_LOST",
  "SCOPE_HELD",
  "STORE_BUSY",
  "DISK_FULL",
]);
