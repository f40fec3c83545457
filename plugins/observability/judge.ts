/**
 * One binding to one verdict: asks, reads, asks for the baseline and for the age where those are wanted, and measures. What
 * could not be asked or read is told as that; no verdict here reads a clock.
 */
import {
  type Call,
  type Json,
  type JsonMap,
  type Measure,
  measure,
  type ValidateRequest,
  type Verdict,
} from "akc/sdk";
import { answered } from "./answered.ts";
import { type QueryBinding, readBinding } from "./binding.ts";
import { bounds } from "./bounds.ts";
import type { Decoded, Dialect } from "./dialect.ts";
import { foundOf, noneFound } from "./found.ts";
import { bounded } from "./reading.ts";
import { malformed, Refused } from "./refused.ts";
import { type Moment, stepMsOf } from "./request.ts";
import { numberJson, seriesTold } from "./told.ts";

type Evidence = { [name: string]: Json };

/** What the door is needed for. */
export type Asking = Pick<Call, "fetch" | "signal">;

/** @throws only what a cancelled call throws */
export async function judge(dialect: Dialect, request: ValidateRequest, call: Asking): Promise<Verdict> {
  const evidence: Evidence = { evaluated_at_ms: request.evaluatedAtMs };
  try {
    const binding = readBinding(request.binding);
    return await verdictOf({ dialect, binding, nowMs: request.evaluatedAtMs, call, evidence });
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    const { verdict, reason, message } = cause;
    return { verdict, reason, message, observed: {}, evidence };
  }
}

interface Judging {
  readonly dialect: Dialect;
  readonly binding: QueryBinding;
  readonly nowMs: number;
  readonly call: Asking;
  /** Told also where it comes to no verdict. */
  readonly evidence: Evidence;
}

async function verdictOf(judging: Judging): Promise<Verdict> {
  const { binding, nowMs, evidence } = judging;
  evidence["query"] = bounded(binding.query, bounds.queryCharsMax);
  if (binding.range !== undefined) {
    evidence["range"] = { window_ms: binding.range.windowMs, step_ms: stepMsOf(binding.range) };
  }
  const current = await asked(judging, { query: binding.query, atMs: nowMs }, "");
  Object.assign(evidence, {
    result_type: current.resultType,
    warnings: current.warnings,
    ...(current.infos.length === 0 ? {} : { infos: current.infos }),
    ...current.details,
  });
  if (current.seen.kind === "series") evidence["series_seen"] = seriesTold(current.seen.series);
  if (current.limited !== undefined) return inconclusive("limited", current.limited, evidence);
  if (current.seen.kind === "traces") return { ...foundOf(current.seen, binding, nowMs), evidence };
  if (current.seen.kind === "lines" && current.seen.count === 0) {
    return { ...noneFound("line", binding.noData), evidence };
  }

  const stale = await staleWhy(judging, current);
  if (stale !== undefined) return inconclusive("stale", stale, evidence);
  const baseline = await baselineOf(judging);
  if (baseline?.limited !== undefined) {
    return inconclusive("limited", `baseline: ${baseline.limited}`, evidence);
  }
  const { verdict, reason, message, value, evidence: how } = measure(measureOf(judging, current, baseline));
  return {
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    observed: value === null ? {} : { value: numberJson(value) },
    evidence: { ...evidence, ...how },
  };
}

/** @param place of what is told of it: "" or "baseline_" or "age_" */
async function asked(
  { dialect, binding, call, evidence }: Judging,
  moment: Moment,
  place: string,
): Promise<Decoded> {
  const request = dialect.request(binding, moment);
  if (place === "") {
    evidence["endpoint"] = request.endpoint;
    evidence["method"] = request.method;
  }
  evidence[`${place}parameters`] = Object.fromEntries(request.parameters);
  const { document } = await answered(request, call, (sha256) => {
    evidence[`${place}response_sha256`] = sha256;
  });
  return dialect.decode(document, { binding, request });
}

async function baselineOf(judging: Judging): Promise<Decoded | undefined> {
  const { binding, nowMs, evidence } = judging;
  const { compare } = binding;
  if (compare === undefined) return undefined;
  const moment: Moment =
    compare.baseline.kind === "offset"
      ? { query: binding.query, atMs: nowMs - compare.baseline.offsetMs }
      : { query: compare.baseline.query, atMs: nowMs };
  evidence["baseline"] =
    compare.baseline.kind === "offset"
      ? { offset_ms: compare.baseline.offsetMs }
      : { query: bounded(compare.baseline.query, bounds.queryCharsMax) };
  try {
    return await asked(judging, moment, "baseline_");
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    throw new Refused(cause.verdict, cause.reason, `baseline: ${cause.message}`);
  }
}

/** When the samples were taken may be another time than that for which the server answers. */
async function staleWhy(judging: Judging, { seen, resultType }: Decoded): Promise<string | undefined> {
  const { dialect, binding, nowMs, evidence } = judging;
  const { maxAgeMs } = binding;
  const hasAge = resultType === "vector" || resultType === "matrix";
  if (maxAgeMs === undefined || dialect.ageQuery === undefined || !hasAge || seen.kind !== "series") {
    return undefined;
  }
  const hasNumbers = seen.series.some(({ samples }) => samples.some(({ value }) => !Number.isNaN(value)));
  if (!hasNumbers) return undefined;
  const ages = await asked(judging, { query: dialect.ageQuery(binding.query), atMs: nowMs }, "age_");
  if (ages.seen.kind !== "series") throw malformed("the age of the samples is no number");
  const newestS = ages.seen.series
    .flatMap(({ samples }) => samples.map(({ value }) => value))
    .reduce((newest, at) => Math.max(newest, at), Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(newestS)) return "the server does not tell how old the samples are";
  const newestMs = Math.round(newestS * 1_000);
  evidence["newest_taken_ms"] = newestMs;
  const ageMs = nowMs - newestMs;
  return ageMs <= maxAgeMs ? undefined : `the newest sample is ${ageMs} ms old, more than ${maxAgeMs} ms`;
}

function measureOf({ binding, nowMs }: Judging, current: Decoded, baseline: Decoded | undefined): Measure {
  const { aggregate, expect, compare, maxAgeMs, consecutive, minSamples, noData } = binding;
  const common = {
    nowMs,
    noData,
    ...(expect === undefined ? {} : { expect }),
    ...(compare === undefined ? {} : { compare }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(baseline === undefined ? {} : { baseline: seriesIn(baseline) }),
  };
  if (current.seen.kind === "lines" && consecutive !== undefined) {
    throw malformed("`consecutive` needs numbers over time: take count_over_time() of the log");
  }
  if (current.seen.kind === "lines") {
    // The one number of all streams; `min_samples` are lines.
    const enough = minSamples === undefined || current.seen.count >= minSamples;
    return { ...common, series: seriesIn(current), aggregate: "single", ...(enough ? {} : { minSamples }) };
  }
  return {
    ...common,
    series: seriesIn(current),
    aggregate,
    ...(minSamples === undefined ? {} : { minSamples }),
    ...(consecutive === undefined ? {} : { consecutive }),
  };
}

/** No line at all is no data: nobody knows whether the log was written. */
function seriesIn({ seen }: Decoded): Measure["series"] {
  if (seen.kind === "series") return seen.series;
  return seen.count === 0 ? [] : [{ labels: {}, samples: [{ atMs: seen.newestMs, value: seen.count }] }];
}

function inconclusive(reason: string, message: string, evidence: JsonMap): Verdict {
  return { verdict: "inconclusive", reason, message, observed: {}, evidence };
}
