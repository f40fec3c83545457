/**
 * The bundle key `runtime_rollout` as a schema: which keys there are and what each may hold. What one key means for another, and what
 * stands in where one is missing, is in `strategy.ts`.
 */
import * as v from "valibot";
import type { JsonValue } from "../../../json/value.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import { Numeric, Switch } from "../../../policy/border.ts";
import type { Amount } from "../model.ts";

export const unhealthy = ["unknown", "degraded", "failed"] as const;

function whole(min: number, max: number) {
  const says = `must be a whole number from ${min} to ${max}`;
  return v.pipe(Numeric, v.safeInteger(says), v.minValue(min, says), v.maxValue(max, says));
}

function milliseconds(min: number) {
  const says = `must be milliseconds: a whole number from ${min} to ${limits.rolloutWaitMsMax}`;
  return v.pipe(
    Numeric,
    v.safeInteger(says),
    v.minValue(min, says),
    v.maxValue(limits.rolloutWaitMsMax, says),
  );
}

/** `2` or `"25%"`. */
const CopiesOrPercent = v.union(
  [
    v.pipe(
      whole(0, limits.resourcesMax),
      v.transform((count): Amount => ({ count })),
    ),
    v.pipe(
      v.string(),
      v.regex(/^(?:100|\d{1,2})%$/),
      v.transform((text): Amount => {
        const share = Number(text.slice(0, -1)) / 100;
        return share === 0 ? { count: 0 } : { share };
      }),
    ),
  ],
  'must be a number of copies, or a percentage such as "25%"',
);

const Healths = v.array(
  v.picklist(unhealthy, `is not one of ${unhealthy.join(", ")}`),
  "must be a list of healths",
);

/** What is measured is for whoever measures: here a check is any object. */
const Check = v.pipe(
  v.custom<JsonObject>((value) => isObject(value), "must be an object"),
  v.transform(plainObject),
);

export const AnalysisSection = v.strictObject(
  {
    name: v.pipe(
      v.string("must be text"),
      v.regex(
        /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$/,
        "must be letters, digits, `.`, `_` and `-`",
      ),
    ),
    checks: v.pipe(
      v.array(Check, "must be a list of objects"),
      v.minLength(1, "must have a check"),
      v.maxLength(limits.analysisChecksMax, `must not have more than ${limits.analysisChecksMax} checks`),
    ),
    initial_delay_ms: v.optional(milliseconds(0), 0),
    interval_ms: v.optional(milliseconds(1), limits.analysisIntervalMsDefault),
    count: v.optional(whole(1, limits.measurementsMax), 1),
    failure_limit: v.optional(whole(0, limits.measurementsMax), 0),
    inconclusive_limit: v.optional(whole(0, limits.measurementsMax), 0),
    error_limit: v.optional(whole(0, limits.measurementsMax), 0),
    dry_run: v.optional(Switch, false),
  },
  "must be an object with name and checks",
);
export type AnalysisSection = v.InferOutput<typeof AnalysisSection>;

const above0 = "must be a number above 0";
const StepSection = v.strictObject(
  {
    count: v.optional(whole(1, limits.resourcesMax)),
    percent: v.optional(v.pipe(Numeric, v.gtValue(0, above0), v.maxValue(100, "must not be above 100"))),
    share: v.optional(v.pipe(Numeric, v.gtValue(0, above0), v.maxValue(1, "must not be above 1"))),
    bake_ms: v.optional(milliseconds(0)),
    pause: v.optional(Switch, false),
    analysis: v.optional(AnalysisSection),
  },
  "must be an object with count, percent or share",
);
export type StepSection = v.InferOutput<typeof StepSection>;

export const RolloutSection = v.strictObject(
  {
    strategy: v.picklist(
      ["all_at_once", "rolling", "canary", "blue_green"],
      "is not all_at_once, rolling, canary or blue_green",
    ),
    of: v.optional(v.picklist(["resources", "copies"], "is not resources or copies")),
    steps: v.optional(
      v.pipe(
        v.array(StepSection, "must be a list of steps"),
        v.minLength(1, "must have a step"),
        v.maxLength(limits.rolloutStepsMax, `must not have more than ${limits.rolloutStepsMax} steps`),
      ),
    ),
    bake_ms: v.optional(milliseconds(0), 0),
    analysis: v.optional(AnalysisSection),
    max_surge: v.optional(CopiesOrPercent),
    max_unavailable: v.optional(CopiesOrPercent),
    parallel: v.optional(whole(1, limits.resourcesInParallelMax)),
    approval: v.optional(Switch),
    health: v.optional(
      v.strictObject(
        {
          min_healthy_ms: v.optional(milliseconds(0)),
          healthy_deadline_ms: v.optional(milliseconds(1), limits.healthyDeadlineMsDefault),
          progress_deadline_ms: v.optional(milliseconds(1)),
        },
        "must be an object with min_healthy_ms, healthy_deadline_ms and progress_deadline_ms",
      ),
      {},
    ),
    abort_on: v.optional(Healths),
    inconclusive_on: v.optional(Healths, []),
    rollback_on_failure: v.optional(Switch, true),
    pause_deadline_ms: v.optional(milliseconds(1), limits.pauseDeadlineMsDefault),
  },
  "must be an object with a strategy",
);
export type RolloutSection = v.InferOutput<typeof RolloutSection>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A rollout is kept as ordinary JSON text: numbers that it could not tell apart become plain ones here. */
function plainObject(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function plain(value: JsonValue): JsonValue {
  if (isJsonArray(value)) return value.map(plain);
  if (isJsonObject(value)) return plainObject(value);
  return asDouble(value) ?? value;
}
