/** Verdicts from series of answers. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { counted, nothingAsked, type ThresholdState } from "./threshold.ts";

const thresholds = fc.record({
  success_threshold: fc.integer({ min: 1, max: 4 }),
  failure_threshold: fc.integer({ min: 1, max: 4 }),
});

test("the verdict turns with exactly the answers in a row that are asked for, and never sooner", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 40 }), thresholds, (answers, bounds) => {
      let state: ThresholdState = nothingAsked;
      for (const [index, passed] of answers.entries()) {
        const before = state.verdict;
        state = counted(state, passed, bounds);
        const inRow = answers
          .slice(0, index + 1)
          .toReversed()
          .findIndex((one) => one !== passed);
        const length = inRow < 0 ? index + 1 : inRow;
        const bound = passed ? bounds.success_threshold : bounds.failure_threshold;
        expect(state.verdict).toBe(length >= bound ? (passed ? "passing" : "failing") : before);
      }
    }),
  );
});
