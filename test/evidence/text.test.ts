import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { TextBlock } from "../../src/evidence/text/block.ts";
import { BlockPipe } from "../../src/evidence/text/pipe.ts";
import { ArrayText, prettyAt } from "../../src/evidence/text/pretty.ts";
import { createArrayFile, createLineFile } from "../../src/evidence/text/row-file.ts";
import { RowReader } from "../../src/evidence/text/row-reader.ts";
import { RowWriter } from "../../src/evidence/text/row-writer.ts";
import { canonicalJson, prettyJson } from "../../src/json/canonical.ts";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, JsonFloat, type JsonValue } from "../../src/json/value.ts";

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
const scalars: fc.Arbitrary<JsonValue> = fc.oneof(
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
  fc.string({ unit: "grapheme-ascii", minLength: 60, maxLength: 90 }),
  fc.constantFrom("\u2028", "\u007f", "\u0001", '"\\', '\\"', "😀", "a:b,c}d]", "0"),
);
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc.array(tie("value"), { maxLength: 4 }),
    fc
      .array(fc.tuple(keys, tie("value")), { maxLength: 5 })
      // As a reader makes them: no key reaches the prototype.
      .map((pairs) => Object.fromEntries(pairs)),
  ),
})).value;

/** The value with scalars exchanged here and there: `fresh` is asked at each of them. */
function variant(value: JsonValue, fresh: () => JsonValue | undefined): JsonValue {
  if (isJsonArray(value)) return value.map((item) => variant(item, fresh));
  if (!isJsonObject(value)) return fresh() ?? value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, variant(child, fresh)]));
}

/** What a run's rows are: a few kinds, mixed, each differing here and there from row to row. */
const rows = fc
  .tuple(
    fc.array(values, { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.tuple(fc.nat(2), fc.array(fc.option(scalars, { nil: undefined, freq: 2 }), { maxLength: 8 })),
      {
        maxLength: 12,
      },
    ),
  )
  .map(([kinds, picks]) =>
    picks.map(([kind, exchanged]) => {
      const next = exchanged[Symbol.iterator]();
      return variant(kinds[kind % kinds.length] ?? null, () => next.next().value);
    }),
  );

test("rows that are alike are written byte for byte as the JSON room writes each of them", () => {
  fc.assert(
    fc.property(rows, fc.nat(3), (sequence, depth) => {
      const pretty = new RowWriter({ form: "pretty", depth });
      const compact = new RowWriter({ form: "compact", depth: 0 });
      const block = new TextBlock();
      for (const row of sequence) {
        block.clear();
        pretty.write(block, row);
        expect(Buffer.from(block.since(0)).toString()).toBe(prettyAt(depth, row));
        const start = block.length;
        compact.write(block, row);
        expect(Buffer.from(block.since(start)).toString()).toBe(canonicalJson(row));
      }
    }),
    { numRuns: 3_000 },
  );
});

test("texts that are alike are read as the JSON room reads each of them", () => {
  fc.assert(
    fc.property(rows, fc.boolean(), (sequence, spaced) => {
      const reader = new RowReader();
      for (const row of sequence) {
        const text = spaced ? prettyJson(row) : canonicalJson(row);
        const value = reader.read(text);
        expect(value).toEqual(parseJson(text));
        expect(canonicalJson(value)).toBe(canonicalJson(row));
      }
    }),
    { numRuns: 3_000 },
  );
});

test("keys that the engine lists in another order than the text keep their values", () => {
  const reader = new RowReader();
  const read = (text: string) => canonicalJson(reader.read(text));
  for (const text of [
    '{"10":0,"9":0,"a":1}',
    '{"10":0,"9":0,"a":2}',
    '{"10":1,"9":2,"a":3}',
    '{"10":3,"9":4,"a":3}',
  ]) {
    expect(read(text)).toBe(text);
  }
});

test("a text that is no JSON is refused however much it looks like those before it", () => {
  const reader = new RowReader();
  for (const id of ["a", "b", "c"]) expect(reader.read(`{"id":"${id}","n":1}`)).toEqual({ id, n: 1 });
  const broken = [
    '{"id":"d","n":01}',
    '{"id":"d","n":1',
    '{"id":"\u0001","n":1}',
    '{"id":"\\","n":1}',
    '{"id":,"n":1}',
  ];
  for (const text of [...broken, '{"id":"d","n":1}}', '{"id":"d"","n":1}', '{"id":d,"n":1}']) {
    expect(() => reader.read(text)).toThrow();
  }
});

test("rows of more kinds than are remembered, very long and very wide ones come out right, too", () => {
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index]));
  const kinds = Array.from({ length: 40 }, (_, index) => ({ [`only${index}`]: index }));
  const long = { text: "é".repeat(400_000), id: 1 };
  const writer = new RowWriter({ form: "compact", depth: 0 });
  const reader = new RowReader();
  const block = new TextBlock();
  for (const row of [wide, long, ...kinds, ...kinds, { ...long, id: 2 }, { ...wide, k7: "x" }]) {
    block.clear();
    writer.write(block, row);
    const text = Buffer.from(block.since(0)).toString();
    expect(text).toBe(canonicalJson(row));
    expect(reader.read(text)).toEqual(row);
  }
});

