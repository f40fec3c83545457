/**
 * Notices that somebody set the wall clock while the loop runs, by comparing it with the monotonic one. It says so and sets nothing:
 * what is due goes by `steady-clock.ts` and `scope-time.ts`.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";

/** Asked at a pace: how far the wall clock was set since the last time, below 0 where it was set back. Undefined where it was not. */
export function clockSteps(clock: Pick<Clock, "nowMs" | "monotonicMs">): () => number | undefined {
  const apart = () => clock.nowMs() - clock.monotonicMs();
  let before = apart();
  return () => {
    const now = apart();
    const byMs = Math.round(now - before);
    before = now;
    // Whoever keeps the clock in time slews it, by far less than this between two looks.
    return Math.abs(byMs) < limits.autopilotClockStepMs ? undefined : byMs;
  };
}
