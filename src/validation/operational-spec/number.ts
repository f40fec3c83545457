/**
 * Numbers as operational criteria take and compare them: what counts as a number, and when a bound holds. Pure.
 * NaN is no number, and nothing holds of it.
 *
 * Source: spec reconcile §7.4 (coercion, `eq`), §0.1 (what is a float in what is hashed).
 */
import type { boundKeys, comparators } from "../../bundle/intent/operational-params.ts";
import { doubleValue } from "../../json/number.ts";
import { asDouble, type JsonValue } from "../../json/value.ts";

export type Comparator = (typeof comparators)[number];
export type BoundKey = (typeof boundKeys)[number];
export type Bounds = Readonly<Partial<Record<BoundKey, number>>>;

const eqTolerance = 1e-9;

const holding: Readonly<Record<BoundKey, (value: number, bound: number) => boolean>> = {
  gte: (value, bound) => value >= bound,
  gt: (value, bound) => value > bound,
  lte: (value, bound) => value <= bound,
  lt: (value, bound) => value < bound,
  eq: (value, bound) => Math.abs(value - bound) <= eqTolerance,
};

export function holds(value: number, comparator: BoundKey, bound: number): boolean {
  return holding[comparator](value, bound);
}

/** The bounds that do not hold, as in `gte 3`. */
export function violatedBounds(value: number, bounds: Bounds): readonly string[] {
  return boundsOf(bounds).flatMap(([key, bound]) => (holds(value, key, bound) ? [] : [`${key} ${bound}`]));
}

const order: readonly BoundKey[] = ["gte", "gt", "lte", "lt", "eq"];

function boundsOf(bounds: Bounds): readonly (readonly [BoundKey, number])[] {
  return order.flatMap((key) => {
    const bound = bounds[key];
    return bound === undefined ? [] : [[key, bound] as const];
  });
}

const decimalText = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const infiniteText = /^([+-]?)inf(inity)?$/i;

/** A boolean counts 0 or 1, a text the number that it writes, infinities too. Undefined for all else, and for NaN. */
export function numericValue(value: JsonValue | undefined): number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return numberOrNothing(asDouble(value));
  const text = value.trim();
  if (decimalText.test(text)) return Number(text);
  const sign = infiniteText.exec(text)?.[1];
  if (sign === undefined) return undefined;
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function numberOrNothing(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

/** As a float, which is hashed with its point; infinities, which JSON has not, as text. */
export function floatJson(value: number): JsonValue {
  if (Number.isFinite(value)) return doubleValue(value);
  return value > 0 ? "+Inf" : "-Inf";
}
