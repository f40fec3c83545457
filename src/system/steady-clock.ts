/**
 * A wall clock that never goes back, for whoever decides by it what is due. It follows the wall clock forward and goes on
 * with the monotonic one while the wall clock is behind what was told already; it never stands still.
 */
import type { Clock } from "./clock.ts";

/**
 * Times are whole milliseconds. A clock that is set back delays nothing; one that is set forward makes things due.
 * @param fromMs what was written down already: it begins there where the wall clock is behind that
 */
export function steadyClock(clock: Clock, fromMs = Number.NEGATIVE_INFINITY): Clock {
  let toldMs = Math.max(clock.nowMs(), fromMs);
  let toldAt = clock.monotonicMs();
  return {
    nowMs() {
      const at = clock.monotonicMs();
      const ownMs = toldMs + Math.floor(at - toldAt);
      const wallMs = clock.nowMs();
      if (wallMs <= ownMs) return ownMs;
      toldMs = wallMs;
      toldAt = at;
      return wallMs;
    },
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
