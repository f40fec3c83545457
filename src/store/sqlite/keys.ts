/** Row ids of a run's numbered rows: run_key * 2^32 + number. Below 2^53 for the first two million runs of a scope. */
const numbersPerRun = 2 ** 32;

/** Add a row's number (from 1) to get its id. */
export function rowIdBase(runKey: number): number {
  return runKey * numbersPerRun;
}

/** The last id that belongs to the run. */
export function rowIdEnd(runKey: number): number {
  return rowIdBase(runKey) + numbersPerRun - 1;
}
