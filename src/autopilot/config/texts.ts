/** How the texts of flags and variables are read that are no plain text: numbers, seconds, paths, switches. Schemas only. */
import { resolve } from "node:path";
import * as v from "valibot";
import { count, Path, Ratio } from "./words.ts";

export function countText(min: number, max: number) {
  return v.pipe(
    v.string(),
    v.regex(/^-?[0-9]{1,15}$/, `must be a whole number from ${min} to ${max}`),
    v.transform(Number),
    count(min, max),
  );
}

export const RatioText = v.pipe(
  v.string(),
  v.regex(/^[0-9]{0,9}(?:\.[0-9]{1,9})?$/, "must be a number from 0 to 1"),
  v.transform(Number),
  Ratio,
);

/** Seconds, also parts of them. Milliseconds, once read. */
export function secondsText(minMs: number, maxMs: number) {
  const fault = `must be a number of seconds from ${minMs / 1_000} to ${maxMs / 1_000}`;
  return v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,12}(?:\.[0-9]{1,6})?$/, fault),
    v.transform((text) => Math.round(Number(text) * 1_000)),
    v.minValue(minMs, fault),
    v.maxValue(maxMs, fault),
  );
}

/** Absolute, once read. */
export function pathText(cwd: string) {
  return v.pipe(
    Path,
    v.transform((path) => resolve(cwd, path)),
  );
}

/** `1`, `true`, `yes` and `on` are on, anything else is off (spec cli §13). */
export const SwitchText = v.pipe(
  v.string(),
  v.transform((text) => ["1", "true", "yes", "on"].includes(text.toLowerCase())),
);

/** Values with commas between them; blank ones are dropped. */
export const ListText = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((part) => part.trim())),
  v.transform((parts): readonly string[] => parts.filter((part) => part !== "")),
);
