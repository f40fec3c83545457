/**
 * Random JSON values together with one of the many ways in which each may be written.
 * The value is known from the start, so nothing of the reader under test is needed to say what a text means.
 */
import fc from "fast-check";
import { type MutableJsonObject, setMember } from "../../src/json/member.ts";
import { JsonFloat, type JsonValue } from "../../src/json/value.ts";

export interface Spelled {
  readonly value: JsonValue;
  readonly text: string;
}

const blanks = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 2 });

const hex = (unit: number, upper: boolean) => {
  const digits = unit.toString(16).padStart(4, "0");
  return `\\u${upper ? digits.toUpperCase() : digits}`;
};

/** One character, raw where it may be, or as an escape. */
const character: fc.Arbitrary<{ readonly raw: string; readonly written: string }> = fc
  .tuple(
    fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      fc.constantFrom(
        '"',
        "\\",
        "/",
        "\b",
        "\f",
        "\n",
        "\r",
        "\t",
        "0",
        "e",
        ":",
        "{",
        "]",
        "\u007f",
        "\u2028",
        "\uffee",
        "😀",
      ),
    ),
    fc.constantFrom("raw", "lower", "upper", "short"),
  )
  .map(([raw, how]) => {
    const escaped = [...Array(raw.length).keys()]
      .map((at) => hex(raw.charCodeAt(at), how === "upper"))
      .join("");
    const short = JSON.stringify(raw).slice(1, -1);
    if (how === "lower" || how === "upper") return { raw, written: escaped };
    if (how === "short" && raw === "/") return { raw, written: "\\/" };
    return { raw, written: short };
  });

const string: fc.Arbitrary<{ readonly raw: string; readonly written: string }> = fc
  .oneof(
    fc.array(character, { maxLength: 12 }),
    fc
      .constantFrom(
        "",
        "__proto__",
        "constructor",
        "toString",
        "length",
        "0",
        "10",
        "9",
        "4294967295",
        "00",
        "-1",
        "1.5",
      )
      .map((raw) => [{ raw, written: raw }]),
    fc
      .constantFrom("10", "__proto__")
      .map((raw) => [{ raw, written: [...raw].map((c) => hex(c.charCodeAt(0), false)).join("") }]),
  )
  .map((characters) => ({
    raw: characters.map((one) => one.raw).join(""),
    written: `"${characters.map((one) => one.written).join("")}"`,
  }));

const integer: fc.Arbitrary<Spelled> = fc.oneof(
  fc
    .maxSafeInteger()
    .map((value) => ({ value: value === 0 ? 0 : value, text: String(value === 0 ? 0 : value) })),
  fc
    .constantFrom(0, 1, -1, 9007199254740991, -9007199254740991)
    .map((value) => ({ value, text: String(value) })),
  fc.constant({ value: 0, text: "-0" }),
  fc
    .bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    .filter((value) => !Number.isSafeInteger(Number(value)))
    .map((value) => ({ value, text: value.toString() })),
);

const double: fc.Arbitrary<Spelled> = fc
  .tuple(
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer().map((value) => value / 4),
      fc.integer({ min: 0, max: 2 ** 20 }).map((value) => value + 1 - 2 ** -32),
      fc.constantFrom(
        0,
        -0,
        1e15,
        1e16,
        1e-4,
        1e-5,
        5e-324,
        1.7976931348623157e308,
        2 ** 53,
        4503599627370495.5,
      ),
    ),
    fc.constantFrom("plain", "exponent", "capital", "padded"),
  )
  .map(([value, how]) => ({
    value: Number.isInteger(value) ? new JsonFloat(value) : value,
    text: spelledDouble(value, how),
  }));

function spelledDouble(value: number, how: string): string {
  const signed = Object.is(value, -0) ? "-0" : String(value);
  const exponential = Object.is(value, -0) ? "-0e+0" : value.toExponential();
  if (how === "exponent") return exponential;
  if (how === "capital") return exponential.replace("e", "E").replace("E+", "E");
  const positional = signed.includes("e") || signed.includes(".") ? signed : `${signed}.0`;
  return how === "padded" && !positional.includes("e") ? `${positional}00` : positional;
}

const { spelled } = fc.letrec<{ spelled: Spelled; array: Spelled; object: Spelled }>((tie) => ({
  spelled: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom<Spelled>(
      { value: null, text: "null" },
      { value: true, text: "true" },
      { value: false, text: "false" },
    ),
    integer,
    double,
    string.map(({ raw, written }) => ({ value: raw, text: written })),
    tie("array"),
    tie("object"),
  ),
  array: fc
    .tuple(blanks, fc.array(fc.tuple(tie("spelled"), blanks), { maxLength: 5 }))
    .map(([gap, items]) => ({
      value: items.map(([item]) => item.value),
      text: `[${gap}${items.map(([item, blank]) => `${blank}${item.text}${blank}`).join(",")}]`,
    })),
  object: fc
    .tuple(
      blanks,
      fc.uniqueArray(fc.tuple(string, tie("spelled"), blanks), {
        maxLength: 5,
        selector: ([key]) => key.raw,
      }),
    )
    .map(([gap, members]) => {
      const value: MutableJsonObject = {};
      for (const [key, member] of members) setMember(value, key.raw, member.value);
      const texts = members.map(
        ([key, member, blank]) => `${blank}${key.written}${blank}:${blank}${member.text}${blank}`,
      );
      return { value, text: `{${gap}${texts.join(",")}}` };
    }),
}));

/** A value and a text that means it. */
export const spelledJson: fc.Arbitrary<Spelled> = fc
  .tuple(blanks, spelled, blanks)
  .map(([before, { value, text }, after]) => ({ value, text: `${before}${text}${after}` }));

/** All that matters about a value, as text: the kind of each number, the sign of zero, members whatever their order. */
export function described(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return `string ${JSON.stringify(value)}`;
  if (typeof value === "number") return `number ${Object.is(value, -0) ? "-0" : value}`;
  if (value instanceof JsonFloat) return `float ${Object.is(value.value, -0) ? "-0" : value.value}`;
  if (typeof value !== "object") return `${typeof value} ${value}`;
  if (Object.getPrototypeOf(value) === Array.prototype)
    return `[${Object.values(value).map(described).join(", ")}]`;
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new Error("a foreign prototype");
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}: ${described(member)}`,
  );
  return `{${members.sort().join(", ")}}`;
}