test("a value that was read stays what it is when others like it are read", () => {
  const reader = new RowReader();
  const texts = ["a", "b", "c", "d"].map((id) => `{"id":"${id}","same":{"x":[1,{"y":2}]},"list":["${id}"]}`);
  const read = texts.map((text) => reader.read(text));
  expect(read).toEqual(texts.map((text) => parseJson(text)));
});

test("a file of rows is the array, or the lines, that was added, and its digest is that of the whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "akc-rows-"));
  try {
    for (const sequence of fc.sample(rows, 40)) {
      const array = await createArrayFile(join(folder, "array.json"), { fingerprinted: true });
      const inner = await createArrayFile(join(folder, "inner.json"), {
        around: { before: '{\n  "spans": ', after: "\n}" },
      });
      const lines = await createLineFile(join(folder, "lines.jsonl"), true);
      for (const row of sequence) {
        array.add(row);
        inner.add(row);
        expect(Buffer.from(lines.add(row)).toString()).toBe(canonicalJson(row));
        for (const file of [array, inner, lines]) await file.flush();
      }
      expect(await array.finish()).toBe(fingerprint(sequence));
      expect(await inner.finish()).toBe("");
      const digest = await lines.finish();
      expect(readFileSync(join(folder, "array.json"), "utf8")).toBe(prettyJson(sequence));
      expect(readFileSync(join(folder, "inner.json"), "utf8")).toBe(prettyJson({ spans: sequence }));
      if (sequence.length === 0) {
        expect(digest).toBeUndefined();
        continue;
      }
      const text = readFileSync(join(folder, "lines.jsonl"), "utf8");
      expect(text).toBe(sequence.map((row) => `${canonicalJson(row)}\n`).join(""));
      expect(digest).toBe(sha256Hex(text));
      rmSync(join(folder, "lines.jsonl"));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("blocks are written in order, none while another is, and a failure is told to whoever waits next", async () => {
  const written: string[] = [];
  let writing = 0;
  const pipe = new BlockPipe(async (bytes) => {
    writing += 1;
    expect(writing).toBe(1);
    const before = sha256Hex(bytes);
    await Bun.sleep(1);
    expect(sha256Hex(bytes)).toBe(before);
    written.push(Buffer.from(bytes).toString());
    writing -= 1;
    if (written.length === 20) throw new Error("the disk is full");
  });
  const expected: string[] = [];
  const add = (text: string) => {
    pipe.block.text(text);
    expected.push(text);
  };
  const failing = async () => {
    for (let index = 0; index < 200; index += 1) {
      add(`${index}:${"x".repeat((index * 7_919) % 400_000)}`);
      await pipe.flush();
    }
  };
  expect(await failing().catch(String)).toBe("Error: the disk is full");
  await pipe.settled();
  expect(written).toHaveLength(20);
  const waiting = Buffer.from(pipe.block.since(0)).toString();
  expect(sha256Hex(written.join("") + waiting)).toBe(sha256Hex(expected.join("")));
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

test("a block takes room for what it was given, not for the longest run", () => {
  const block = new TextBlock();
  block.text("a short run\n");
  expect(block.since(0).buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  const long = "é".repeat(300_000);
  block.text(long);
  expect(new TextDecoder().decode(block.since(0))).toBe(`a short run\n${long}`);
});
