/**
 * Whether a query asks for numbers or for things: a LogQL query for log lines, a TraceQL search for traces. Looks at the text
 * as far as that takes; whether the query is right is for the server to say.
 *
 * Source: LogQL, "Log queries" and "Metric queries"; TraceQL, "TraceQL metrics functions".
 */

/** `lines` and `search` end at a limit, and in an order that the server chooses; `metrics` are series. */
export type QueryForm = "metrics" | "lines" | "search";

export function queryForm(kind: string, query: string): QueryForm {
  switch (kind) {
    case "logql_query":
      // A log query begins with its stream selector, in parentheses or not; a metric query with a function or a number.
      return /^[\s(]*\{/.test(withoutTexts(query, "#")) ? "lines" : "metrics";
    case "traceql_query":
      return metricsFunction.test(withoutSpansets(withoutTexts(query, "//"))) ? "metrics" : "search";
    default:
      return "metrics";
  }
}

/** `min`, `max`, `avg`, `sum` and `count` without `_over_time` filter traces of a search. */
const metricsFunction =
  /(?<![\w.])(?:rate|count_over_time|quantile_over_time|histogram_over_time|min_over_time|max_over_time|avg_over_time|sum_over_time|compare)\s*\(/;

/** The query without what stands between quotes, and without comments. */
function withoutTexts(query: string, comment: "#" | "//"): string {
  let rest = "";
  for (let at = 0; at < query.length; at += 1) {
    const char = query[at] ?? "";
    if (char === '"' || char === "`" || (char === "'" && comment === "#")) {
      at = endOfText(query, at, char);
    } else if (query.startsWith(comment, at)) {
      const end = query.indexOf("\n", at);
      if (end < 0) break;
      at = end;
      rest += "\n";
    } else {
      rest += char;
    }
  }
  return rest;
}

function endOfText(query: string, start: number, quote: string): number {
  for (let at = start + 1; at < query.length; at += 1) {
    const char = query[at];
    if (char === quote) return at;
    if (char === "\\" && quote !== "`") at += 1;
  }
  return query.length;
}

/** Inside of braces `rate` may be an attribute. */
function withoutSpansets(query: string): string {
  let depth = 0;
  let rest = "";
  for (const char of query) {
    if (char === "{") depth += 1;
    else if (char === "}") depth = Math.max(0, depth - 1);
    else if (depth === 0) rest += char;
  }
  return rest;
}
