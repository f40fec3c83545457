/**
 * TraceQL over the HTTP API of Tempo: metrics over a range and of an instant, and search. A search finds some traces and never
 * says that it found all, so it tells only whether there are any.
 *
 * Source: https://grafana.com/docs/tempo/latest/api_docs, https://protobuf.dev/programming-guides/json (what is zero is left out)
 */
import type { Json, JsonMap, Sample, Series } from "akc/sdk";
import type { QueryBinding } from "./binding.ts";
import { bounds } from "./bounds.ts";
import type { Asked, Decoded, Dialect } from "./dialect.ts";
import { toldOf, tooMany } from "./envelope.ts";
import { bounded, isList, isMap, memberOf, numberOf } from "./reading.ts";
import { malformed } from "./refused.ts";
import {
  endpointName,
  type Moment,
  type Parameters,
  parameterOf,
  queryRequest,
  rangeEndpoint,
} from "./request.ts";

/** Tempo's own, where nothing is said. */
const tracesDefault = 20;
const windowMsDefault = 3_600_000;

export const tempo: Dialect = {
  request(binding, moment) {
    const { url, queryParam, range } = binding;
    // Search knows `q` alone and ignores all else, which would find every trace; metrics know both.
    const query: Parameters =
      queryParam === "q"
        ? [["q", moment.query]]
        : [
            [queryParam, moment.query],
            ["q", moment.query],
          ];
    const endpoint = range?.stepMs === undefined ? url : rangeEndpoint(url);
    return queryRequest(binding, endpoint, query, parametersOf(binding, moment, endpointName(endpoint)));
  },

  decode(document, asked) {
    if (!isMap(document)) throw malformed("the answer is no JSON object");
    const traces = memberOf(document, "traces");
    const series = memberOf(document, "series");
    if (traces !== undefined && series !== undefined)
      throw malformed("the answer has both traces and series");
    if (isList(traces)) return decodedTraces(document, traces, asked);
    if (isList(series)) return decodedSeries(document, series, asked);
    // What is empty is left out too.
    const isEmpty = traces === undefined && series === undefined && isMap(memberOf(document, "metrics"));
    if (!isEmpty) throw malformed("the answer has neither `series` nor `traces`");
    return endpointName(asked.request.url) === "search"
      ? decodedTraces(document, [], asked)
      : decodedSeries(document, [], asked);
  },
};

/** Whole seconds, and the window never smaller than asked. A search without a range stays one of recent traces, as it is Tempo's. */
function parametersOf({ range, limit }: QueryBinding, { atMs }: Moment, endpoint: string): Parameters {
  const isSearch = endpoint === "search";
  const windowMs = range?.windowMs ?? (isSearch ? undefined : windowMsDefault);
  const span: Parameters =
    windowMs === undefined
      ? []
      : [
          ["start", String(Math.floor((atMs - windowMs) / 1_000))],
          ["end", String(Math.ceil(atMs / 1_000))],
        ];
  const step: Parameters =
    range?.stepMs === undefined || isSearch
      ? []
      : [["step", range.stepMs % 1_000 === 0 ? `${range.stepMs / 1_000}s` : `${range.stepMs}ms`]];
  const most: Parameters = limit === undefined || !isSearch ? [] : [["limit", String(limit)]];
  return [...span, ...step, ...most];
}

function decodedSeries(document: JsonMap, list: readonly Json[], { request }: Asked): Decoded {
  if (list.length > bounds.seriesMax) throw tooMany("series", list.length, bounds.seriesMax);
  const isRange = endpointName(request.url) === "query_range";
  let samples = 0;
  let zeros = 0;
  const zeroLeftOut = () => {
    zeros += 1;
    return 0;
  };
  const series = list.map((one): Series => {
    if (!isMap(one)) throw malformed("a series of the answer is no object");
    const labels = labelsOf(one);
    const listed = memberOf(one, "samples");
    if (listed === undefined && !isRange) {
      // An instant: one number without a time, or none where it is zero.
      if (Object.keys(labels).length === 0) throw malformed("a series of the answer has no labels");
      samples += 1;
      return {
        labels,
        samples: [{ atMs: endMsOf(request.parameters), value: valueOfSample(one, zeroLeftOut) }],
      };
    }
    if (listed !== undefined && !isList(listed)) throw malformed("a series of the answer has no `samples`");
    const read = (listed ?? []).map((sample) => sampleOf(sample, zeroLeftOut));
    samples += read.length;
    if (samples > bounds.samplesMax) throw tooMany("samples", samples, bounds.samplesMax);
    return { labels, samples: read };
  });
  const metaError = series.find(({ labels }) => labels["__meta_error"] !== undefined)?.labels["__meta_error"];
  const limited =
    partialWhy(document) ??
    unfinishedWhy(document) ??
    (metaError === undefined ? undefined : `compare(): ${metaError}`);
  return {
    resultType: "series",
    seen: { kind: "series", series },
    warnings: messageOf(document),
    infos: [],
    ...(limited === undefined ? {} : { limited: bounded(limited, bounds.messageCharsMax) }),
    details: { ...inspectedOf(document), ...(zeros === 0 ? {} : { zeros_left_out: zeros }) },
  };
}

