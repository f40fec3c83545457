/** Times, lengths of time and sizes as people read them, on terminals and pages alike. Pure; programs get the numbers. */

/** `31 ms`, `0.8 s`, `41.3 s`, `2 min 05 s`, `3 h 07 min`, `2 d 04 h`. */
export function elapsed(ms: number): string {
  if (ms < 100) return `${Math.max(0, Math.round(ms))} ms`;
  const tenths = Math.floor(ms / 100);
  if (tenths < 600) return `${Math.floor(tenths / 10)}.${tenths % 10} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1_440)} d ${two(Math.floor(minutes / 60) % 24)} h`;
}

/** ISO 8601 in UTC to the millisecond; the plain number where a calendar does not reach. */
export function instant(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** `812 bytes`, `1.4 MB`: powers of a thousand, two digits at least. */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? "bytes"}`;
}

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

function two(value: number): string {
  return String(value).padStart(2, "0");
}
