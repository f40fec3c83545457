/**
 * From time series to a verdict, for validators that measure: aggregate as was said, compare with what was expected, and tell
 * not knowing apart from knowing. Pure; `nowMs` comes in.
 */
import { type Reduced, reduce } from "./aggregate.ts";
import type { Json, JsonMap, WireVerdict } from "./protocol.ts";

export const aggregates = ["sum", "max", "min", "avg", "last", "single"] as const;
/**
 * `max`, `min` and `avg` are over all samples of all series, `sum` over the newest sample of each series. `single` and `last` are
 * the newest sample of one series: more series are ambiguous. Of an instant query, whose series have one sample each, they are
 * what their names say.
 */
export type Aggregate = (typeof aggregates)[number];

export interface Sample {
  readonly atMs: number;
  /** NaN and the infinities are what they are; NaN counts as no data. */
  readonly value: number;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
}

/** All that are given must hold. */
export interface Expectation {
  readonly gte?: number;
  readonly gt?: number;
  readonly lte?: number;
  readonly lt?: number;
  /** Within 1e-9, absolute. */
  readonly eq?: number;
}

/** Against the same measure over a baseline: current / baseline, and current − baseline. */
export interface Comparison {
  readonly ratio?: Expectation;
  readonly absolute?: Expectation;
}

export interface Measure {
  readonly series: readonly Series[];
  readonly baseline?: readonly Series[];
  readonly aggregate: Aggregate;
  /** Absent: any number passes. */
  readonly expect?: Expectation;
  readonly compare?: Comparison;
  /** Fewer samples (NaN not counted) are too few to tell: `limited`. Of the baseline too. */
  readonly minSamples?: number;
  /** The newest sample of all older than this is `stale`. */
  readonly maxAgeMs?: number;
  /**
   * So many newest samples must all hold, not only the aggregate: of several series, the aggregate of what each point in time has.
   * Fewer are `limited`.
   */
  readonly consecutive?: number;
  /** What no data means; `inconclusive` unless said. A baseline without data is always inconclusive. */
  readonly noData?: "inconclusive" | "fail" | "pass";
  readonly nowMs: number;
}

export interface Measured {
  /** `error` (malformed) only where an expectation is no number. */
  readonly verdict: WireVerdict;
  /** `threshold` of what failed; no-data, ambiguous, stale or limited of what could not be told. */
  readonly reason?: string;
  readonly message?: string;
  /** What was judged, where there was one number. May be infinite. */
  readonly value: number | null;
  /** Ready for JSON: infinities are "+Inf" and "-Inf". aggregate, series, samples, newest_sample_ms, baseline_value, ratio, difference, expected. */
  readonly evidence: JsonMap;
}

const eqTolerance = 1e-9;

/** What could be told of one expectation; all of them together are the verdict. */
type Finding =
  | { readonly kind: "holds"; readonly words: string }
  | { readonly kind: "violated"; readonly words: string }
  | { readonly kind: "unknown"; readonly reason: string; readonly words: string };

/** A violated expectation fails whatever else could not be told; only where every one is known to hold is it a pass. */
export function measure(input: Measure): Measured {
  const { series, aggregate, nowMs, consecutive } = input;
  const current = reduce(series, aggregate);
  const baseline = input.compare === undefined ? undefined : reduce(input.baseline ?? [], aggregate);
  const evidence = evidenceOf(input, current, baseline);
  const value = current.kind === "number" ? current.value : null;
  const said = (verdict: WireVerdict, reason: string | undefined, message: string): Measured => ({
    verdict,
    ...(reason === undefined ? {} : { reason }),
    message,
    value,
    evidence,
  });
  const wrong = wrongBound(input);
  if (wrong !== undefined) return said("error", "malformed", `\`${wrong}\` is not a number`);
  if (current.kind === "unknown") {
    if (current.reason === "ambiguous") return said("inconclusive", "ambiguous", current.message);
    return noData(input, current.message, said);
  }
  const ageMs = nowMs - current.newestMs;
  if (input.maxAgeMs !== undefined && !(ageMs <= input.maxAgeMs)) {
    return said(
      "inconclusive",
      "stale",
      `the newest sample is ${ageMs} ms old, more than ${input.maxAgeMs} ms`,
    );
  }
  if (tooFew(current, input.minSamples)) {
    return said("inconclusive", "limited", `${current.samples} samples are fewer than ${input.minSamples}`);
  }
  const newest = consecutive === undefined ? [] : current.newest(consecutive);
  if (consecutive !== undefined && !(newest.length >= consecutive)) {
    return said("inconclusive", "limited", `${newest.length} samples in a row are fewer than ${consecutive}`);
  }
  const findings = [
    ...judged(current.value, input.expect, measuredWords(current, aggregate)),
    ...newest.flatMap((sample, at) =>
      judged(sample, input.expect, `${wordOf(sample)} (sample ${at + 1} of the newest ${consecutive})`),
    ),
    ...(baseline === undefined ? [] : compared(current.value, baseline, input)),
  ];
  const violated = findings.find(({ kind }) => kind === "violated");
  if (violated !== undefined) return said("fail", "threshold", violated.words);
  const unknown = findings.find((finding) => finding.kind === "unknown");
  if (unknown !== undefined) return said("inconclusive", unknown.reason, unknown.words);
  return said("pass", undefined, findings[0]?.words ?? measuredWords(current, aggregate));
}

function noData(
  { noData: policy = "inconclusive" }: Measure,
  message: string,
  said: (verdict: WireVerdict, reason: string | undefined, message: string) => Measured,
): Measured {
  switch (policy) {
    case "pass":
      return said("pass", undefined, `${message}; no data is taken for a pass`);
    case "fail":
      return said("fail", "no-data", `${message}; no data is taken for a failure`);
    default:
      return said("inconclusive", "no-data", message);
  }
}

