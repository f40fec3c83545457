/**
 * Windows of scoreboards: aligned to whole multiples of their length since the epoch, one after the other without a gap.
 * Says which window is due; writes and reads nothing.
 *
 * Source: spec cli §14.14.
 */
import { limits } from "../../limits.ts";
import type { ScoreWindow } from "./kpi.ts";

/** The aligned window that the moment lies in. */
export function windowOf(atMs: number, windowMs: number): ScoreWindow {
  const startMs = Math.floor(atMs / windowMs) * windowMs;
  return { startMs, endMs: startMs + windowMs };
}

export interface DueWindow {
  readonly window: ScoreWindow;
  /** Whole windows before it in which nothing happened and of which no scoreboard is written, since there are too many. */
  readonly idle?: { readonly fromMs: number; readonly windows: number };
}

/**
 * The oldest window that is over and has no scoreboard yet; one each time that it is asked.
 *
 * @param sinceMs end of the last window with a scoreboard, else the time of the scope's first entry
 * @param nextEntryMs time of the first entry at or after `sinceMs`; undefined when there is none
 */
export function dueWindow(
  sinceMs: number,
  nextEntryMs: number | undefined,
  nowMs: number,
  windowMs: number,
): DueWindow | undefined {
  const first = windowOf(sinceMs, windowMs);
  const current = windowOf(nowMs, windowMs);
  if (first.startMs >= current.startMs) return undefined;
  const bounded = current.startMs - limits.autopilotScoreboardsBehindMax * windowMs;
  const eventful =
    nextEntryMs === undefined ? bounded : Math.min(bounded, windowOf(nextEntryMs, windowMs).startMs);
  if (eventful <= first.startMs) return { window: first };
  return {
    window: windowOf(eventful, windowMs),
    idle: { fromMs: first.startMs, windows: (eventful - first.startMs) / windowMs },
  };
}
