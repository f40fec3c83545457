import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { MaintenanceWindow } from "../config/model.ts";
import { windowGate, windowsAt } from "./window.ts";

const at = (text: string) => Date.parse(text);
const every = [0, 1, 2, 3, 4, 5, 6];
const minute = 60_000;

function window(from: string, to: string, more: Partial<MaintenanceWindow> = {}): MaintenanceWindow {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { days: every, fromMinute: minutes(from), toMinute: minutes(to), timeZone: "UTC", ...more };
}

test("a window is open from its first minute up to and without its last, on its days", () => {
  const nights = [window("22:00", "04:00", { days: [5] })];
  // 2026-11-27 is a Friday.
  expect(windowsAt(nights, at("2026-11-27T21:59:59.999Z"))).toEqual({ nextMs: at("2026-11-27T22:00Z") });
  expect(windowsAt(nights, at("2026-11-27T22:00Z"))).toEqual({ openUntilMs: at("2026-11-28T04:00Z") });
  expect(windowsAt(nights, at("2026-11-28T03:59:59.999Z"))).toEqual({ openUntilMs: at("2026-11-28T04:00Z") });
  expect(windowsAt(nights, at("2026-11-28T04:00Z"))).toEqual({ nextMs: at("2026-12-04T22:00Z") });
});

test("a whole day, and windows that overlap, are open throughout", () => {
  const day = window("00:00", "24:00", { days: [1] });
  expect(windowsAt([day], at("2026-11-23T00:00Z"))).toEqual({ openUntilMs: at("2026-11-24T00:00Z") });
  expect(windowsAt([day], at("2026-11-24T00:00Z")).openUntilMs).toBeUndefined();
  const two = [window("10:00", "12:00"), window("11:00", "13:00")];
  expect(windowsAt(two, at("2026-11-23T11:30Z"))).toEqual({ openUntilMs: at("2026-11-23T13:00Z") });
});

describe("where clocks leap", () => {
  const york = { timeZone: "America/New_York" };

  test("forward: a window begins with the leap, and one that the leap leaves out is left out", () => {
    // 2026-03-08, 02:00 EST becomes 03:00 EDT at 07:00 UTC.
    const half = [window("02:30", "04:00", york)];
    expect(windowsAt(half, at("2026-03-08T06:59:59.999Z"))).toEqual({ nextMs: at("2026-03-08T07:00Z") });
    expect(windowsAt(half, at("2026-03-08T07:00Z"))).toEqual({ openUntilMs: at("2026-03-08T08:00Z") });
    const within = [window("02:00", "03:00", york)];
    expect(windowsAt(within, at("2026-03-08T07:00Z"))).toEqual({ nextMs: at("2026-03-09T06:00Z") });
  });

  test("back: a window lasts the hour longer, and opens once", () => {
    // 2026-11-01, 02:00 EDT becomes 01:00 EST at 06:00 UTC.
    const across = [window("01:30", "03:00", york)];
    expect(windowsAt(across, at("2026-11-01T05:29Z"))).toEqual({ nextMs: at("2026-11-01T05:30Z") });
    for (const time of ["05:30", "05:59", "06:00", "06:15", "07:59"]) {
      expect(windowsAt(across, at(`2026-11-01T${time}Z`))).toEqual({ openUntilMs: at("2026-11-01T08:00Z") });
    }
    const before = [window("00:30", "01:30", york)];
    expect(windowsAt(before, at("2026-11-01T05:00Z"))).toEqual({ openUntilMs: at("2026-11-01T05:30Z") });
    expect(windowsAt(before, at("2026-11-01T06:15Z")).openUntilMs).toBeUndefined();
  });

  test("by half an hour, and at midnight", () => {
    // Lord Howe leaps by 30 minutes; in Santiago the clocks leap at midnight.
    const howe = [window("01:45", "02:15", { timeZone: "Australia/Lord_Howe" })];
    expect(windowsAt(howe, at("2026-10-03T15:14Z"))).toEqual({ nextMs: at("2026-10-03T15:15Z") });
    expect(windowsAt(howe, at("2026-10-03T15:29Z"))).toEqual({ openUntilMs: at("2026-10-03T15:30Z") });
    const santiago = [window("00:00", "01:00", { timeZone: "America/Santiago" })];
    expect(windowsAt(santiago, at("2026-09-06T04:00Z")).openUntilMs).toBeUndefined();
    expect(windowsAt(santiago, at("2026-09-07T03:00Z"))).toEqual({ openUntilMs: at("2026-09-07T04:00Z") });
  });
});

