import { expect, test } from "bun:test";
import { AkcError, type ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseJson } from "./read.ts";
import { isJsonObject, JsonFloat, type JsonValue } from "./value.ts";

function refusal(read: () => unknown): AkcError {
  try {
    read();
  } catch (error) {
    if (error instanceof AkcError) return error;
    throw error;
  }
  throw new Error("it was read");
}

function member(value: JsonValue, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

const numbers: readonly (readonly [string, JsonValue])[] = [
  ["1", 1],
  ["-0", 0],
  ["1.0", new JsonFloat(1)],
  ["-0.0", new JsonFloat(-0)],
  ["1e2", new JsonFloat(100)],
  ["100", 100],
  ["1.5", 1.5],
  ["15e-1", 1.5],
  ["0.99999999999999999999", new JsonFloat(1)],
  ["4503599627370495.5", 4503599627370495.5],
  ["4503599627370497.5", new JsonFloat(4503599627370498)],
  ["1e-400", new JsonFloat(0)],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", 9007199254740992n],
  ["-9007199254740993", -9007199254740993n],
  ["1760000000123456789", 1760000000123456789n],
  ["12345678901234567890123", 12345678901234567890123n],
  ["0.1", 0.1],
];

test.each(numbers)("%s keeps its kind and its digits, alone and among others", (token, value) => {
  expect(parseJson(token)).toStrictEqual(value);
  expect(parseJson(`[7, ${token}, {"a": 7, "b": ${token}}, 1.0]`)).toStrictEqual([
    7,
    value,
    { a: 7, b: value },
    new JsonFloat(1),
  ]);
});

test("nanoseconds above 2^53 are read whole, next to each other too", () => {
  const text = '{"start": 1760000000123456789, "end": 1760000000123456790, "n": 3}';
  expect(parseJson(text)).toStrictEqual({ start: 1760000000123456789n, end: 1760000000123456790n, n: 3 });
});

test("numbers keep their kind beside keys that the engine moves to the front", () => {
  const text = '{"b": 1.0, "10": 2, "9": 3.0, "\\u0038": 4, "a": 12345678901234567890}';
  expect(parseJson(text)).toStrictEqual({
    b: new JsonFloat(1),
    10: 2,
    9: new JsonFloat(3),
    8: 4,
    a: 12345678901234567890n,
  });
});

test("a key is data whatever it is called", () => {
  for (const float of ["1", "1.0"]) {
    const value = parseJson(
      `{"__proto__": {"polluted": ${float}}, "constructor": ${float}, "toString": [], "5": {}}`,
    );
    expect(Object.keys(isJsonObject(value) ? value : {}).sort()).toEqual([
      "5",
      "__proto__",
      "constructor",
      "toString",
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(member(value, "polluted")).toBeUndefined();
    expect(member(member(value, "__proto__") ?? null, "polluted")).toEqual(
      float === "1" ? 1 : new JsonFloat(1),
    );
  }
  const numberInProto = parseJson('{"__proto__": 1.0, "a": {"__proto__": 2.0}}');
  expect(member(numberInProto, "__proto__")).toStrictEqual(new JsonFloat(1));
  expect(Object.hasOwn({}, "polluted")).toBe(false);
  expect("polluted" in {}).toBe(false);
});

const refusals: readonly (readonly [string, ErrorCode, number, number])[] = [
  ["", "JSON_SYNTAX", 1, 1],
  [" \n ", "JSON_SYNTAX", 2, 2],
  ["{", "JSON_SYNTAX", 1, 2],
  ['{"a":1,}', "JSON_SYNTAX", 1, 8],
  ["[1,]", "JSON_SYNTAX", 1, 4],
  ["[1 2]", "JSON_SYNTAX", 1, 4],
  ["01", "JSON_SYNTAX", 1, 2],
  ["[1.]", "JSON_SYNTAX", 1, 3],
  ["[.5]", "JSON_SYNTAX", 1, 2],
  ["+1", "JSON_SYNTAX", 1, 1],
  ["-", "JSON_SYNTAX", 1, 1],
  ["nul", "JSON_SYNTAX", 1, 1],
  ["{'a':1}", "JSON_SYNTAX", 1, 2],
  ["{} {}", "JSON_SYNTAX", 1, 4],
  ["{}\n// no", "JSON_SYNTAX", 2, 1],
  ['{"a":\n  "b', "JSON_SYNTAX", 2, 3],
  ['["a\nb"]', "JSON_SYNTAX", 1, 4],
  ['["\\x"]', "JSON_SYNTAX", 1, 3],
  ['["\\u12g4"]', "JSON_SYNTAX", 1, 3],
  ['["é😀" 1]', "JSON_SYNTAX", 1, 7],
  ['{"a":1,\n "a":2}', "JSON_DUPLICATE_KEY", 2, 2],
  ['{"a":1,"\\u0061":2}', "JSON_DUPLICATE_KEY", 1, 8],
  ['{"b":{"__proto__":1,"__proto__":1}}', "JSON_DUPLICATE_KEY", 1, 21],
  ['["ok", "\\ud83d"]', "JSON_LONE_SURROGATE", 1, 9],
  ['["\\ude00\\ud83d"]', "JSON_LONE_SURROGATE", 1, 3],
  ['["a\\ud83d\\u0061"]', "JSON_LONE_SURROGATE", 1, 4],
  ['{"\\uDBFF":1}', "JSON_LONE_SURROGATE", 1, 3],
  ['["ab\ud83d"]', "JSON_LONE_SURROGATE", 1, 5],
  ['["\u001f"]', "JSON_SYNTAX", 1, 3],
  [`[${"[],".repeat(300)}{"a":1,"a":2}]`, "JSON_DUPLICATE_KEY", 1, 909],
  ["[NaN]", "JSON_NOT_FINITE", 1, 2],
  ["[1,\n-Infinity]", "JSON_NOT_FINITE", 2, 1],
  ['{"a": Infinity}', "JSON_NOT_FINITE", 1, 7],
  ['{"a": 1E400}', "JSON_NOT_FINITE", 1, 7],
  ['{"a": [-1.5e999]}', "JSON_NOT_FINITE", 1, 8],
];

test.each(refusals)("%j is refused with its place", (text, code, line, column) => {
  const error = refusal(() => parseJson(text));
  expect([error.code, error.details["line"], error.details["column"]]).toEqual([code, line, column]);
});

test("a repeated key is named", () => {
  expect(refusal(() => parseJson('{"x": {"\\u0061b": 1, "ab": 2}}')).details).toEqual({
    line: 1,
    column: 22,
    key: "ab",
  });
});

test("a pair of escapes is a character, and so is a pair of halves written in different ways", () => {
  expect(parseJson('["\\ud83d\\ude00", "\\uD83D\\uDE00", "\\\\ud83d", "\\ud7ff\\ue000"]')).toEqual([
    "😀",
    "😀",
    "\\ud83d",
    "\ud7ff\ue000",
  ]);
  expect(parseJson('["\ud83d\\ude00"]')).toEqual(["😀"]);
});

test("nesting is bounded, and the bound itself is allowed", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect(() => parseJson(nested(limits.jsonDepthMax))).not.toThrow();
  const error = refusal(() => parseJson(`\n${nested(limits.jsonDepthMax + 1)}`));
  expect([error.code, error.details["line"], error.details["column"]]).toEqual(["JSON_TOO_DEEP", 2, 257]);
  expect(refusal(() => parseJson("[".repeat(5_000_000))).code).toBe("JSON_TOO_DEEP");
  expect(refusal(() => parseJson('{"a":'.repeat(1_000_000))).code).toBe("JSON_TOO_DEEP");
  expect(refusal(() => parseJson("[[1]]", { depthMax: 1 })).code).toBe("JSON_TOO_DEEP");
});

test("size is bounded in bytes of UTF-8, whatever the text came as", () => {
  const options = { textBytesMax: 6 };
  expect(parseJson('"éé"', options)).toBe("éé");
  expect(refusal(() => parseJson('"ééé"', options)).details).toEqual({ bytes: 8, limit: 6 });
  expect(refusal(() => parseJson(new TextEncoder().encode('"ééé"'), options)).code).toBe("JSON_TOO_LARGE");
});

test("the digits of one integer are bounded, so that reading stays linear", () => {
  const longest = "9".repeat(limits.jsonIntegerCharsMax);
  expect(parseJson(`[${longest}]`)).toEqual([BigInt(longest)]);
  const error = refusal(() => parseJson(`[0, ${longest}9]`));
  expect([error.code, error.details["column"]]).toEqual(["JSON_TOO_LARGE", 5]);
});

test("a byte-order mark is refused in words, from text and from bytes", () => {
  for (const source of ["\ufeff{}", Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)]) {
    const error = refusal(() => parseJson(source));
    expect(error.code).toBe("JSON_NOT_UTF8");
    expect(error.message).toContain("byte-order mark");
  }
});

const malformed: readonly (readonly [string, readonly number[], number])[] = [
  ["a stray continuation byte", [0x80], 3],
  ["an overlong form", [0xc0, 0xaf], 3],
  ["an overlong form of three", [0xe0, 0x80, 0xaf], 3],
  ["an encoded surrogate", [0xed, 0xa0, 0x80], 3],
  ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80], 3],
  ["a byte that UTF-8 never uses", [0xff], 3],
  ["a sequence cut short", [0xc3, 0xa9, 0xe2, 0x82], 4],
];

test.each(malformed)("%s is refused with its place", (_, bytes, column) => {
  const error = refusal(() => parseJson(Uint8Array.of(0x5b, 0x0a, 0x20, 0x22, ...bytes, 0x22, 0x5d)));
  expect([error.code, error.details["line"], error.details["column"]]).toEqual(["JSON_NOT_UTF8", 2, column]);
});

test("a sequence cut short by the end of the file is refused", () => {
  expect(refusal(() => parseJson(Uint8Array.of(0x22, 0xe2, 0x82))).details).toMatchObject({
    line: 1,
    column: 2,
  });
});
