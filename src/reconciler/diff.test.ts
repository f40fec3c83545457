/** What counts as a difference, and what does not. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { diffFields } from "./diff.ts";

const plains = fc.dictionary(
  fc.constantFrom("a", "b/c", "d~e", "__proto__", "constructor"),
  fc.jsonValue({ maxDepth: 2 }),
);

function read(plain: unknown): JsonObject {
  const value = fromPlain(plain);
  return isJsonObject(value) ? value : {};
}

const objects = plains.map(read);

test("nothing differs from itself, whatever it is and wherever it was read from", () => {
  fc.assert(fc.property(plains, (one) => expect(diffFields(read(one), read(one)).changes).toEqual([])));
});

test("what differs one way differs the other way, at the same places with the values changed over", () => {
  fc.assert(
    fc.property(objects, objects, (one, other) => {
      const there = diffFields(one, other).changes;
      const back = diffFields(other, one).changes;
      expect(back.map(({ path, from, to }) => [path, to, from])).toEqual(
        there.map(({ path, from, to }) => [path, from, to]),
      );
    }),
  );
});

test("fields are named by pointer, with what is missing left out", () => {
  const found = { same: 1, gone: true, deep: { list: [1, 2], longer: [1] } };
  const wanted = { same: 1, "new/er~": null, deep: { list: [1, 3], longer: [1, 2] } };
  expect(diffFields(found, wanted).changes).toEqual([
    { path: "/deep/list/1", from: 2, to: 3 },
    { path: "/deep/longer", from: [1], to: [1, 2] },
    { path: "/gone", from: true },
    { path: "/new~1er~0", to: null },
  ]);
});

test("no value and null are two things, and so are false and nothing", () => {
  expect(diffFields({}, { a: null }).changes).toEqual([{ path: "/a", to: null }]);
  expect(diffFields({ a: false }, {}).changes).toEqual([{ path: "/a", from: false }]);
});

test("what is to be ignored is told as ignored, with all that lies below it and nothing beside it", () => {
  const found = {
    env: { A: 1, AB: 1 },
    ports: [
      { at: 1, name: "x" },
      { at: 2, name: "y" },
    ],
    n: 1,
  };
  const wanted = {
    env: { A: 2, AB: 2 },
    ports: [
      { at: 3, name: "x" },
      { at: 4, name: "z" },
    ],
    n: 2,
  };
  const { changes, ignored } = diffFields(found, wanted, ["/env/A", "/ports/*/at"]);
  expect(ignored).toEqual(["/env/A", "/ports/0/at", "/ports/1/at"]);
  expect(changes.map(({ path }) => path)).toEqual(["/env/AB", "/n", "/ports/1/name"]);
  expect(diffFields(found, wanted, ["/env", "/ports", "/n"]).changes).toEqual([]);
});

test("what is more than can be shown is counted, and is no less a difference", () => {
  const keys = Array.from({ length: limits.diffFieldsMax + 3 }, (_, index) => `k${index}`);
  const { changes, omitted } = diffFields({}, Object.fromEntries(keys.map((key) => [key, 1])));
  expect([changes.length, omitted]).toEqual([limits.diffFieldsMax, 3]);
});
