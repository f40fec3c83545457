/**
 * The time of one scope: that of the wall, but never before what its facts say already, and never standing still. A clock that is set
 * back delays nothing in it, and a scope whose facts are of the future moves no other scope's windows.
 */
import type { Clock } from "../../system/clock.ts";

export interface ScopeTime {
  /** Whole milliseconds since the epoch, not before `floorMs` and not before what it said last. */
  nowMs(floorMs: number): number;
}

export function scopeTime(clock: Pick<Clock, "nowMs" | "monotonicMs">): ScopeTime {
  let toldMs = Math.floor(clock.nowMs());
  let toldAt = clock.monotonicMs();
  return {
    nowMs(floorMs) {
      const at = clock.monotonicMs();
      const ownMs = toldMs + Math.floor(at - toldAt);
      const nowMs = Math.max(Math.floor(clock.nowMs()), floorMs, ownMs);
      if (nowMs > ownMs) {
        toldMs = nowMs;
        toldAt = at;
      }
      return nowMs;
    },
  };
}
