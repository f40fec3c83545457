/**
 * The judgement of one value of a JSON document: found by its pointer, held against what the binding expects. Pure; it takes nothing
 * for something else, so what cannot be measured is malformed and what is not there is no data.
 *
 * Source: RFC 6901.
 */
import { canonicalJson } from "../json/canonical.ts";
import { fromPlain } from "../json/plain.ts";
import { parseJson } from "../json/read.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { type Aggregate, aggregates, type Expectation, measure, type Series } from "../sdk/measure.ts";
import { answered } from "./answers.ts";
import type { Answer } from "./contract.ts";

/** Of a binding of kind `http_json` or `command`. */
export interface Judging {
  /** The whole document when absent. */
  readonly pointer: string;
  readonly aggregate: Aggregate;
  readonly expect?: Expectation;
  readonly equals?: JsonValue;
}

/** Undefined where the settings judge no value; the registry has checked them. */
export function judgingOf(settings: JsonObject): Judging | undefined {
  const { pointer, expect, equals, aggregate } = settings;
  if (pointer === undefined && expect === undefined && equals === undefined) return undefined;
  return {
    pointer: typeof pointer === "string" ? pointer : "",
    aggregate: aggregates.find((known) => known === aggregate) ?? "single",
    ...(isJsonObject(expect) ? { expect: expectationOf(expect) } : {}),
    ...(equals === undefined ? {} : { equals }),
  };
}

/** @param evidence what is known beside the value */
export function judgeDocument(
  bytes: Uint8Array,
  judging: Judging,
  evidence: JsonObject,
  nowMs: number,
): Answer {
  let document: JsonValue;
  try {
    document = parseJson(bytes, { textBytesMax: limits.validatorToolBytesMax });
  } catch {
    return answered("error", { reason: "malformed", message: "the answer is no JSON", evidence });
  }
  const value = valueAt(document, judging.pointer);
  const seen = { ...evidence, pointer: judging.pointer };
  if (value === undefined || value === null) {
    const message = `there is nothing at ${JSON.stringify(judging.pointer)}`;
    return answered("inconclusive", { reason: "no-data", message, evidence: seen });
  }
  if (judging.equals !== undefined) return judgeEqual(value, judging.equals, seen);
  return judgeNumbers(value, judging, seen, nowMs);
}

function judgeEqual(value: JsonValue, expected: JsonValue, evidence: JsonObject): Answer {
  const equal = canonicalJson(numbersAlike(value)) === canonicalJson(numbersAlike(expected));
  const text = canonicalJson(value);
  const observed = text.length <= shownCharsMax ? { value } : {};
  const said = { observed, evidence: { ...evidence, equals: expected } };
  if (equal) return answered("pass", said);
  return answered("fail", { ...said, reason: "mismatch", message: `the value is ${text.slice(0, 200)}` });
}

function judgeNumbers(value: JsonValue, judging: Judging, evidence: JsonObject, nowMs: number): Answer {
  const numbers = numbersOf(value);
  if (typeof value === "boolean" && judging.expect === undefined) {
    const said = { observed: { value }, evidence };
    return value
      ? answered("pass", said)
      : answered("fail", { ...said, reason: "mismatch", message: "it is false" });
  }
  if (numbers === undefined) {
    const message = "what is judged is no number and no list of numbers; `equals` compares anything else";
    return answered("error", { reason: "malformed", message, evidence });
  }
  const { aggregate, expect } = judging;
  const kept = aggregate === "last" ? numbers.slice(-1) : numbers;
  const series = kept.map((one): Series => ({ labels: {}, samples: [{ atMs: nowMs, value: one }] }));
  const measured = measure({ series, aggregate, ...(expect === undefined ? {} : { expect }), nowMs });
  const more = fromPlain(measured.evidence);
  const number = measured.value;
  return {
    verdict: measured.verdict,
    ...(measured.reason === undefined ? {} : { reason: measured.reason }),
    ...(measured.message === undefined ? {} : { message: measured.message }),
    observed: number === null || !Number.isFinite(number) ? {} : { value: fromPlain(number) },
    evidence: { ...evidence, ...(isJsonObject(more) ? more : {}) },
    attachments: [],
  };
}

/** What is shown of a value that was compared. */
const shownCharsMax = 16_384;

function numbersOf(value: JsonValue): readonly number[] | undefined {
  const items = isJsonArray(value) ? value : [value];
  const numbers = items.map((item) => asDouble(item));
  return numbers.every((one) => one !== undefined) ? numbers : undefined;
}

/** 1 and 1.0 are one number here. */
function numbersAlike(value: JsonValue): JsonValue {
  const number = asDouble(value);
  if (number !== undefined) return typeof value === "bigint" ? value : fromPlain(number);
  if (isJsonArray(value)) return value.map(numbersAlike);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, numbersAlike(item)]));
}

/** Undefined where there is nothing. */
export function valueAt(document: JsonValue, pointer: string): JsonValue | undefined {
  const keys = pointer.split("/").slice(1);
  return keys
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<JsonValue | undefined>(step, document);
}

function step(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (isJsonArray(value)) return /^(?:0|[1-9]\d*)$/.test(key) ? value[Number(key)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

const bounds = ["gte", "gt", "lte", "lt", "eq"] as const;

function expectationOf(written: JsonObject): Expectation {
  return Object.fromEntries(
    bounds.flatMap((name) => {
      const bound = asDouble(written[name]);
      // What is no number is told by whoever measures, and never dropped.
      return written[name] === undefined ? [] : [[name, bound ?? Number.NaN]];
    }),
  );
}
