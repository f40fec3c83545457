/**
 * Whether now lies within a maintenance window, and when the next one begins. A window is the time between two readings of the wall
 * clock of its place: from the first moment at which that clock shows or has passed `from` to the first at which it shows or has passed
 * `to`. Where clocks are put forward it begins at the leap; where they are put back it is longer, and never opens twice. Pure.
 *
 * Source: Argo CD's sync windows (design only); ECMA-402 for what clocks show.
 */
import type { MaintenanceWindow } from "../config/model.ts";
import { closed, open, skipped } from "./answer.ts";
import { type LocalDate, localDate, momentAt, nextDate } from "./local-time.ts";
import type { GateAnswer } from "./model.ts";

export function windowGate(windows: readonly MaintenanceWindow[], nowMs: number): GateAnswer {
  if (windows.length === 0) return skipped("window", "no_windows", "there are no maintenance windows");
  const { openUntilMs, nextMs } = windowsAt(windows, nowMs);
  if (openUntilMs !== undefined) {
    return open("window", "within_window", `a maintenance window is open until ${iso(openUntilMs)}`);
  }
  const known = nextMs === undefined ? {} : { opensAtMs: nextMs };
  return closed("window", {
    reason: "outside_maintenance_window",
    message: "no maintenance window is open",
    opens:
      nextMs === undefined ? "Another window: those that are set never open." : `It opens ${iso(nextMs)}.`,
    ...known,
  });
}

export interface WindowsAt {
  /** End of the window that is open now, of those that are the last one's; absent while none is. */
  readonly openUntilMs?: number;
  /** When the next one begins, while none is open; absent where none begins within the days that are looked at. */
  readonly nextMs?: number;
}

/** @param nowMs milliseconds since the epoch */
export function windowsAt(windows: readonly MaintenanceWindow[], nowMs: number): WindowsAt {
  const spans = windows.flatMap((window) => spansOf(window, nowMs));
  const current = spans.filter(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs);
  if (current.length > 0) return { openUntilMs: Math.max(...current.map(({ toMs }) => toMs)) };
  const next = spans.filter(({ fromMs, toMs }) => fromMs > nowMs && fromMs < toMs);
  return next.length === 0 ? {} : { nextMs: Math.min(...next.map(({ fromMs }) => fromMs)) };
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the day before, whose window may last until now, to a day of each name that a leap of the clocks has not swallowed. */
function spansOf(
  { days, fromMinute, toMinute, timeZone }: MaintenanceWindow,
  nowMs: number,
): readonly Span[] {
  const spans: Span[] = [];
  let date: LocalDate = localDate(timeZone, nowMs - 2 * dayMs);
  for (let day = 0; day < daysLookedAt; day += 1, date = nextDate(date)) {
    if (!days.includes(date.weekday)) continue;
    const end = toMinute > fromMinute ? date : nextDate(date);
    spans.push({
      fromMs: momentAt(timeZone, date, fromMinute),
      toMs: momentAt(timeZone, end, toMinute),
    });
  }
  return spans;
}

const dayMs = 86_400_000;
/** Two days back, and two weeks on: a window a week that one leap has swallowed comes again within them. */
const daysLookedAt = 17;

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
