import { expect, test } from "bun:test";
import { AkcError } from "../errors.ts";
import { duration, wholeNumber } from "./values.ts";

const range = { min: 1, max: 1_000 };
const anyTime = { min: 0, max: Number.MAX_SAFE_INTEGER };

test.each(["1", "1000", "0042"])("%s is a whole number in range", (text) => {
  expect(wholeNumber("--n", text, range)).toBe(Number(text));
});

test.each([
  "0",
  "1001",
  "-1",
  "1.0",
  "1e2",
  "0x10",
  "",
  " 5",
  "5 ",
  "NaN",
  "Infinity",
  "99999999999999999999",
  "٣",
])("%p is refused as a whole number", (text) => {
  expect(() => wholeNumber("--n", text, range)).toThrow(AkcError);
});

test.each([
  ["90", 90_000],
  ["90s", 90_000],
  ["250ms", 250],
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["0", 0],
])("%s is %p ms", (text, ms) => {
  expect(duration("--t", text, anyTime)).toBe(ms);
});

test.each(["", "s", "-1", "1.5", "1w", "10 m", "m10", "1h30", "1e3", "9999999999999"])(
  "%p is no length of time",
  (text) => {
    expect(() => duration("--t", text, anyTime)).toThrow(AkcError);
  },
);

test("a length of time outside of the range is refused", () => {
  expect(() => duration("--t", "2d", { min: 1, max: 86_400_000 })).toThrow(AkcError);
});
