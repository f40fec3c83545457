/**
 * Ticks of a schedule since the last one that was told. A tick that was missed while nobody ran fires once, however many were missed.
 * Pure but for the engine's calendar; the clock comes in.
 *
 * Source: crontab(5); Bun.cron.parse for time zones and summer time.
 */
import { AkcError } from "../../errors.ts";

export interface Schedule {
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
}

export type Ticking =
  /** Nothing to tell; `sinceMs` is from when on ticks count, where that is not what is stored. */
  | { readonly kind: "quiet"; readonly sinceMs?: number; readonly nextMs: number | undefined }
  /** `tickMs` is the last of `missed` + 1 ticks. */
  | { readonly kind: "due"; readonly tickMs: number; readonly missed: number };

/**
 * @param sinceMs of the last tick told, or of when the schedule was seen first; undefined at first sight
 * @throws AkcError AUTOPILOT_CONFIG_INVALID for what is no schedule
 */
export function ticksOf(schedule: Schedule, sinceMs: number | undefined, nowMs: number): Ticking {
  if (sinceMs === undefined) return { kind: "quiet", sinceMs: nowMs, nextMs: nextTick(schedule, nowMs) };
  // The clock was set back by more than it drifts: what was told then is told again rather than nothing for as long.
  if (sinceMs - nowMs > setBackMs)
    return { kind: "quiet", sinceMs: nowMs, nextMs: nextTick(schedule, nowMs) };
  let tickMs: number | undefined;
  let next = nextTick(schedule, sinceMs);
  let count = 0;
  for (; next !== undefined && next <= nowMs && count < countedMax; count += 1) {
    tickMs = next;
    next = nextTick(schedule, next);
  }
  if (tickMs === undefined) return { kind: "quiet", nextMs: next };
  // Far behind: the moment itself counts, and how many were missed is at least this.
  if (next !== undefined && next <= nowMs) tickMs = nowMs;
  return { kind: "due", tickMs, missed: count - 1 };
}

const setBackMs = 5 * 60_000;
/** A tick a minute for a day and a bit. */
const countedMax = 1_500;

/** Undefined where there is none within years. @throws AkcError AUTOPILOT_CONFIG_INVALID */
function nextTick({ cron, timeZone }: Schedule, afterMs: number): number | undefined {
  try {
    return Bun.cron.parse(cron, afterMs, { tz: timeZone })?.getTime();
  } catch (cause) {
    throw new AkcError("AUTOPILOT_CONFIG_INVALID", {
      message: "the schedule of the triggers is not one",
      hint: "`cron` has five fields (minute hour day month weekday), `time_zone` is a name such as Europe/Berlin.",
      details: { cron, timeZone },
      cause,
    });
  }
}
