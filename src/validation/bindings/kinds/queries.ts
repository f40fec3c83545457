/**
 * The three query kinds: PromQL, LogQL and TraceQL over HTTP, with the documented fields and akc's own.
 * Schemas only; what a query may be judged by is in `rules.ts`.
 *
 * Source: spec reconcile §6.2.
 */
import * as v from "valibot";
import { limits } from "../../../limits.ts";
import { commonFields, measureFields, optional, requestFields, targetField } from "./fields.ts";
import { Method, Text, Word, wholeNumber } from "./words.ts";

const queryFields = {
  ...requestFields,
  query: v.pipe(Text, v.description("The query, in the language of the kind.")),
  ...targetField,
  method: optional(Method, "GET, the default, or POST."),
  query_param: optional(Word, "Name of the parameter that holds the query, `query` when absent."),
  ...measureFields,
  ...commonFields,
};

const limitField = (byDefault: number, says: string) => ({
  limit: optional(wholeNumber(1, limits.queryEntriesMax), `${says}, ${byDefault} when absent.`),
});

export const Promql = v.strictObject({ kind: v.literal("promql_query"), ...queryFields });

export const Logql = v.strictObject({
  kind: v.literal("logql_query"),
  ...queryFields,
  ...limitField(limits.logLinesDefault, "Most lines that are asked for, of a query for log lines"),
});

export const Traceql = v.strictObject({
  kind: v.literal("traceql_query"),
  ...queryFields,
  ...limitField(limits.tracesFoundDefault, "Most traces that are asked for, of a search"),
});
