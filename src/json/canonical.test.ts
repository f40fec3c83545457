import { expect, test } from "bun:test";
import { AkcError } from "../errors.ts";
import { canonicalJson, lineJson, prettyJson, writeCanonical } from "./canonical.ts";
import { parseJson } from "./read.ts";
import { JsonFloat, type JsonValue } from "./value.ts";

const canonicalTexts: readonly (readonly [string, string])[] = [
  ["{}", "{}"],
  ['{"b":1,"a":2}', '{"a":2,"b":1}'],
  ['{"a":1.0}', '{"a":1.0}'],
  ['{"a":1e2}', '{"a":100.0}'],
  ['{"a":1e16}', '{"a":1e+16}'],
  ['{"a":1e15}', '{"a":1000000000000000.0}'],
  ['{"a":9999999999999998.0}', '{"a":9999999999999998.0}'],
  ['{"a":0.0001}', '{"a":0.0001}'],
  ['{"a":0.00001}', '{"a":1e-05}'],
  ['{"a":-1.5e-7}', '{"a":-1.5e-07}'],
  ['{"a":5e-324}', '{"a":5e-324}'],
  ['{"a":1e300}', '{"a":1e+300}'],
  ['{"a":123456789012345680.0}', '{"a":1.2345678901234568e+17}'],
  ['{"a":12345678901234567890}', '{"a":12345678901234567890}'],
  ['{"a":-0.0}', '{"a":-0.0}'],
  ['{"a":-0}', '{"a":0}'],
  ['{"a":-1700000000000}', '{"a":-1700000000000}'],
  ['{"a":[],"b":{},"c":null,"d":true}', '{"a":[],"b":{},"c":null,"d":true}'],
  ['{"\\ud83d\\ude00":1,"\\uffee":2}', '{"\uffee":2,"😀":1}'],
  [
    '{"a":"\\u00e9\\u2028\\u007f\\u0001\\b\\f\\n\\r\\t\\"\\\\/"}',
    '{"a":"é\u2028\u007f\\u0001\\b\\f\\n\\r\\t\\"\\\\/"}',
  ],
  ['{"9":1,"10":2,"b":3,"":4}', '{"":4,"10":2,"9":1,"b":3}'],
  ['{"__proto__":1,"a":{"__proto__":{}}}', '{"__proto__":1,"a":{"__proto__":{}}}'],
];

test.each(canonicalTexts)("%s becomes %s", (text, canonical) => {
  expect(canonicalJson(parseJson(text))).toBe(canonical);
});

test("PRETTY is what Python's json.dumps(indent=2, sort_keys=True) prints", () => {
  const value = parseJson('{"b":[1,{"x":[]},[[]]],"a":{},"\\u00e9\\u007f":"\\ud83d\\ude00\\/","c":1.0}');
  const lines = [
    "{",
    '  "a": {},',
    '  "b": [',
    "    1,",
    "    {",
    '      "x": []',
    "    },",
    "    [",
    "      []",
    "    ]",
    "  ],",
    '  "c": 1.0,',
    '  "\\u00e9\\u007f": "\\ud83d\\ude00/"',
    "}",
  ];
  expect(prettyJson(value)).toBe(lines.join("\n"));
  expect(prettyJson([])).toBe("[]");
});

test("LINE is what Python's json.dumps(sort_keys=True) prints", () => {
  const value = parseJson('{"b":[1,{"x":[]}],"a":{},"\\u00e9\\u007f":"\\ud83d\\ude00"}');
  expect(lineJson(value)).toBe('{"a": {}, "b": [1, {"x": []}], "\\u00e9\\u007f": "\\ud83d\\ude00"}');
});

/** Larger than the writer's block in every way: many items, one long string of wide characters, long keys, many keys. */
const large: JsonValue = {
  items: Array.from({ length: 20_000 }, (_, index) => ({
    id: `step_${index}`,
    at: index / 8,
    name: "é".repeat(index % 40),
  })),
  text: `😀"\\${"日本語".repeat(60_000)}`,
  digits: 10n ** 4000n,
  [`${"k".repeat(70_000)}`]: [],
  keys: Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`key ${index} 😀`, null])),
};

test("blocks end anywhere without a trace in the text", () => {
  expect(parseJson(canonicalJson(large))).toEqual(large);
  expect(parseJson(prettyJson(large))).toEqual(large);
  expect(parseJson(lineJson(large))).toEqual(large);
});

test("the blocks are the text's bytes, and each ends between two characters", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const texts: string[] = [];
  const last = writeCanonical(
    large,
    (block) => {
      texts.push(decoder.decode(block));
    },
    (block) => decoder.decode(block),
  );
  expect(texts.join("") + last).toBe(canonicalJson(large));
  expect(texts.length).toBeGreaterThan(10);
});

