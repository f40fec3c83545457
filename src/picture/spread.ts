/**
 * Puts things in a row, in their order and a distance apart, each as near as can be to where it wants to stand. Pure.
 *
 * Source: pool adjacent violators (Barlow, Bartholomew, Bremner, Brunk, "Statistical inference under order restrictions", 1972).
 */

/** Least sum of squares of the ways off. @param wanted in order @param pitch least distance of neighbours */
export function spread(wanted: readonly number[], pitch: number): readonly number[] {
  // Without the distances, the places only have to rise: what does not is pooled to its mean.
  const pools: { sum: number; count: number }[] = [];
  for (const [at, place] of wanted.entries()) {
    pools.push({ sum: place - at * pitch, count: 1 });
    for (;;) {
      const last = pools.at(-1);
      const before = pools.at(-2);
      if (last === undefined || before === undefined) break;
      if (before.sum / before.count <= last.sum / last.count) break;
      before.sum += last.sum;
      before.count += last.count;
      pools.pop();
    }
  }
  const places: number[] = [];
  for (const { sum, count } of pools) {
    for (let at = 0; at < count; at += 1) places.push(sum / count + places.length * pitch);
  }
  return places;
}
