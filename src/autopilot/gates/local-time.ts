/**
 * What the wall clock of a place shows, and the first moment at which it shows or has passed a time of a day, over every leap of its
 * clocks. Pure: knows the rules of time zones that the engine has, and no clock.
 *
 * Source: ECMA-402 `Intl.DateTimeFormat`; IANA time zone database.
 */

export interface LocalDate {
  readonly year: number;
  /** 1 … 12 */
  readonly month: number;
  readonly day: number;
  /** 0 Sunday … 6 Saturday. */
  readonly weekday: number;
}

/** The date that a calendar in the zone shows at that moment. */
export function localDate(timeZone: string, ms: number): LocalDate {
  return dateOf(ms + offsetMs(timeZone, ms));
}

export function nextDate({ year, month, day }: LocalDate): LocalDate {
  return dateOf(Date.UTC(year, month - 1, day + 1));
}

/**
 * The first moment, as milliseconds since the epoch, at which the clock in the zone shows this minute of this date, or has passed it:
 * a time that a leap forward leaves out begins with the leap, one that a leap back gives twice begins with the first.
 * @param minute after midnight; 1440 is the next midnight
 */
export function momentAt(timeZone: string, { year, month, day }: LocalDate, minute: number): number {
  const wanted = Date.UTC(year, month - 1, day, 0, minute);
  const offsets = [wanted - dayMs, wanted + dayMs].map((around) => offsetMs(timeZone, around));
  const shown = [...new Set(offsets)]
    .map((offset) => wanted - offset)
    .filter((ms) => ms + offsetMs(timeZone, ms) === wanted);
  if (shown.length > 0) return Math.min(...shown);
  // Left out: the clock shows less before the leap and more after it.
  let before = wanted - Math.max(...offsets);
  let after = wanted - Math.min(...offsets);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (middle + offsetMs(timeZone, middle) < wanted) before = middle;
    else after = middle;
  }
  return after;
}

/** How far the zone's clock is ahead of UTC at that moment. */
function offsetMs(timeZone: string, ms: number): number {
  const whole = Math.floor(ms / 1_000) * 1_000;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(whole)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
}

function dateOf(ms: number): LocalDate {
  const date = new Date(ms);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
  };
}

/** Making one takes a thousand times as long as using it. Configurations name few zones. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    if (formats.size >= formatsMax) formats.clear();
    formats.set(timeZone, format);
  }
  return format;
}

const formatsMax = 64;
const dayMs = 86_400_000;
