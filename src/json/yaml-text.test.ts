import { expect, test } from "bun:test";
import * as v from "valibot";
import { shapeOf } from "./yaml-shape.ts";
import { readYamlAs, type YamlReading } from "./yaml-text.ts";

const Schema = v.strictObject({ things: v.record(v.string(), v.unknown()) });

function read(text: string): YamlReading<v.InferOutput<typeof Schema>> {
  return readYamlAs(text, {
    schema: Schema,
    shape: shapeOf(Schema),
    bytesMax: 4 * 1024 * 1024,
    leastText: "things: {}",
    messageFor: (issue) => issue.message,
    faultsIn: (raw) =>
      JSON.stringify(raw).includes("odd") ? [{ path: ["things", "odd"], message: "odd", at: "key" }] : [],
  });
}

function faults(text: string): readonly string[] {
  const reading = read(text);
  return reading.kind === "read"
    ? []
    : reading.issues.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test("a key that stands twice is a fault in every map, however it is written", () => {
  expect(faults("things: {a: 1, b: [{x: 1, x: 2}]}\nthings: {}")).toEqual([
    "1:27 Map keys must be unique",
    "2:1 Map keys must be unique",
  ]);
  expect(faults('things: {1: a, "1": b}')).toEqual(["1:16 Map keys must be unique"]);
  expect(faults("things: {a: {x: 1}, b: {x: 1}}")).toEqual([]);
});

test("a key that is no word is a fault in every map", () => {
  expect(faults("things: {a: {[x]: 1}}")).toEqual(["1:14 a key must be a word"]);
  expect(faults("things: {a: {? : 1}}")[0]).toEndWith("a key must be a word");
});

test("what depends on what is written is told beside what the schema tells, in the order of the text", () => {
  expect(faults("thing: 1\nthings: {odd: 1}\nthingz: 2")).toEqual([
    "1:1 unknown key `thing`; did you mean `things`?",
    "2:10 odd",
    "3:1 unknown key `thingz`; did you mean `things`?",
  ]);
});

test("the places of all keys of a map are those in the text", () => {
  const reading = read("things:\n  a: 1\n  b: 2\n");
  if (reading.kind !== "read") throw new Error("not read");
  expect([...reading.keyPlaces(["things"])]).toEqual([
    ["a", { line: 2, column: 3 }],
    ["b", { line: 3, column: 3 }],
  ]);
  expect(reading.keyPlaces(["none", "there"]).size).toBe(0);
});

test("a text that is nothing but nesting is refused before it costs anything", () => {
  const deep = "the file is nested too deeply";
  for (const text of ["[", "{", "- ", "? ", "[{", "-\t"].map((part) =>
    part.repeat(2_000_000 / part.length),
  )) {
    const startedMs = performance.now();
    expect(faults(text)[0]).toEndWith(deep);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  }
  expect(faults(`things: {a: ${"[".repeat(250)}${"]".repeat(250)}}`)).toEqual([]);
  expect(faults(`things: {a: ${"[".repeat(260)}${"]".repeat(260)}}`)[0]).toEndWith(deep);
  // Brackets within texts nest nothing.
  expect(faults(`things: {a: "${"[".repeat(1_000)}"}\n# ${"[".repeat(1_000)}`)).toEqual([]);
  expect(faults(`things:\n  a: |\n    ${"[".repeat(1_000)}\n  b: x${"[".repeat(1_000)}`)).toEqual([]);
});

test("faults by the hundred thousand take seconds, not hours", () => {
  const startedMs = performance.now();
  const keys = Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join("\n");
  expect(faults(`${keys}\nthings: {}`).length).toBe(100_000);
  expect(faults(`things: {${"a,".repeat(200_000)}}`).length).toBeGreaterThan(1_000);
  expect(performance.now() - startedMs).toBeLessThan(30_000);
}, 60_000);
