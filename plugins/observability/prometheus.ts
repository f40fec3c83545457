/**
 * PromQL over the HTTP API of Prometheus, and of Thanos, Mimir and VictoriaMetrics, which speak it too. A text is no number, and
 * what may be a part of the answer gives no verdict.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api
 */
import type { Asked, Decoded, Dialect } from "./dialect.ts";
import { envelopeOf, numbersOf } from "./envelope.ts";
import { malformed } from "./refused.ts";
import { queryRequest, rangeEndpoint, seconds, stepMsOf } from "./request.ts";

export const prometheus: Dialect = {
  request(binding, { query, atMs }) {
    const { url, queryParam, range } = binding;
    if (range === undefined) {
      return queryRequest(binding, url, [[queryParam, query]], [["time", seconds(atMs)]]);
    }
    return queryRequest(
      binding,
      rangeEndpoint(url),
      [[queryParam, query]],
      [
        ["start", seconds(atMs - range.windowMs)],
        ["end", seconds(atMs)],
        ["step", seconds(stepMsOf(range))],
      ],
    );
  },

  decode(document, asked) {
    if (typeof document === "number") return bareNumber(document, asked);
    const envelope = envelopeOf(document);
    const { resultType, warnings, infos } = envelope;
    if (resultType === "string") throw malformed("the query gives a text, and no number");
    const series = numbersOf(envelope);
    if (series === undefined) throw malformed(`the answer is of an unknown type: ${resultType}`);
    return {
      resultType,
      seen: { kind: "series", series },
      warnings,
      infos,
      ...(envelope.limited === undefined ? {} : { limited: envelope.limited }),
      details: {},
    };
  },

  // The answer has the time of evaluation, with a sample of up to five minutes before it. The line end ends a comment.
  ageQuery: (query) => `timestamp(\n${query}\n)`,
};

/** What stands before a Prometheus may answer an instant query with its number alone, and bindings of the old runtime count on it. */
function bareNumber(value: number, { binding, request }: Asked): Decoded {
  const { range, maxAgeMs } = binding;
  if (range !== undefined) throw malformed("the answer is one number, and a range was asked for");
  if (maxAgeMs !== undefined) throw malformed("the answer is one number, and does not say how old it is");
  const atS = Number(new Map(request.parameters).get("time"));
  return {
    resultType: "number",
    seen: { kind: "series", series: [{ labels: {}, samples: [{ atMs: Math.round(atS * 1_000), value }] }] },
    warnings: [],
    infos: [],
    details: {},
  };
}
