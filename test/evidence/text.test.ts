import { expect, test } from "bun:test";
import fc from "fast-check";
import { compactText, prettyLines } from "../../src/evidence/fast-text.ts";
import { ArrayText, prettyAt } from "../../src/evidence/pretty.ts";
import { canonicalJson, prettyJson } from "../../src/json/canonical.ts";
import { JsonFloat, type JsonValue } from "../../src/json/value.ts";

const keys = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "Z",
    "_",
    "9",
    "10",
    "",
    "__proto__",
    "constructor",
    "é",
    "\uffee",
    "😀",
    "x\u007f",
  ),
  fc.string({ unit: "grapheme", maxLength: 4 }),
);
const leaves: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n }),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (Number.isInteger(value) ? new JsonFloat(value) : value)),
  fc.constantFrom(1e-7, 1.5e300, -0.1, 123456.789e-9),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("\u2028", "\u007f", "\u0001", '"\\', "😀"),
);
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaves,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs)),
  ),
})).value;

test("the fast texts are byte for byte those of the JSON room", () => {
  fc.assert(
    fc.property(values, fc.nat(3), (value, depth) => {
      expect(compactText(value)).toBe(canonicalJson(value));
      const pad = "  ".repeat(depth);
      expect(prettyLines(depth, value)).toBe(pad + prettyJson(value).replaceAll("\n", `\n${pad}`));
      expect(pad + prettyAt(depth, value)).toBe(prettyLines(depth, value));
    }),
    { numRuns: 3_000 },
  );
});

test("an array written item by item is the array", () => {
  fc.assert(
    fc.property(fc.array(values, { maxLength: 4 }), (items) => {
      const text = new ArrayText();
      expect(items.map((item) => text.item(item)).join("") + text.end()).toBe(prettyJson(items));
      const inner = new ArrayText(1);
      const nested = items.map((item) => inner.item(item)).join("") + inner.end();
      expect(`{\n  "spans": ${nested}\n}`).toBe(prettyJson({ spans: items }));
    }),
  );
});
