/**
 * The numbers of the value model: from a token to a value, and from a value to the text that is hashed.
 * It knows nothing of the documents around them.
 *
 * Source: spec bundle §1.3; Python's `float.__repr__`.
 */
import { limits } from "../limits.ts";
import { JsonFloat, type JsonNumber } from "./value.ts";

/** The value of an integer token (`-?[0-9]+`): a safe integer plain, a larger one whole. `-0` is 0. */
export function integerValue(token: string): number | bigint | "too-long" {
  // Turning digits into a bigint takes quadratic time, so their number is bounded before it begins.
  if (token.length > limits.jsonIntegerCharsMax) return "too-long";
  const value = Number(token);
  if (!Number.isSafeInteger(value)) return BigInt(token);
  return value === 0 ? 0 : value;
}

/** The value of a token with a fraction or an exponent. */
export function floatValue(token: string): number | JsonFloat | "not-finite" {
  const value = Number(token);
  return Number.isFinite(value) ? doubleValue(value) : "not-finite";
}

/** A finite double as the value model holds it. */
export function doubleValue(value: number): number | JsonFloat {
  return Number.isInteger(value) ? new JsonFloat(value) : value;
}

/**
 * The text of a finite number. A plain integral number beyond 2^53 is no integer that anyone can rely on: it is written as
 * the float that it is.
 */
export function numberText(value: JsonNumber): string {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof JsonFloat) return floatText(value.value);
  return Number.isSafeInteger(value) ? String(value) : floatText(value);
}

/** Python's `repr` of a double: shortest digits, positional from 1e-4 up to 1e16, an exponent of at least two digits elsewhere. */
function floatText(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  if (size >= 1e-4 && size < 1e16) {
    const text = String(value);
    return Number.isInteger(value) ? `${text}.0` : text;
  }
  const text = value.toExponential();
  const exponentAt = text.indexOf("e") + 2;
  return exponentAt + 2 > text.length ? `${text.slice(0, exponentAt)}0${text.slice(exponentAt)}` : text;
}
