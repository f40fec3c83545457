import { expect, test } from "bun:test";
import { canonicalJson, prettyJson } from "../../../json/canonical.ts";
import { toPlain } from "../../../json/plain.ts";
import { limits } from "../../../limits.ts";
import { summaryOf } from "./summary.ts";

const of = (text: string) => toPlain(summaryOf(new TextEncoder().encode(text)));

test("an answer is summarised as documented: objects as they are, other JSON as its value, anything else as text", () => {
  expect(of('{"status":"success","data":[1,2]}')).toEqual({ status: "success", data: [1, 2] });
  expect(of("7")).toEqual({ value: 7 });
  expect(of("[1]")).toEqual({ value: [1] });
  expect(of("up 1\n")).toEqual({ text: "up 1\n" });
  expect(of("")).toEqual({ text: "" });
});

test("an answer is bounded at every level, and a pair of surrogates is never cut in two", () => {
  const wide = Object.fromEntries(
    Array.from({ length: 200 }, (_, n) => [`k${n}`, Array.from({ length: 100 }, () => 1)]),
  );
  const summary = summaryOf(new TextEncoder().encode(JSON.stringify({ deep: wide })));
  const deep = summary["deep"];
  expect(Object.keys(deep ?? {})).toHaveLength(128);
  expect(JSON.stringify(deep)).toContain(`"k0":[${"1,".repeat(63)}1]`);
  const { text } = summaryOf(new TextEncoder().encode("😀".repeat(20_000)));
  expect(text).toBe("😀".repeat(16_384));
});

test("what was cut is shown as text, though the part that is left may be JSON", () => {
  expect(toPlain(summaryOf(new TextEncoder().encode("12"), { cut: true }))).toEqual({ text: "12" });
  const long = "é".repeat(100_000);
  expect(summaryOf(new TextEncoder().encode(long), { cut: true })).toEqual({ text: "é".repeat(16_384) });
});

test("no answer makes a summary that is larger than the answer by much, however it is built", () => {
  const nested = (depth: number, inside: string) => `${"[".repeat(depth)}${inside}${"]".repeat(depth)}`;
  const row = `[${"0,".repeat(63)}0]`;
  const plane = `[${`${row},`.repeat(63)}${row}]`;
  for (const text of [
    nested(250, plane),
    `[${`${plane},`.repeat(63)}${plane}]`,
    JSON.stringify({ one: "x".repeat(1_000_000) }),
    JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, n) => ["k".repeat(10_000) + n, n]))),
  ]) {
    const summary = summaryOf(new TextEncoder().encode(text));
    expect(prettyJson(summary).length).toBeLessThan(limits.artifactFileBytesMax);
    expect(canonicalJson(summary).length).toBeLessThanOrEqual(limits.summaryCharsMax);
  }
  expect(of(nested(33, "1"))).toEqual({ value: JSON.parse(nested(32, "null")) });
  expect(of(JSON.stringify({ one: "x".repeat(20_000) }))).toEqual({ one: "x".repeat(16_384) });
});