/** The clock in a zone, by another way than the code goes: `2026-11-01 01:30`. */
const shown = new Map<string, Intl.DateTimeFormat>();
function wallClock(timeZone: string, ms: number): string {
  let format = shown.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
    shown.set(timeZone, format);
  }
  return format.format(ms);
}

function wallDate(date: string, days: number): string {
  return new Date(Date.parse(`${date}T12:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/**
 * Whether a window is open, minute by minute: it opens at the first minute at which the clock shows `from` of a day or later, and
 * closes at the first at which it shows `to` or later.
 */
function openByCounting({ days, fromMinute, toMinute, timeZone }: MaintenanceWindow, nowMs: number): boolean {
  const words = (date: string, minutes: number) => {
    const days = Math.floor(minutes / 1_440);
    const rest = minutes % 1_440;
    const two = (number: number) => String(number).padStart(2, "0");
    return `${wallDate(date, days)} ${two(Math.floor(rest / 60))}:${two(rest % 60)}`;
  };
  const today = wallClock(timeZone, nowMs).slice(0, 10);
  return [-2, -1, 0].some((back) => {
    const date = wallDate(today, back);
    if (!days.includes(new Date(`${date}T12:00Z`).getUTCDay())) return false;
    const from = words(date, fromMinute);
    const to = words(date, toMinute > fromMinute ? toMinute : toMinute + 1_440);
    const passed = (word: string) => {
      // Once shown or passed it stays passed, even where the clock is put back.
      for (let ms = nowMs - 3 * 60 * minute; ms <= nowMs; ms += minute) {
        if (wallClock(timeZone, ms) >= word) return true;
      }
      return false;
    };
    return passed(from) && !passed(to);
  });
}

test("at any time, in any zone, the gate says what counting the minutes says", () => {
  const zones = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Cairo",
  ];
  // Around the leaps of 2026, where anything could go wrong.
  const leaps = [
    "2026-03-08T07:00Z",
    "2026-11-01T06:00Z",
    "2026-03-29T01:00Z",
    "2026-10-25T01:00Z",
    "2026-10-03T15:30Z",
    "2026-04-23T22:00Z",
  ];
  const moment = fc
    .tuple(fc.constantFrom(...leaps), fc.integer({ min: -2_000, max: 2_000 }))
    .map(([leap, minutes]) => at(leap) + minutes * minute);
  const windows = fc.record({
    days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }),
    fromMinute: fc.integer({ min: 0, max: 1_439 }),
    toMinute: fc.integer({ min: 1, max: 1_440 }),
    timeZone: fc.constantFrom(...zones),
  });
  fc.assert(
    fc.property(windows, moment, (one, nowMs) => {
      const { openUntilMs, nextMs } = windowsAt([one], nowMs);
      expect(openUntilMs !== undefined).toBe(openByCounting(one, nowMs));
      if (openUntilMs !== undefined) {
        expect(openUntilMs).toBeGreaterThan(nowMs);
        expect(openByCounting(one, openUntilMs - minute)).toBe(true);
      }
      if (nextMs !== undefined) {
        expect(nextMs).toBeGreaterThan(nowMs);
        expect(openByCounting(one, nextMs)).toBe(true);
        expect(openByCounting(one, nextMs - minute)).toBe(false);
      }
    }),
    { numRuns: 150 },
  );
});

test("the gate says when it opens, and asks for nothing where there is no window", () => {
  expect(windowGate([], 0)).toMatchObject({ verdict: "skipped" });
  expect(windowGate([window("10:00", "12:00")], at("2026-11-23T09:00Z"))).toMatchObject({
    verdict: "closed",
    reason: "outside_maintenance_window",
    opensAtMs: at("2026-11-23T10:00Z"),
  });
  expect(windowGate([window("10:00", "12:00")], at("2026-11-23T11:00Z"))).toMatchObject({ verdict: "open" });
});
