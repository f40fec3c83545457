/**
 * Groups of fields that kinds of bindings have in common: what all have, what requests have, what is expected of a number.
 * Schemas only; defaults are filled in by `normalise.ts`.
 *
 * Source: spec reconcile §6.2.
 */
import * as v from "valibot";
import { limits } from "../../../limits.ts";
import { aggregates } from "../../../sdk/measure.ts";
import { noDataPolicies } from "../model.ts";
import { Duration, Headers, Numeric, Path, SecretHeaders, Switch, Url, Word, wholeNumber } from "./words.ts";

/** An optional field with what it means. */
export function optional<const Schema extends v.GenericSchema>(schema: Schema, says: string) {
  return v.optional(v.pipe(schema, v.description(says)));
}

const TimeoutMs = wholeNumber(1, limits.bindingTimeoutMsMax);

export const commonFields = {
  timeout_ms: optional(TimeoutMs, "Longest time for all of it, in milliseconds."),
  tries: optional(
    wholeNumber(1, limits.bindingTriesMax),
    `Tries in all, ${limits.bindingTriesDefault} when absent; only what was unreachable is tried again.`,
  ),
  dry_run: optional(Switch, "Measured and recorded, and gates nothing."),
};

export const targetField = {
  target: optional(Word, "What the result calls the thing that was looked at; the binding's id when absent."),
};

export const requestFields = {
  url: v.pipe(Url, v.description("Where it is asked. Holds no user, password or token.")),
  headers: optional(Headers, "Headers that are no secrets."),
  secret_headers: optional(
    SecretHeaders,
    "Headers whose values are secrets, by name; they are sent to the origin of `url` alone.",
  ),
  tls_ca_file: optional(Path, "PEM file of the authorities that the server's certificate must come from."),
};

const bounds = {
  gte: v.optional(Numeric),
  gt: v.optional(Numeric),
  lte: v.optional(Numeric),
  lt: v.optional(Numeric),
  eq: v.optional(Numeric),
};

export const Expect = v.pipe(
  v.strictObject(bounds, "must be a map with gte, gt, lte, lt or eq"),
  v.minEntries(1, "needs gte, gt, lte, lt or eq"),
);

export const expectField = {
  expect: optional(Expect, "What the number must be; all that are given must hold."),
};

export const aggregateField = {
  aggregate: optional(
    v.picklist(aggregates, `must be one of ${aggregates.join(", ")}`),
    "How several numbers become one. `single`, the default, finds more than one ambiguous.",
  ),
};

const Baseline = v.pipe(
  v.strictObject(
    {
      offset: optional(Duration, "The same query, so long ago."),
      query: optional(Word, "Another query, at the same time."),
    },
    "must be a map with `offset` or `query`",
  ),
  v.minEntries(1, "needs `offset` or `query`"),
);

export const measureFields = {
  ...aggregateField,
  ...expectField,
  compare: optional(
    v.strictObject(
      {
        baseline: v.pipe(Baseline, v.description("What it is compared with.")),
        ratio: optional(Expect, "What current / baseline must be."),
        absolute: optional(Expect, "What current − baseline must be."),
      },
      "must be a map with `baseline`, and `ratio` or `absolute`",
    ),
    "Compares the number with the same number of a baseline.",
  ),
  range: optional(
    v.strictObject(
      {
        window: v.pipe(Duration, v.description("How far back.")),
        step: optional(
          Duration,
          "Between two samples, about sixty in the window when absent; TraceQL then gives one number for all of it. Not for log lines and searches.",
        ),
      },
      "must be a map with `window` and `step`",
    ),
    "Asks for a window instead of an instant.",
  ),
  min_samples: optional(wholeNumber(1, limits.samplesMax), "Fewer samples are too few to tell."),
  max_age: optional(Duration, "An older newest sample is stale."),
  consecutive: optional(
    wholeNumber(1, limits.rangePointsMax),
    "So many newest samples must all be as expected; with `range` only.",
  ),
  no_data: optional(
    v.picklist(
      noDataPolicies,
      `must be ${noDataPolicies.slice(0, -1).join(", ")} or ${noDataPolicies.at(-1)}`,
    ),
    "What no data means: `inconclusive` when absent.",
  ),
};
