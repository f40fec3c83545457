/** A schedule fires at its wall-clock times, once for all that were missed. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../errors.ts";
import { ticksOf } from "./schedule.ts";

const daily = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
const at = (text: string) => Date.parse(text);

test("at first sight it only begins to count", () => {
  const nowMs = at("2026-03-01T12:00:00Z");
  expect(ticksOf(daily, undefined, nowMs)).toEqual({
    kind: "quiet",
    sinceMs: nowMs,
    nextMs: at("2026-03-02T01:30:00Z"),
  });
});

test("ticks that were missed fire once, as the last of them", () => {
  const sinceMs = at("2026-03-01T12:00:00Z");
  expect(ticksOf(daily, sinceMs, at("2026-03-05T00:00:00Z"))).toEqual({
    kind: "due",
    tickMs: at("2026-03-04T01:30:00Z"),
    missed: 2,
  });
});

test("the time zone's summer time counts: 2:30 on the day without it is 3:30", () => {
  const sinceMs = at("2026-03-28T12:00:00Z");
  expect(ticksOf(daily, sinceMs, at("2026-03-29T01:29:59Z")).kind).toBe("quiet");
  expect(ticksOf(daily, sinceMs, at("2026-03-29T01:30:00Z"))).toMatchObject({ kind: "due", missed: 0 });
});

test("told once, it is quiet until the next tick, whenever it is looked at", () => {
  const minutely = { cron: "*/7 * * * *", timeZone: "UTC" };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_600_000 }), { maxLength: 30 }), (steps) => {
      let nowMs = at("2026-01-01T00:00:00Z");
      let sinceMs = nowMs;
      let told = 0;
      let missed = 0;
      const beganMs = nowMs;
      for (const step of steps) {
        nowMs += step;
        const ticking = ticksOf(minutely, sinceMs, nowMs);
        if (ticking.kind !== "due") continue;
        told += 1;
        missed += ticking.missed;
        sinceMs = ticking.tickMs;
        expect(ticksOf(minutely, sinceMs, nowMs).kind).toBe("quiet");
      }
      // Every tick of the hours that went by was told or counted as missed: `*/7` begins anew at each full hour.
      let expected = 0;
      for (let tick = beganMs + 60_000; tick <= nowMs; tick += 60_000) {
        if (new Date(tick).getUTCMinutes() % 7 === 0) expected += 1;
      }
      expect(told + missed).toBe(expected);
    }),
    { numRuns: 60 },
  );
});

test("a clock that was set back by an hour does not silence it for that hour", () => {
  const nowMs = at("2026-03-01T12:00:00Z");
  expect(ticksOf(daily, nowMs + 3_600_000, nowMs)).toMatchObject({ kind: "quiet", sinceMs: nowMs });
  expect(ticksOf(daily, nowMs + 1_000, nowMs)).not.toHaveProperty("sinceMs");
});

test("what is no schedule is named", () => {
  expect(() => ticksOf({ cron: "bad", timeZone: "UTC" }, 0, 1)).toThrow(AkcError);
  expect(() => ticksOf({ cron: "* * * * *", timeZone: "No/Where" }, 0, 1)).toThrow(AkcError);
});
