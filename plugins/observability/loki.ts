/**
 * LogQL over the HTTP API of Loki. A metric query gives numbers as Prometheus does; a log query gives lines, which are counted,
 * and a count that met its limit is no count.
 *
 * Source: https://grafana.com/docs/loki/latest/reference/loki-http-api
 */
import type { Json } from "akc/sdk";
import type { QueryBinding } from "./binding.ts";
import { bounds } from "./bounds.ts";
import type { Decoded, Dialect } from "./dialect.ts";
import { type Envelope, envelopeOf, labelsOf, numbersOf, tooMany } from "./envelope.ts";
import { isList, isMap, memberOf } from "./reading.ts";
import { malformed } from "./refused.ts";
import { type Parameters, parameterOf, queryRequest, rangeEndpoint, seconds, stepMsOf } from "./request.ts";

/** Loki's own, where none is said. */
const linesDefault = 100;

export const loki: Dialect = {
  request(binding, { query, atMs }) {
    const { url, queryParam, range } = binding;
    const limit: Parameters = binding.limit === undefined ? [] : [["limit", String(binding.limit)]];
    if (range === undefined) {
      return queryRequest(binding, url, [[queryParam, query]], [["time", nanoseconds(atMs)], ...limit]);
    }
    return queryRequest(
      binding,
      rangeEndpoint(url),
      [[queryParam, query]],
      [
        ["start", nanoseconds(atMs - range.windowMs)],
        ["end", nanoseconds(atMs)],
        ["step", seconds(stepMsOf(range))],
        ...limit,
      ],
    );
  },

  decode(document, { binding }) {
    const envelope = envelopeOf(document);
    if (envelope.resultType === "streams") return decodedLines(envelope, binding);
    const series = numbersOf(envelope);
    if (series === undefined) throw malformed(`the answer is of an unknown type: ${envelope.resultType}`);
    return decoded(envelope, { kind: "series", series });
  },
};

function decodedLines(envelope: Envelope, binding: QueryBinding): Decoded {
  const { result } = envelope;
  if (!isList(result)) throw malformed("the answer's `result` is no list");
  if (result.length > bounds.seriesMax) throw tooMany("streams", result.length, bounds.seriesMax);
  let count = 0;
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const stream of result) {
    if (!isMap(stream)) throw malformed("a stream of the answer is no object");
    labelsOf(memberOf(stream, "stream"));
    const entries = memberOf(stream, "values");
    if (!isList(entries)) throw malformed("a stream of the answer has no `values`");
    count += entries.length;
    if (count > bounds.entriesMax) throw tooMany("lines", count, bounds.entriesMax);
    for (const entry of entries) newestMs = Math.max(newestMs, timeOf(entry));
  }
  const limit = binding.limit ?? (Number(parameterOf(binding.url, "limit")) || linesDefault);
  const details = { streams: result.length, lines: count, limit };
  const seen = decoded(envelope, { kind: "lines", count, newestMs }, details);
  if (count < limit || seen.limited !== undefined) return seen;
  return { ...seen, limited: `the limit of ${limit} lines was met, there may be more` };
}

/** `["nanoseconds", "line"]`, and its structured metadata where Loki is asked for it. */
function timeOf(entry: Json): number {
  if (!isList(entry) || entry.length < 2 || entry.length > 3) {
    throw malformed("a line of the answer is no pair of time and text");
  }
  const [at, line, metadata] = entry;
  if (typeof at !== "string" || !/^\d{1,19}$/.test(at)) throw malformed("a line of the answer has no time");
  if (typeof line !== "string") throw malformed("a line of the answer is no text");
  if (metadata !== undefined && !isMap(metadata)) throw malformed("a line's metadata is no object");
  return Number(BigInt(at) / 1_000_000n);
}

function decoded(envelope: Envelope, seen: Decoded["seen"], details: Decoded["details"] = {}): Decoded {
  const { resultType, warnings, infos } = envelope;
  return {
    resultType,
    seen,
    warnings,
    infos,
    ...(envelope.limited === undefined ? {} : { limited: envelope.limited }),
    details,
  };
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}
