/**
 * Lengths of time as a binding writes them: `500ms`, `30s`, `10m`, `1h`, `2d`, or whole milliseconds.
 * Never guesses a unit: a number in quotes without one is none.
 */
import { limits } from "../../limits.ts";

const unitMs = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

export const durationPattern = /^[0-9]{1,12}(?:ms|s|m|h|d)$/;

/** Milliseconds, at least 1; undefined for what is no length of time or longer than any may be. */
export function durationMs(written: unknown): number | undefined {
  const ms = typeof written === "number" ? Math.trunc(written) : fromText(written);
  return ms !== undefined && ms >= 1 && ms <= limits.bindingDurationMsMax ? ms : undefined;
}

function fromText(written: unknown): number | undefined {
  if (typeof written !== "string" || !durationPattern.test(written)) return undefined;
  const unit = written.replace(/^[0-9]+/, "");
  return Number.parseInt(written, 10) * (unitMs.get(unit) ?? Number.NaN);
}
