import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { canonicalJson, lineJson, prettyJson } from "../../src/json/canonical.ts";
import { parseExactly } from "../../src/json/exact.ts";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { JsonFloat, type JsonValue } from "../../src/json/value.ts";
import { described, spelledJson } from "./spelled-json.ts";

const encoder = new TextEncoder();

/** What became of reading: the value, or the error with its place. Anything but an AkcError escapes and fails the test. */
function outcome(read: () => JsonValue): string {
  try {
    return described(read());
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    const { line, column } = error.details;
    expect(error.code).toStartWith("JSON_");
    expect(line).toBeGreaterThanOrEqual(1);
    expect(column).toBeGreaterThanOrEqual(1);
    return `${error.code} ${error.message} ${JSON.stringify(error.details)}`;
  }
}

/** A text that was valid before a few characters were removed, doubled or replaced. */
const damaged = fc
  .tuple(
    spelledJson,
    fc.array(
      fc.record({
        at: fc.nat(),
        remove: fc.nat({ max: 2 }),
        insert: fc.oneof(
          fc.constantFrom(
            "",
            '"',
            "\\",
            "\\u",
            "\\ud83d",
            "\\ude00",
            "\ud83d",
            ",",
            ":",
            "{",
            "}",
            "[",
            "]",
            "-",
            ".",
          ),
          fc.constantFrom(
            "0",
            "1e400",
            "e",
            "E9",
            "NaN",
            "Infinity",
            '"a":1,"a":2,',
            "tru",
            "\u0000",
            "\ufeff",
            "1".repeat(17),
          ),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([{ text }, edits]) =>
    edits.reduce((before, { at, remove, insert }) => {
      const start = at % (before.length + 1);
      return before.slice(0, start) + insert + before.slice(start + remove);
    }, text),
  );

test("a value is read as it was written, however it was written", () => {
  fc.assert(
    fc.property(spelledJson, ({ value, text }) => {
      expect(described(parseJson(text))).toBe(described(value));
      expect(described(parseJson(encoder.encode(text)))).toBe(described(value));
    }),
    { numRuns: 2_000 },
  );
});

test("the quick way and the exact reader agree on values and on errors", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        spelledJson.map(({ text }) => text),
      ),
      (text) => {
        fc.pre(!text.startsWith("\ufeff"));
        expect(outcome(() => parseJson(text))).toBe(outcome(() => parseExactly(text, 256)));
      },
    ),
    { numRuns: 5_000 },
  );
});

test("the engine refuses whatever the exact reader calls a syntax error, and accepts whatever that reads", () => {
  fc.assert(
    fc.property(damaged, (text) => {
      const exact = outcome(() => parseExactly(text, 10_000));
      const engine = succeeds(() => JSON.parse(text));
      if (exact.startsWith("JSON_SYNTAX")) expect(engine).toBe(false);
      if (!exact.startsWith("JSON_")) expect(engine).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

test("arbitrary text and bytes give a value or an error with a place, never a crash", () => {
  const soup = fc.string({
    unit: fc.constantFrom(...'{}[]",:\\u0123456789dDfeE+-. \ntruefalsn\ud83d\ude00é'),
    maxLength: 60,
  });
  fc.assert(
    fc.property(
      fc.oneof(soup, fc.string({ unit: "binary" }), fc.uint8Array(), fc.uint8Array().map(asText)),
      (source) => {
        outcome(() => parseJson(source));
      },
    ),
    { numRuns: 5_000 },
  );
});

function asText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

test("bytes that are valid but for one flipped bit never crash the reader", () => {
  fc.assert(
    fc.property(spelledJson, fc.nat(), fc.nat({ max: 7 }), ({ text }, at, bit) => {
      const bytes = encoder.encode(text);
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
      outcome(() => parseJson(bytes));
    }),
    { numRuns: 3_000 },
  );
});

test("canonical text is a fixpoint and does not depend on how the value was written", () => {
  fc.assert(
    fc.property(spelledJson, ({ value, text }) => {
      const canonical = canonicalJson(parseJson(text));
      expect(canonical).toBe(canonicalJson(value));
      expect(canonicalJson(parseJson(canonical))).toBe(canonical);
      expect(canonicalJson(parseJson(prettyJson(value)))).toBe(canonical);
      expect(canonicalJson(parseJson(lineJson(value)))).toBe(canonical);
    }),
    { numRuns: 1_000 },
  );
});

test("the writers agree with a plain rendering of the rules", () => {
  fc.assert(
    fc.property(spelledJson, ({ value }) => {
      expect(canonicalJson(value)).toBe(rendered(value, ",", ":", (text) => text));
      expect(lineJson(value)).toBe(rendered(value, ", ", ": ", asciiOnly));
      expect(prettyJson(value)).toMatch(/^[\n\x20-\x7e]+$/);
      expect(
        prettyJson(value)
          .replace(/\n */g, " ")
          .replace(/([[{]) | (?=[\]}])/g, "$1"),
      ).toBe(
        lineJson(value)
          .replace(/\n */g, " ")
          .replace(/([[{]) | (?=[\]}])/g, "$1"),
      );
      expect(fingerprint(value)).toBe(sha256Hex(canonicalJson(value)));
    }),
    { numRuns: 1_000 },
  );
});

/** The rules of canonical text, said once more in the slowest way. */
function rendered(value: JsonValue, comma: string, colon: string, spell: (text: string) => string): string {
  if (typeof value === "string") return spell(JSON.stringify(value));
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : pythonFloat(value);
  if (value instanceof JsonFloat) return pythonFloat(value.value);
  const inner = (item: JsonValue) => rendered(item, comma, colon, spell);
  if (Object.getPrototypeOf(value) === Array.prototype)
    return `[${Object.values(value).map(inner).join(comma)}]`;
  const members = Object.entries(value).sort(([left], [right]) => byCodePoint(left, right));
  return `{${members.map(([key, member]) => spell(JSON.stringify(key)) + colon + inner(member)).join(comma)}}`;
}

function byCodePoint(left: string, right: string): number {
  const a = [...left].map((character) => character.codePointAt(0) ?? 0);
  const b = [...right].map((character) => character.codePointAt(0) ?? 0);
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    if (a[at] !== b[at]) return (a[at] ?? 0) - (b[at] ?? 0);
  }
  return a.length - b.length;
}

function asciiOnly(text: string): string {
  return [...Array(text.length).keys()]
    .map((at) => text.charCodeAt(at))
    .map((unit) => (unit < 0x7f ? String.fromCharCode(unit) : `\\u${unit.toString(16).padStart(4, "0")}`))
    .join("");
}

/** From the digits and the exponent of the scientific form, as Python's `repr` puts them together. */
function pythonFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa = "", power = ""] = Math.abs(value).toExponential().split("e");
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const width = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${width}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}