function sampleOf(sample: Json, zeroLeftOut: () => number): Sample {
  if (!isMap(sample)) throw malformed("a sample of the answer is no object");
  const at = memberOf(sample, "timestampMs");
  const isText = typeof at === "string" && /^\d{1,15}$/.test(at);
  if (!isText && !(typeof at === "number" && Number.isSafeInteger(at))) {
    throw malformed("a sample of the answer has no `timestampMs`");
  }
  return { atMs: Number(at), value: valueOfSample(sample, zeroLeftOut) };
}

/** A double in the JSON of protocol buffers: a number, "NaN", "Infinity", "-Infinity"; left out where it is zero. */
function valueOfSample(of: JsonMap, zeroLeftOut: () => number): number {
  const value = memberOf(of, "value");
  if (value === undefined) return zeroLeftOut();
  const number = typeof value === "number" ? value : numberOf(value);
  if (number === undefined) throw malformed("a sample of the answer is no number");
  return number;
}

/** `labels: [{key, value: {stringValue | intValue | doubleValue | boolValue}}]`; `promLabels` is the same as one text. */
function labelsOf(one: JsonMap): Readonly<Record<string, string>> {
  const listed = memberOf(one, "labels") ?? [];
  if (!isList(listed)) throw malformed("the labels of a series are no list");
  const labels = Object.fromEntries(
    listed.map((label) => {
      const key = isMap(label) ? memberOf(label, "key") : undefined;
      const value = isMap(label) ? memberOf(label, "value") : undefined;
      if (typeof key !== "string" || !isMap(value))
        throw malformed("a label of a series is not key and value");
      return [key, typedText(value)];
    }),
  );
  const asText = memberOf(one, "promLabels");
  if (listed.length > 0 || asText === undefined || asText === "") return labels;
  if (typeof asText !== "string") throw malformed("the labels of a series are no text");
  return { promLabels: asText };
}

function typedText(value: JsonMap): string {
  const typed = Object.values(value)[0];
  return typeof typed === "string" ? typed : JSON.stringify(typed ?? null);
}

function decodedTraces(document: JsonMap, traces: readonly Json[], { binding }: Asked): Decoded {
  if (traces.length > bounds.entriesMax) throw tooMany("traces", traces.length, bounds.entriesMax);
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const trace of traces) {
    const id = isMap(trace) ? memberOf(trace, "traceID") : undefined;
    if (!isMap(trace) || typeof id !== "string" || id === "")
      throw malformed("a trace of the answer has no `traceID`");
    const start = memberOf(trace, "startTimeUnixNano");
    if (start === undefined) continue;
    if (typeof start !== "string" || !/^\d{1,19}$/.test(start))
      throw malformed("a trace of the answer has no time");
    newestMs = Math.max(newestMs, Number(BigInt(start) / 1_000_000n));
  }
  const limit = binding.limit ?? (Number(parameterOf(binding.url, "limit")) || tracesDefault);
  // A search ends when it has found enough: what was not looked through matters only where nothing was found.
  const why = partialWhy(document) ?? (traces.length === 0 ? unfinishedWhy(document) : undefined);
  return {
    resultType: "traces",
    seen: { kind: "traces", count: traces.length, newestMs },
    warnings: messageOf(document),
    infos: [],
    ...(why === undefined ? {} : { limited: why }),
    details: { traces: traces.length, limit, ...inspectedOf(document) },
  };
}

/** `status: "PARTIAL"` */
function partialWhy(document: JsonMap): string | undefined {
  const status = memberOf(document, "status");
  const isWhole = status === undefined || status === null || status === "COMPLETE" || status === 0;
  return isWhole ? undefined : (messageOf(document)[0] ?? "the server answered with a part");
}

function unfinishedWhy(document: JsonMap): string | undefined {
  const { completedJobs = 0, totalJobs, inspectedBlocks, totalBlocks } = inspectedOf(document);
  if (isLess(completedJobs, totalJobs)) return `${completedJobs} of ${totalJobs} jobs were completed`;
  if (isLess(inspectedBlocks, totalBlocks))
    return `${inspectedBlocks} of ${totalBlocks} blocks were inspected`;
  return undefined;
}

function isLess(done: Json | undefined, all: Json | undefined): boolean {
  return typeof done === "number" && typeof all === "number" && done < all;
}

function messageOf(document: JsonMap): readonly string[] {
  const message = memberOf(document, "message");
  return typeof message === "string" && message !== "" ? toldOf([message]) : [];
}

const inspected = [
  "inspectedTraces",
  "inspectedBytes",
  "inspectedSpans",
  "inspectedBlocks",
  "totalBlocks",
  "completedJobs",
  "totalJobs",
];

/** Numbers, also where they are written as texts. */
function inspectedOf(document: JsonMap): JsonMap {
  const metrics = memberOf(document, "metrics");
  if (!isMap(metrics)) return {};
  return Object.fromEntries(
    inspected.flatMap((name) => {
      const value = memberOf(metrics, name);
      const number = typeof value === "number" ? value : numberOf(value);
      return number === undefined || !Number.isFinite(number) ? [] : [[name, number]];
    }),
  );
}

function endMsOf(parameters: Parameters): number {
  const end = parameters.find(([name]) => name === "end")?.[1];
  return Number(end) * 1_000;
}
