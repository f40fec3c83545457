import { expect, test } from "bun:test";
import { defaultRetryPolicy, retryDelayMs } from "./retry.ts";

test("the delay of an attempt is the documented one, jitter included", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => retryDelayMs("q", attempt, defaultRetryPolicy));
  expect(delays).toEqual([1048, 2093, 4098, 8123, 16138, 30003, 30036, 30089]);
  expect(retryDelayMs("coordination:intake:0", 1, defaultRetryPolicy)).toBe(1247);
  expect(retryDelayMs("coordination:intake:0", 2, defaultRetryPolicy)).toBe(2097);
});
