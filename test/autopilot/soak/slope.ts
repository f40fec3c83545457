/**
 * How fast a figure rises over time, said so that a moment of high use says nothing: by the lowest of each part of the time. Pure.
 */

export interface Point {
  /** Since some moment. */
  readonly ms: number;
  readonly value: number;
}

/** The lowest of each of `parts` equal parts of the time. */
export function floors(points: readonly Point[], parts: number): readonly Point[] {
  const first = points[0]?.ms ?? 0;
  const lengthMs = ((points.at(-1)?.ms ?? 0) - first) / parts;
  return Array.from({ length: parts }, (_, part) => {
    const within = points.filter(
      ({ ms }) => Math.min(parts - 1, Math.floor((ms - first) / lengthMs)) === part,
    );
    return within.toSorted((left, right) => left.value - right.value)[0];
  }).filter((point) => point !== undefined);
}

/** Of the floors of ten or more parts: the median of the slopes between any two of them (Theil and Sen), an hour. */
export function risePerHour(points: readonly Point[], parts = 20): number {
  const low = floors(points, parts);
  const slopes = low.flatMap((from, at) =>
    low.slice(at + 1).map((to) => ((to.value - from.value) / (to.ms - from.ms)) * 3_600_000),
  );
  return slopes.toSorted((left, right) => left - right)[slopes.length >> 1] ?? Number.NaN;
}