function judged(value: number, expect: Expectation | undefined, subject: string): readonly Finding[] {
  return boundsOf(expect).map(([name, bound]) => {
    // Of both infinities.
    if (Number.isNaN(value))
      return { kind: "unknown", reason: "ambiguous", words: `${subject} is no number` };
    return holds[name](value, bound)
      ? { kind: "holds", words: `${subject} is ${boundWords[name]} ${wordOf(bound)}` }
      : { kind: "violated", words: `${subject} is not ${boundWords[name]} ${wordOf(bound)}` };
  });
}

function compared(value: number, baseline: Reduced, { compare, minSamples }: Measure): readonly Finding[] {
  const unknown = (reason: string, words: string): readonly Finding[] => [{ kind: "unknown", reason, words }];
  if (baseline.kind === "unknown") return unknown(baseline.reason, `baseline: ${baseline.message}`);
  if (tooFew(baseline, minSamples)) {
    return unknown("limited", `baseline: ${baseline.samples} samples are fewer than ${minSamples}`);
  }
  const beside = `${wordOf(value)} beside a baseline of ${wordOf(baseline.value)}`;
  const difference = value - baseline.value;
  return [
    ...judged(difference, compare?.absolute, `the difference of ${wordOf(difference)}, ${beside},`),
    ...ratioFindings(value, baseline.value, compare?.ratio, beside),
  ];
}

/** Nothing has a ratio to zero, and an infinite ratio says nothing. */
function ratioFindings(
  value: number,
  baseline: number,
  expect: Expectation | undefined,
  beside: string,
): readonly Finding[] {
  if (expect === undefined) return [];
  const ratio = ratioOf(value, baseline);
  if (ratio !== undefined) return judged(ratio, expect, `the ratio of ${wordOf(ratio)}, ${beside},`);
  const reason = baseline === 0 ? "no-data" : "ambiguous";
  return [{ kind: "unknown", reason, words: `${beside} has no ratio` }];
}

function ratioOf(value: number, baseline: number): number | undefined {
  const ratio = value / baseline + 0;
  return Number.isFinite(ratio) ? ratio : undefined;
}

function tooFew(reduced: Reduced, minSamples: number | undefined): boolean {
  return minSamples !== undefined && !(reduced.samples >= minSamples);
}

const boundNames = ["gte", "gt", "lte", "lt", "eq"] as const;
type BoundName = (typeof boundNames)[number];

const boundWords: Readonly<Record<BoundName, string>> = {
  gte: "at least",
  gt: "more than",
  lte: "at most",
  lt: "less than",
  eq: "equal to",
};

const holds: Readonly<Record<BoundName, (value: number, bound: number) => boolean>> = {
  gte: (value, bound) => value >= bound,
  gt: (value, bound) => value > bound,
  lte: (value, bound) => value <= bound,
  lt: (value, bound) => value < bound,
  eq: (value, bound) => value === bound || Math.abs(value - bound) <= eqTolerance,
};

function boundsOf(expect: Expectation | undefined): readonly (readonly [BoundName, number])[] {
  return boundNames.flatMap((name) => {
    const bound = expect?.[name];
    return bound === undefined ? [] : [[name, bound] as const];
  });
}

/** Nothing compares with NaN: it would neither hold nor be violated. */
function wrongBound({ expect, compare }: Measure): string | undefined {
  const all = { expect, ratio: compare?.ratio, absolute: compare?.absolute };
  for (const [where, expectation] of Object.entries(all)) {
    const wrong = boundsOf(expectation).find(([, bound]) => Number.isNaN(bound));
    if (wrong !== undefined) return `${where}.${wrong[0]}`;
  }
  return undefined;
}

function measuredWords({ series, samples, ...reduced }: Reduced, aggregate: Aggregate): string {
  const value = reduced.kind === "number" ? wordOf(reduced.value) : "nothing";
  return aggregate === "single" || aggregate === "last"
    ? value
    : `${value} (${aggregate} of ${samples} ${samples === 1 ? "sample" : "samples"} in ${series} series)`;
}

function evidenceOf(input: Measure, current: Reduced, baseline: Reduced | undefined): JsonMap {
  const { aggregate, expect, compare } = input;
  const known = current.kind === "number" && baseline?.kind === "number";
  const ratio = known ? ratioOf(current.value, baseline.value) : undefined;
  const difference = known ? current.value - baseline.value : Number.NaN;
  const expected = {
    ...expectationJson(expect),
    ...(compare?.ratio === undefined ? {} : { ratio: expectationJson(compare.ratio) }),
    ...(compare?.absolute === undefined ? {} : { absolute: expectationJson(compare.absolute) }),
  };
  return {
    aggregate,
    series: current.series,
    samples: current.samples,
    ...(current.kind === "number" ? { newest_sample_ms: current.newestMs } : {}),
    ...(baseline?.kind === "number" ? { baseline_value: numberJson(baseline.value) } : {}),
    ...(ratio === undefined ? {} : { ratio }),
    ...(Number.isNaN(difference) ? {} : { difference: numberJson(difference) }),
    ...(Object.keys(expected).length === 0 ? {} : { expected }),
  };
}

function expectationJson(expect: Expectation | undefined): JsonMap {
  return Object.fromEntries(boundsOf(expect).map(([name, bound]) => [name, numberJson(bound)]));
}

/** JSON has no infinities. */
function numberJson(value: number): Json {
  return Number.isFinite(value) ? value + 0 : wordOf(value);
}

function wordOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
