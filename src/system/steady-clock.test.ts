import { expect, test } from "bun:test";
import fc from "fast-check";
import { steadyClock } from "./steady-clock.ts";

test("it never goes back, never falls behind the wall clock and never stands still, however the wall clock jumps", () => {
  const moves = fc.array(fc.record({ passes: fc.nat(10_000), jumps: fc.integer({ min: -1e9, max: 1e9 }) }));
  fc.assert(
    fc.property(moves, (list) => {
      let wall = 1_795_348_155_000;
      let monotonic = 0.25;
      const clock = steadyClock({
        nowMs: () => wall,
        monotonicMs: () => monotonic,
        sleep: async () => {},
      });
      let before = clock.nowMs();
      for (const { passes, jumps } of list) {
        wall += passes + jumps;
        monotonic += passes;
        const now = clock.nowMs();
        expect(Number.isInteger(now)).toBe(true);
        expect(now).toBeGreaterThanOrEqual(Math.max(wall, before + passes));
        before = now;
      }
    }),
  );
});

test("it begins with what was written down already, and goes on from there", () => {
  const at = { wallMs: 10_000, monotonicMs: 50 };
  const clock = steadyClock(
    { nowMs: () => at.wallMs, monotonicMs: () => at.monotonicMs, sleep: async () => undefined },
    3_610_000,
  );
  expect(clock.nowMs()).toBe(3_610_000);
  Object.assign(at, { wallMs: 10_700, monotonicMs: 750 });
  expect(clock.nowMs()).toBe(3_610_700);
  Object.assign(at, { wallMs: 4_000_000, monotonicMs: 800 });
  expect(clock.nowMs()).toBe(4_000_000);
});
