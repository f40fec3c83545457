/**
 * One line of a benchmark's result, and how it is measured and printed.
 * It never judges: a goal is shown beside the number, and a person decides.
 */

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What `ratio` compares with, measured in the same run. */
  readonly baseline?: string;
  readonly ratio?: number;
  /** In words, as in "at most 4x". */
  readonly goal?: string;
}

/** The middle one of the times, which a pause of the machine does not move. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/**
 * Median milliseconds of each piece of work, taken in turns so that a slow minute of the machine falls on all of them alike.
 * The first turn only warms up.
 */
export function medianMs(
  turns: number,
  work: Readonly<Record<string, () => unknown>>,
): ReadonlyMap<string, number> {
  const times = new Map<string, number[]>(Object.keys(work).map((name) => [name, []]));
  for (let turn = 0; turn <= turns; turn += 1) {
    for (const [name, run] of Object.entries(work)) {
      Bun.gc(true);
      const start = performance.now();
      run();
      if (turn > 0) times.get(name)?.push(performance.now() - start);
    }
  }
  return new Map([...times].map(([name, values]) => [name, median(values)]));
}

export function printRows(rows: readonly BenchRow[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const { name, value, unit, baseline, ratio, goal } of rows) {
    const compared = ratio === undefined ? "" : `  ${ratio.toFixed(2)}x ${baseline ?? ""}`;
    const aim = goal === undefined ? "" : `  (goal: ${goal})`;
    console.log(
      `${name.padEnd(width)}  ${value.toFixed(value < 10 ? 2 : 1).padStart(8)} ${unit}${compared}${aim}`,
    );
  }
}
