/** Looks into JSON of unknown shape, and makes of a server's words what may be shown. Nothing in it throws. */
import type { Json, JsonMap } from "akc/sdk";

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Own members only: `constructor` is no member of an answer. */
export function memberOf(map: JsonMap, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

export function textsOf(value: Json | undefined): readonly string[] {
  return isList(value) ? value.filter((item) => typeof item === "string") : [];
}

/** One line, without control characters, cut at `charsMax`. */
export function bounded(text: string, charsMax: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = text.slice(0, charsMax * 4).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g, " ");
  const trimmed = line.trim();
  return trimmed.length > charsMax
    ? `${trimmed.slice(0, charsMax - 1).toWellFormed()}…`
    : trimmed.toWellFormed();
}

/** As Prometheus writes it: decimal, "NaN", "+Inf", "-Inf". Undefined for all else. */
export function numberOf(text: Json | undefined): number | undefined {
  if (typeof text !== "string") return undefined;
  if (text === "NaN") return Number.NaN;
  const infinite = /^([+-]?)Inf(?:inity)?$/.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}
