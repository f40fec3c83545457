/**
 * The value model of JSON text whose fingerprint matters: an integer and a float stay apart, and no digit is lost.
 * It holds data only; reading is in `read.ts`, writing in `canonical.ts`.
 *
 * Source: spec bundle §1.3, spec kernel §2.
 */

/**
 * A double whose value is integral (`1.0`, `1e2`, `-0.0`), the only kind that a JS number cannot tell from an integer.
 * Every other JSON number is plain: a safe integer or a fractional double is a `number`, a larger integer a `bigint`.
 */
export class JsonFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export type JsonNumber = number | bigint | JsonFloat;
export type JsonValue = null | boolean | string | JsonNumber | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Whether `value` is a JSON object: not null, not an array, not a number in disguise. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)
  );
}

export function isJsonArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

/** The number as a double, or undefined when `value` is no number. Digits beyond 2^53 are rounded. */
export function asDouble(value: JsonValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof JsonFloat ? value.value : undefined;
}
