import { expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearestWord } from "./spelling.ts";

const words = ["--dry-run", "--output", "--outputs-root", "--verbose", "--help"];

test.each([
  ["--dry-rn", "--dry-run"],
  ["--ouptut", "--output"],
  ["--outptus-root", "--outputs-root"],
  ["--verb", "--verbose"],
  ["--HELP", "--help"],
  ["--zzz", undefined],
  ["x", undefined],
])("%s: %p", (word, meant) => {
  expect(nearestWord(word, words)).toBe(meant);
});

test("the distance is 0 only for the same word, the same both ways, and never more than the longer one", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(distance).toBe(editDistance(b, a));
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
    }),
  );
});

test("a swap of neighbours is one slip", () => {
  expect(editDistance("start", "strat")).toBe(1);
});
