/**
 * Seeds that found something. Each passes now and fails again when the code is broken in the way that is written beside it;
 * who changes the generator breaks the code so and finds other seeds for the same faults.
 */
import { expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

const found: readonly {
  readonly fault: string;
  readonly broken: string;
  readonly seeds: readonly number[];
}[] = [
  {
    fault: "a run that was gone on with after a full disk and died again was taken for one that had ended",
    broken: "opening.ts: do not take the outcome back when the run goes on",
    seeds: [3, 27, 34, 88],
  },
  {
    fault: "a try that failed while the run was being stopped was its last",
    broken: "loop.ts: allow no retry once the run is cut",
    seeds: [1123, 1403, 1473, 1538],
  },
  {
    fault:
      "a run whose first commit the disk refused went on without its first events and what these set off",
    broken: "opening.ts: do not announce the start of a run that never said that it started",
    seeds: [307, 455, 1000, 1047],
  },
  {
    fault: "a retry waited for a wall clock that had been set back by a day",
    broken: "loop.ts: hand the kernel the clock as it is, without steadyClock",
    seeds: [745, 1229, 1278],
  },
  {
    fault: "an event that a resumed run refused bore the time of the event that it refused",
    broken: "opening.ts: consume what is owed at its own time",
    seeds: [99, 407, 539],
  },
  {
    fault: "an attempt that overran its time counted as cancelled, and the run as succeeded without it",
    broken: "attempt.ts: return what the adapter says, also when no run was cut",
    seeds: [8, 16, 17, 24],
  },
  {
    fault:
      "a process that was told to end while the store refused a commit spun instead of waiting for its attempts",
    broken:
      "loop.ts: let #sleep return at once while the signal is aborted and the run is not cut (it hangs)",
    seeds: [76, 166, 1167, 1822],
  },
  {
    fault: "what a step without output handed over could not be read",
    broken: "action.ts: read the empty output from the store",
    seeds: [8, 12, 16, 18],
  },
  {
    fault: "a signal that was sent after the end of its wait was taken because akc had been away",
    broken: "waits.ts: do not compare when a signal was sent",
    seeds: [265, 907, 1603],
  },
  {
    fault:
      "a signal that came in time lost to the clock because the inbox had been looked at a moment before",
    broken: "waits.ts: do not look into the inbox when a wait is due",
    seeds: [750, 1336, 1486],
  },
  {
    fault:
      "attempts of earlier processes did not count against the budget (never happened; kept for the check)",
    broken: "loop.ts: create the spending without the past's",
    seeds: [178, 299, 432, 480],
  },
];

for (const { fault, seeds } of found) {
  test(`never again: ${fault}`, async () => {
    for (const seed of seeds) {
      const { broken } = await simulate(seed);
      expect([`SIM_SEED=${seed}`, ...broken]).toEqual([`SIM_SEED=${seed}`]);
    }
  }, 120_000);
}
