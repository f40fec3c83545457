/**
 * Durations as Compose prints them: `1h30m`, `1.5s`, `250ms`. Pure; what is none is undefined, never zero.
 *
 * Source: Go's time.Duration.String, as `docker compose config` prints it.
 */
import type { JsonValue } from "../../../json/value.ts";

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

/** Milliseconds, rounded to whole ones. */
export function durationMs(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "string" || !/^(\d+(\.\d+)?(h|ms|m|us|µs|ns|s))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/g)) {
    total += Number(amount) * (unitsMs[unit ?? ""] ?? 0);
  }
  return Math.round(total);
}
