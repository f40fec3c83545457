/**
 * Makes one number of time series, in the way that was asked for. It drops what is not a number, and never guesses which of
 * two numbers was meant.
 */
import type { Aggregate, Series } from "./measure.ts";

export type Reduced =
  | {
      readonly kind: "number";
      /** May be infinite, never NaN. */
      readonly value: number;
      readonly series: number;
      /** Without those that are NaN. */
      readonly samples: number;
      readonly newestMs: number;
      /** The aggregate at each point in time, the newest first. */
      newest(count: number): readonly number[];
    }
  | {
      readonly kind: "unknown";
      readonly reason: "no-data" | "ambiguous";
      readonly message: string;
      readonly series: number;
      readonly samples: number;
    };

interface Point {
  readonly atMs: number;
  readonly value: number;
}

/**
 * `max`, `min` and `avg` are over all samples of all series, `sum` over the newest sample of each; `single` and `last` are the
 * newest sample of the only series. The order of series and of samples is of no consequence.
 */
export function reduce(series: readonly Series[], aggregate: Aggregate): Reduced {
  const kept = series.map(pointsOf).filter((points) => points.length > 0);
  const samples = kept.reduce((count, points) => count + points.length, 0);
  const seen = { series: series.length, samples };
  const unknown = (reason: "no-data" | "ambiguous", message: string): Reduced => ({
    kind: "unknown",
    reason,
    message,
    ...seen,
  });
  const newestMs = greatest(kept.map(([newest]) => newest?.atMs ?? Number.NEGATIVE_INFINITY));
  if (samples === 0) {
    const why = series.length === 0 ? "there are no series" : "none of the samples is a number";
    return unknown("no-data", `no data: ${why}`);
  }
  if (onlyOne(aggregate) && series.length > 1) {
    return unknown("ambiguous", `there are ${series.length} series where \`${aggregate}\` wants one`);
  }
  if (kept.some(contradicts)) {
    return unknown("ambiguous", "a series has two different numbers at one time");
  }
  const value = aggregated(kept, aggregate);
  if (Number.isNaN(value)) {
    return unknown("ambiguous", `\`${aggregate}\` of both infinities is no number`);
  }
  return {
    kind: "number",
    value,
    ...seen,
    newestMs,
    newest: (count) => newestOf(kept, aggregate, count),
  };
}

function onlyOne(aggregate: Aggregate): boolean {
  return aggregate === "single" || aggregate === "last";
}

/** The newest first, each once. */
function pointsOf({ samples }: Series): readonly Point[] {
  const points = samples
    .filter(({ atMs, value }) => Number.isFinite(atMs) && !Number.isNaN(value))
    // Nothing makes use of a negative zero, and it would tell orders apart.
    .map(({ atMs, value }) => ({ atMs: atMs + 0, value: value + 0 }))
    .sort((one, other) => other.atMs - one.atMs || order(one.value, other.value));
  return points.filter((point, at) => {
    const before = points[at - 1];
    return before === undefined || before.atMs !== point.atMs || before.value !== point.value;
  });
}

function contradicts(points: readonly Point[]): boolean {
  return points.some((point, at) => points[at - 1]?.atMs === point.atMs);
}

function aggregated(kept: readonly (readonly Point[])[], aggregate: Aggregate): number {
  switch (aggregate) {
    case "single":
    case "last":
      return kept[0]?.[0]?.value ?? Number.NaN;
    case "sum":
      return folded(
        kept.flatMap(([newest]) => (newest === undefined ? [] : [newest.value])),
        aggregate,
      );
    default:
      return folded(
        kept.flatMap((points) => points.map(({ value }) => value)),
        aggregate,
      );
  }
}

function newestOf(
  kept: readonly (readonly Point[])[],
  aggregate: Aggregate,
  count: number,
): readonly number[] {
  const atTimes = new Map<number, number[]>();
  for (const points of kept) {
    for (const { atMs, value } of points.slice(0, count)) {
      const there = atTimes.get(atMs);
      if (there === undefined) atTimes.set(atMs, [value]);
      else there.push(value);
    }
  }
  return [...atTimes]
    .sort(([one], [other]) => other - one)
    .slice(0, count)
    .map(([, values]) => folded(values, aggregate));
}

/** NaN when both infinities are added. */
function folded(values: readonly number[], aggregate: Aggregate): number {
  switch (aggregate) {
    case "max":
      return greatest(values);
    case "min":
      return -greatest(values.map((value) => -value)) + 0;
    case "avg":
      return mean(values);
    default:
      return total(values);
  }
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** In one order, as rounding depends on it. */
function total(values: readonly number[]): number {
  return values.toSorted(order).reduce((sum, value) => sum + value, 0);
}

/** Infinities have a difference that is no number. */
function order(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function mean(values: readonly number[]): number {
  const sum = total(values);
  if (Number.isFinite(sum) || values.some((value) => !Number.isFinite(value))) return sum / values.length;
  // The sum is beyond what a double holds; the mean never is.
  return total(values.map((value) => value / values.length));
}