test("a sink may write JSON itself", () => {
  const seen: string[] = [];
  const nested = (block: Uint8Array) => {
    seen.push(canonicalJson({ text: "y".repeat(block.length / 2) }));
  };
  writeCanonical({ a: ["x".repeat(200_000)], b: "z" }, nested, nested);
  expect(seen.length).toBeGreaterThan(2);
  for (const text of seen) expect(text).toMatch(/^\{"text":"y*"\}$/);
});

test("strings of every length keep their surrogate pairs whole", () => {
  for (const before of ["", "a", "ab"]) {
    for (const pairs of [10, 83, 84, 85, 200, 400]) {
      const value = { [`${before}k`]: before + "😀".repeat(pairs) };
      for (const write of [canonicalJson, lineJson, prettyJson])
        expect(parseJson(write(value))).toEqual(value);
    }
  }
});

test("every character comes out as JSON.stringify and UTF-8 have it", () => {
  for (let first = 0; first < 0x11_0000; first += 0x100) {
    if (first >= 0xd800 && first < 0xe000) continue;
    const text = String.fromCodePoint(...Array.from({ length: 0x100 }, (_, index) => first + index));
    expect(canonicalJson([text.slice(0, 100), text])).toBe(JSON.stringify([text.slice(0, 100), text]));
    expect(parseJson(prettyJson(text))).toBe(text);
  }
});

test("integers of every length come out whole", () => {
  for (let power = 1; power <= Number.MAX_SAFE_INTEGER; power *= 10) {
    for (const value of [power - 1, power, power + 1, power * 2 - 1, power * 7]) {
      if (!Number.isSafeInteger(value)) continue;
      expect(canonicalJson([value, -value])).toBe(`[${value},${value === 0 ? 0 : -value}]`);
      if (value < 1e15) expect(canonicalJson([new JsonFloat(value + 1)])).toBe(`[${value + 1}.0]`);
    }
  }
});

test("deep values come out right in every form", () => {
  let value: JsonValue = "x";
  for (let level = 0; level < 1_500; level += 1)
    value = level % 2 === 0 ? [value, 1] : { [`key ${level % 5}`]: value };
  expect(canonicalJson(value)).toBe(JSON.stringify(value));
  expect(prettyJson(value)).toBe(JSON.stringify(value, null, 2));
  expect(parseJson(lineJson(value), { depthMax: 2_000 })).toEqual(value);
});

test("many shapes that begin with the same key, and more shapes than are remembered, come out right", () => {
  for (let round = 0; round < 3_000; round += 1) {
    const value = { same: 1, [`b${round % 2_500}`]: 2, [`a${round % 7}`]: 3 };
    expect(canonicalJson(value)).toBe(`{"a${round % 7}":3,"b${round % 2_500}":2,"same":1}`);
  }
});

const cycle: JsonValue[] = [];
cycle.push(cycle);

test.each([
  ["half a surrogate pair", ["\ud83d"], "JSON_LONE_SURROGATE"],
  ["half a surrogate pair in a long string", [`${"a".repeat(100)}\ude00`], "JSON_LONE_SURROGATE"],
  ["half a surrogate pair in a very long string", [`${"a".repeat(1_000)}\ud83d`], "JSON_LONE_SURROGATE"],
  ["two second halves", ["\ude00\ude00"], "JSON_LONE_SURROGATE"],
  ["half a surrogate pair in a key", { "\ud83d": 1 }, "JSON_LONE_SURROGATE"],
  ["NaN", [Number.NaN], "JSON_NOT_FINITE"],
  ["an infinite float", [new JsonFloat(Number.POSITIVE_INFINITY)], "JSON_NOT_FINITE"],
  ["a value that contains itself", cycle, "JSON_TOO_DEEP"],
] satisfies [string, JsonValue, string][])(
  "%s is refused, and the next value is written as if nothing had happened",
  (_, value, code) => {
    for (const write of [canonicalJson, lineJson, prettyJson]) {
      let refused = "";
      try {
        write({ before: "x", value });
      } catch (error) {
        if (error instanceof AkcError) refused = error.code;
      }
      expect(refused).toBe(code);
      expect(canonicalJson(parseJson(write({ b: [1], a: "é" })))).toBe('{"a":"é","b":[1]}');
    }
  },
);

test("a plain number beyond 2^53 is written as the float it is", () => {
  expect(canonicalJson([2 ** 53, -(2 ** 70), 1e23])).toBe(
    "[9007199254740992.0,-1.1805916207174113e+21,1e+23]",
  );
  expect(canonicalJson([2 ** 31, -(2 ** 31), 2 ** 53 - 1])).toBe("[2147483648,-2147483648,9007199254740991]");
});
