/**
 * Looks whether the run must end early: out of time, told to by a signal, or asked to by another process. It records why,
 * once; what then happens is the loop's affair.
 */
import { errorCodes } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import type { Recorder } from "./recorder.ts";
import { eventTypes } from "./wire.ts";

export interface CutWatchDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  stopRequested(): Promise<boolean>;
}

/** @param deadlineAt monotonic milliseconds */
export function createCutWatch(
  { clock, signal, deadlineMs, stopRequested }: CutWatchDeps,
  recorder: Recorder,
  deadlineAt: number,
): () => Promise<void> {
  let pollDueAt = 0;
  const stopAsked = async (now: number): Promise<boolean> => {
    if (now < pollDueAt) return false;
    pollDueAt = now + limits.stopPollMs;
    return stopRequested();
  };
  return async () => {
    if (recorder.cut !== undefined) return;
    const now = clock.monotonicMs();
    if (now >= deadlineAt) {
      recorder.emit(eventTypes.deadlineExceeded, JSON.stringify({ deadline_ms: deadlineMs }), clock.nowMs());
      recorder.cutShort({ kind: "exhausted", code: "RUN_DEADLINE", why: errorCodes.RUN_DEADLINE.message });
    } else if (signal.aborted || (await stopAsked(now))) {
      const payload = { by: signal.aborted ? "signal" : "request" };
      recorder.emit(eventTypes.stopRequested, JSON.stringify(payload), clock.nowMs());
      recorder.cutShort({ kind: "stopped" });
    }
  };
}
