/** Reads the values of flags that are not plain text. Strict: no surrounding text, no rounding, ranges named in the error. */
import { AkcError } from "../errors.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A whole number in decimal digits. @throws AkcError USAGE */
export function wholeNumber(flag: string, text: string, range: Range): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw new AkcError("USAGE", {
    message: `${flag} cannot be "${text}"`,
    hint: `It is a whole number from ${range.min} to ${range.max}.`,
  });
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * A length of time as milliseconds: `90`, `90s`, `10m`, `1h30m`, `250ms`. A bare number means seconds.
 * @throws AkcError USAGE
 */
export function duration(flag: string, text: string, range: Range): number {
  const value = durationIn(text, range);
  if (value !== undefined) return value;
  throw new AkcError("USAGE", {
    message: `${flag} cannot be "${text}"`,
    hint: `It is a length of time such as 90, 90s, 10m or 1h30m, from ${range.min} ms to ${Math.floor(range.max / unitMs.d)} d.`,
  });
}

/** As `duration`, but undefined for what is none within the range. */
export function durationIn(text: string, range: Range): number | undefined {
  const value = durationMs(text);
  return value !== undefined && value >= range.min && value <= range.max ? value : undefined;
}

function durationMs(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * unitMs.s;
  if (!/^(\d{1,12}(ms|s|m|h|d))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    const factor = Object.entries(unitMs).find(([name]) => name === unit)?.[1] ?? 0;
    totalMs += Number(digits) * factor;
  }
  return totalMs;
}
