/**
 * The envelope and the number shapes that Prometheus and Loki share, and all that speak like them. What is not exactly of these
 * shapes is refused: a sample that cannot be read is not skipped.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api
 */
import type { Json, JsonMap, Sample, Series } from "akc/sdk";
import { bounds } from "./bounds.ts";
import { bounded, isList, isMap, memberOf, numberOf, textsOf } from "./reading.ts";
import { ambiguous, limited, malformed, unreachable } from "./refused.ts";

export interface Envelope {
  readonly resultType: string;
  readonly result: Json;
  readonly data: JsonMap;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** Why this may not be all there is. */
  readonly limited?: string;
}

/** Errors that may be gone when the server is asked again; the rest are of the query. */
const passingErrors = ["timeout", "unavailable", "canceled", "internal", "throttled", "too_many_requests"];

/** @throws Refused */
export function envelopeOf(document: Json): Envelope {
  if (!isMap(document)) throw malformed("the answer is no JSON object");
  const status = memberOf(document, "status");
  // Loki's word for it is `fail`.
  if (status === "error" || status === "fail") throw refusalOf(document);
  if (status !== "success") throw malformed("the answer has no `status` of success or error");
  const data = memberOf(document, "data");
  if (!isMap(data)) throw malformed("the answer has no `data`");
  const resultType = memberOf(data, "resultType");
  const result = memberOf(data, "result");
  if (typeof resultType !== "string" || result === undefined) {
    throw malformed("the answer's data has no `resultType` or no `result`");
  }
  const warnings = toldOf([
    ...textsOf(memberOf(document, "warnings")),
    ...textsOf(memberOf(data, "warnings")),
  ]);
  const why = partialWhy(document, data, warnings);
  return {
    resultType: bounded(resultType, bounds.labelCharsMax),
    result,
    data,
    warnings,
    infos: toldOf(textsOf(memberOf(document, "infos"))),
    ...(why === undefined ? {} : { limited: why }),
  };
}

/** `vector`, `matrix` and `scalar`; undefined for every other type. @throws Refused */
export function numbersOf({ resultType, result }: Envelope): readonly Series[] | undefined {
  switch (resultType) {
    case "vector":
      return seriesOf(result, (one) => [sampleOf(memberOf(one, "value"))]);
    case "matrix":
      return seriesOf(result, (one) => samplesOf(memberOf(one, "values")));
    case "scalar":
      return [{ labels: {}, samples: [sampleOf(result)] }];
    default:
      return undefined;
  }
}

function refusalOf(document: JsonMap) {
  const type = memberOf(document, "errorType");
  const said = memberOf(document, "error");
  const words = typeof said === "string" ? bounded(said, bounds.messageCharsMax) : "it does not say why";
  const name = typeof type === "string" ? ` (${bounded(type, 40)})` : "";
  const message = `the server refused the query${name}: ${words}`;
  return typeof type === "string" && passingErrors.includes(type) ? unreachable(message) : malformed(message);
}

/** Thanos, Mimir and Loki say so in a warning, VictoriaMetrics in a member of its own. */
function partialWhy(document: JsonMap, data: JsonMap, warnings: readonly string[]): string | undefined {
  if (warnings.length > 0) return `the server warned: ${warnings[0]}`;
  for (const member of [memberOf(document, "isPartial"), memberOf(data, "isPartial")]) {
    if (member !== undefined && member !== null && member !== false) {
      return "the server could not reach all of its data";
    }
  }
  for (const where of [document, data]) {
    const unread = memberOf(where, "warnings");
    if (unread !== undefined && unread !== null && !(isList(unread) && unread.length === 0)) {
      return "the server warned of something";
    }
  }
  return undefined;
}

function seriesOf(result: Json, samples: (one: JsonMap) => readonly Sample[]): readonly Series[] {
  if (!isList(result)) throw malformed("the answer's `result` is no list");
  if (result.length > bounds.seriesMax) throw tooMany("series", result.length, bounds.seriesMax);
  let count = 0;
  return result.map((one) => {
    if (!isMap(one)) throw malformed("a series of the answer is no object");
    if (memberOf(one, "histogram") !== undefined || memberOf(one, "histograms") !== undefined) {
      throw ambiguous("a native histogram is no number; take histogram_quantile() or histogram_avg() of it");
    }
    const read = samples(one);
    count += read.length;
    if (count > bounds.samplesMax) throw tooMany("samples", count, bounds.samplesMax);
    return { labels: labelsOf(memberOf(one, "metric")), samples: read };
  });
}

function samplesOf(values: Json | undefined): readonly Sample[] {
  if (!isList(values)) throw malformed("a series of the answer has no `values`");
  if (values.length > bounds.samplesMax) throw tooMany("samples", values.length, bounds.samplesMax);
  return values.map(sampleOf);
}

/** `[seconds, "number"]` */
function sampleOf(pair: Json | undefined): Sample {
  if (!isList(pair) || pair.length !== 2)
    throw malformed("a sample of the answer is no pair of time and value");
  const [at, text] = pair;
  const value = numberOf(text);
  if (typeof at !== "number" || !Number.isFinite(at)) throw malformed("a sample of the answer has no time");
  if (value === undefined) throw malformed("a sample of the answer is no number in a text");
  return { atMs: Math.round(at * 1_000), value };
}

export function labelsOf(metric: Json | undefined): Readonly<Record<string, string>> {
  if (!isMap(metric)) throw malformed("a series of the answer has no labels");
  return Object.fromEntries(
    Object.entries(metric).map(([name, value]) => {
      if (typeof value !== "string") throw malformed("a label of the answer is no text");
      return [name, value];
    }),
  );
}

export function tooMany(what: string, count: number, max: number) {
  return limited(`the answer has ${count} ${what}, more than the ${max} that are judged`);
}

/** What is told of a list of words of the server's. */
export function toldOf(words: readonly string[]): readonly string[] {
  return words.slice(0, bounds.warningsToldMax).map((word) => bounded(word, bounds.messageCharsMax));
}
