/**
 * Reads a query's binding. akc has read the registry strictly already; whatever is wrong here nevertheless is refused with the
 * name of its field, and nothing is guessed.
 */
import { type Aggregate, aggregates, type Expectation, type Json, type JsonMap } from "akc/sdk";
import { isMap, memberOf } from "./reading.ts";
import { malformed } from "./refused.ts";

export interface QueryBinding {
  /** The full endpoint, e.g. `https://prometheus.example/api/v1/query`. */
  readonly url: string;
  readonly query: string;
  readonly method: "GET" | "POST";
  readonly queryParam: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly aggregate: Aggregate;
  readonly expect?: Expectation;
  readonly compare?: Compare;
  /** Absent: an instant query. */
  readonly range?: { readonly windowMs: number; readonly stepMs?: number };
  readonly minSamples?: number;
  readonly maxAgeMs?: number;
  readonly consecutive?: number;
  readonly noData: "inconclusive" | "fail" | "pass";
  /** Of log lines and traces. */
  readonly limit?: number;
}

export interface Compare {
  /** The same query so much earlier, or another query at the same time. */
  readonly baseline:
    | { readonly kind: "offset"; readonly offsetMs: number }
    | { readonly kind: "query"; readonly query: string };
  readonly ratio?: Expectation;
  readonly absolute?: Expectation;
}

/** @throws Refused */
export function readBinding(binding: JsonMap): QueryBinding {
  const range = mapAt(binding, "range");
  const compare = mapAt(binding, "compare");
  const expect = mapAt(binding, "expect");
  return {
    url: endpointAt(binding),
    query: textAt(binding, "query"),
    method: oneOf(binding, "method", ["GET", "POST"]) ?? "GET",
    queryParam: optional(binding, "query_param") === undefined ? "query" : textAt(binding, "query_param"),
    headers: headersAt(binding),
    aggregate: oneOf(binding, "aggregate", aggregates) ?? "single",
    noData: oneOf(binding, "no_data", ["inconclusive", "fail", "pass"]) ?? "inconclusive",
    ...(expect === undefined ? {} : { expect: expectation(expect, "expect") }),
    ...(compare === undefined ? {} : { compare: compareOf(compare) }),
    ...(range === undefined ? {} : { range: rangeOf(range) }),
    ...whenSaid("minSamples", countAt(binding, "min_samples")),
    ...whenSaid("maxAgeMs", durationAt(binding, "max_age")),
    ...whenSaid("consecutive", countAt(binding, "consecutive")),
    ...whenSaid("limit", countAt(binding, "limit")),
  };
}

function compareOf(compare: JsonMap): Compare {
  const baseline = mapAt(compare, "baseline", "compare.") ?? {};
  const offsetMs = durationAt(baseline, "offset", "compare.baseline.");
  const hasQuery = optional(baseline, "query") !== undefined;
  if ((offsetMs !== undefined) === hasQuery) {
    throw malformed("compare.baseline: needs either `offset` or `query`");
  }
  const ratio = mapAt(compare, "ratio", "compare.");
  const absolute = mapAt(compare, "absolute", "compare.");
  if (ratio === undefined && absolute === undefined) {
    throw malformed("compare: needs `ratio` or `absolute`");
  }
  return {
    baseline:
      offsetMs === undefined
        ? { kind: "query", query: textAt(baseline, "query", "compare.baseline.") }
        : { kind: "offset", offsetMs },
    ...(ratio === undefined ? {} : { ratio: expectation(ratio, "compare.ratio") }),
    ...(absolute === undefined ? {} : { absolute: expectation(absolute, "compare.absolute") }),
  };
}

function rangeOf(range: JsonMap): NonNullable<QueryBinding["range"]> {
  const windowMs = durationAt(range, "window", "range.");
  const stepMs = durationAt(range, "step", "range.");
  if (windowMs === undefined || windowMs <= 0) throw malformed("range.window: must be a duration above zero");
  if (stepMs !== undefined && stepMs <= 0) throw malformed("range.step: must be a duration above zero");
  return { windowMs, ...whenSaid("stepMs", stepMs) };
}

const boundNames = ["gte", "gt", "lte", "lt", "eq"] as const;

/** One without any bound would hold for everything. */
function expectation(map: JsonMap, place: string): Expectation {
  const bounds: { -readonly [Name in keyof Expectation]: Expectation[Name] } = {};
  for (const name of boundNames) {
    const bound = optional(map, name);
    if (bound === undefined) continue;
    if (typeof bound !== "number" || !Number.isFinite(bound))
      throw malformed(`${place}.${name}: must be a number`);
    bounds[name] = bound;
  }
  if (Object.keys(bounds).length === 0) throw malformed(`${place}: needs one of ${boundNames.join(", ")}`);
  return bounds;
}

function endpointAt(binding: JsonMap): string {
  const text = textAt(binding, "url");
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw malformed("url: must be an http or https URL");
  return text;
}

function headersAt(binding: JsonMap): Readonly<Record<string, string>> {
  const headers = mapAt(binding, "headers") ?? {};
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (typeof value !== "string") throw malformed("headers: every value must be a text");
      return [name, value];
    }),
  );
}

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** "500ms" "30s" "10m" "1h" "2d", or whole milliseconds. */
function durationAt(map: JsonMap, name: string, place = ""): number | undefined {
  const value = optional(map, name);
  if (value === undefined) return undefined;
  const written = typeof value === "string" ? /^(\d{1,15})(ms|s|m|h|d)$/.exec(value.trim()) : null;
  const ms = written === null ? value : Number(written[1]) * (unitsMs[written[2] ?? ""] ?? Number.NaN);
  if (typeof ms !== "number" || !Number.isSafeInteger(ms) || ms < 0) {
    throw malformed(`${place}${name}: must be a duration such as "30s", or whole milliseconds`);
  }
  return ms;
}

function countAt(map: JsonMap, name: string): number | undefined {
  const value = optional(map, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw malformed(`${name}: must be a whole number above zero`);
  }
  return value;
}

function textAt(map: JsonMap, name: string, place = ""): string {
  const value = optional(map, name);
  if (typeof value !== "string" || value.trim() === "") throw malformed(`${place}${name}: must be a text`);
  return value;
}

function mapAt(map: JsonMap, name: string, place = ""): JsonMap | undefined {
  const value = optional(map, name);
  if (value !== undefined && !isMap(value)) throw malformed(`${place}${name}: must be a map`);
  return value;
}

function oneOf<Word extends string>(map: JsonMap, name: string, words: readonly Word[]): Word | undefined {
  const value = optional(map, name);
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (found === undefined) throw malformed(`${name}: must be one of ${words.join(", ")}`);
  return found;
}

function optional(map: JsonMap, name: string): Json | undefined {
  return memberOf(map, name) ?? undefined;
}

function whenSaid<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [Key in Name]?: number };
function whenSaid(name: string, value: number | undefined): object {
  return value === undefined ? {} : { [name]: value };
}
