/** How long it waits, by the documented table. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { jittered, resyncOf, retryDelayMs } from "./backoff.ts";

const exponential = { reconcile_resync_exponential_backoff: true };
const delays = (metadata: Parameters<typeof resyncOf>[0], count = 8, key = "run-a") => {
  const { delayMs } = resyncOf(metadata, key);
  return Array.from({ length: count }, (_, index) => delayMs(index));
};

test("without chance the waits are the documented ones", () => {
  const metadata = {
    ...exponential,
    reconcile_resync_base_interval_ms: 500,
    reconcile_resync_jitter_ratio: 0,
  };
  expect(delays(metadata)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
  expect(delays({ ...metadata, reconcile_resync_max_interval_ms: 3_000 }, 5)).toEqual([
    500, 1_000, 2_000, 3_000, 3_000,
  ]);
  // Raised to the base, and a base of 0 is 1.
  expect(delays({ ...metadata, reconcile_resync_max_interval_ms: 10 }, 2)).toEqual([500, 500]);
  expect(delays({ ...metadata, reconcile_resync_base_interval_ms: 0 }, 3)).toEqual([1, 2, 4]);
  expect(
    delays({ ...exponential, reconcile_resync_interval_ms: 70_000, reconcile_resync_jitter_ratio: 0 }, 2),
  ).toEqual([70_000, 70_000]);
});

test("without the word for it the wait is always the same, and it is one pass", () => {
  expect(delays({}, 3)).toEqual([0, 0, 0]);
  expect(delays({ reconcile_resync_interval_ms: 250 }, 3)).toEqual([250, 250, 250]);
  expect(
    delays({ reconcile_resync_interval_ms: 250, reconcile_resync_exponential_backoff: "true" }, 2),
  ).toEqual([250, 250]);
  expect(resyncOf({}, "k").iterations).toBe(1);
  expect(resyncOf({ reconcile_resync_iterations: 20_000 }, "k").iterations).toBe(10_000);
});

test.each([-1, 1.5, "7", true, null])("a number of passes that is %p is none", (value) => {
  expect(resyncOf({ reconcile_resync_iterations: value }, "k").iterations).toBe(1);
});

test("with chance each wait lies within the documented bounds, and is the same in each process", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(200),
      fc.string(),
      (base, ratio, index, key) => {
        const metadata = {
          ...exponential,
          reconcile_resync_base_interval_ms: base,
          reconcile_resync_jitter_ratio: ratio,
        };
        const raw = Math.min(Math.max(base, 60_000), base * 2 ** Math.min(index, 40));
        const delay = resyncOf(metadata, key).delayMs(index);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(raw * (1 - ratio)));
        expect(delay).toBeLessThanOrEqual(raw);
        expect(resyncOf(metadata, key).delayMs(index)).toBe(delay);
      },
    ),
  );
});

test("two runs wait differently, unless the bundle gives them the same seed", () => {
  expect(delays(exponential, 8, "run-a")).not.toEqual(delays(exponential, 8, "run-b"));
  const seeded = { ...exponential, reconcile_resync_jitter_seed: -42 };
  expect(delays(seeded, 8, "run-a")).toEqual(delays(seeded, 8, "run-b"));
});

test("what fails is tried again within half a second, then later each time, at most a minute later", () => {
  const waits = Array.from({ length: 40 }, (_, index) => retryDelayMs("a", index + 1));
  expect(waits[0]).toBeLessThanOrEqual(limits.reconcileRetryBaseMs);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.8 * limits.reconcileRetryBaseMs);
  for (const [index, wait] of waits.slice(1, 7).entries()) expect(wait).toBeGreaterThan(waits[index] ?? 0);
  for (const wait of waits.slice(8)) {
    expect(wait).toBeGreaterThanOrEqual(0.8 * limits.reconcileRetryMsMax);
    expect(wait).toBeLessThanOrEqual(limits.reconcileRetryMsMax);
  }
});

test("chance spreads over the whole of its part", () => {
  const waits = Array.from({ length: 500 }, (_, index) => jittered(1_000, 0.5, `key ${index}`));
  expect(Math.min(...waits)).toBeLessThan(520);
  expect(Math.max(...waits)).toBeGreaterThan(980);
});
