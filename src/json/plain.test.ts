import { expect, test } from "bun:test";
import { AkcError } from "../errors.ts";
import { canonicalJson } from "./canonical.ts";
import { fromPlain, toPlain } from "./plain.ts";
import { parseJson } from "./read.ts";
import { JsonFloat } from "./value.ts";

test("what goes out can be handed to JSON.stringify", () => {
  const text = '{"a":[1,1.0,2.5,1760000000123456789,null,"x"],"__proto__":{"b":true}}';
  expect(JSON.stringify(toPlain(parseJson(text)))).toBe(
    '{"a":[1,1,2.5,1760000000123456800,null,"x"],"__proto__":{"b":true}}',
  );
});

test("members without a value are left out on the way in, and everything else stays", () => {
  const value = fromPlain({
    a: undefined,
    b: [1, -0, 2.5, 2 ** 60, 5n, new JsonFloat(3)],
    c: { d: undefined },
    e: null,
  });
  expect(canonicalJson(value)).toBe('{"b":[1,0,2.5,1.152921504606847e+18,5,3.0],"c":{},"e":null}');
});

test("a number that is neither a safe integer nor a fraction comes in as a float, and minus zero as zero", () => {
  expect(fromPlain([2 ** 60, -0, 2 ** 53 - 1])).toStrictEqual([new JsonFloat(2 ** 60), 0, 2 ** 53 - 1]);
});

test("a key called __proto__ stays data on the way in", () => {
  const value = fromPlain(JSON.parse('{"__proto__":{"polluted":1}}'));
  expect(canonicalJson(value)).toBe('{"__proto__":{"polluted":1}}');
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

const cycle: unknown[] = [];
cycle.push(cycle);

test.each([
  ["a function", { a: () => 1 }, "INTERNAL"],
  ["a symbol", [Symbol("s")], "INTERNAL"],
  ["an undefined item", [undefined], "INTERNAL"],
  ["a hole", new Array(1), "INTERNAL"],
  ["undefined itself", undefined, "INTERNAL"],
  ["a date", { at: new Date(0) }, "INTERNAL"],
  ["a map", new Map(), "INTERNAL"],
  ["NaN", { a: Number.NaN }, "JSON_NOT_FINITE"],
  ["a value that contains itself", cycle, "JSON_TOO_DEEP"],
])("%s is refused", (_, value, code) => {
  let refused = "";
  try {
    fromPlain(value);
  } catch (error) {
    if (error instanceof AkcError) refused = error.code;
  }
  expect(refused).toBe(code);
});
