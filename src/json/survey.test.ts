import { expect, test } from "bun:test";
import { survey } from "./survey.ts";

// A survey that finds too much is harmless to the result and ruinous to the speed: the exact reader would read every document.
test("ordinary text raises no suspicion", () => {
  const text =
    '{"a\\n\\ud83d\\uDE00": [1, -2.5, "\\\\ud800 {[:,", {}], "0.5": true, "10.0.0.1": 0.25, "3fa8": 123456789012345}';
  const found = survey(text, 256);
  expect(found).toMatchObject({ depth: 3, members: 4, loneSurrogate: false, indexKey: false });
  expect(found.numbers).toHaveLength(0);
});

test("members, depth and suspicious numbers are counted outside of strings only", () => {
  const text = '{"a:{": {"b": [[1.0, "2.0", 7], -0]}, "c": 12345678901234567, "d": 1e5}';
  const found = survey(text, 256);
  expect(found).toMatchObject({ depth: 4, members: 4 });
  expect([...found.numbers]).toEqual([0, -1, 2, text.indexOf("-0"), 3, text.indexOf("12345"), 4, -1]);
});

test("only keys that are array indexes count as such", () => {
  for (const key of ["0", "10", "4294967294", "007", "1\\u0030", "\\u0031"]) {
    expect([key, survey(`{"a": "5", "${key}": 1}`, 256).indexKey]).toEqual([key, true]);
  }
  for (const key of ["", "a0", "-1", "1.5", "1e3", "12ab", " 1"]) {
    expect([key, survey(`{"a": "5", "${key}": 1}`, 256).indexKey]).toEqual([key, false]);
  }
});

test("nothing is read beyond the deepest level allowed", () => {
  expect(survey(`${"[".repeat(1_000)}"\\ud800"`, 256)).toMatchObject({ depth: 257, loneSurrogate: false });
});
