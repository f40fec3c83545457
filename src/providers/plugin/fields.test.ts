import { expect, test } from "bun:test";
import fc from "fast-check";
import { asDesired, comparedByDiff, comparedByFields } from "./fields.ts";

const seen = (fields: Record<string, string | number>, hash?: string) => ({
  exists: true,
  health: "healthy" as const,
  fields,
  ...(hash === undefined ? {} : { observed_hash: hash }),
});

test("a plugin's diff makes a difference exactly where it says one", () => {
  const paths = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "__proto__"));
  const values = fc.dictionary(fc.constantFrom("a", "b", "c", "e"), fc.integer({ min: 0, max: 9 }));
  fc.assert(
    fc.property(values, paths, (fields, changed) => {
      const { fields: found, wanted } = comparedByDiff(
        seen(fields),
        changed.map((key) => ({ path: [key], to: "new" })),
      );
      expect(JSON.stringify(found)).toBe(JSON.stringify(fields));
      const own = (object: object, key: string) => new Map(Object.entries(object)).get(key);
      const keys = new Set([...Object.keys(found), ...Object.keys(wanted)]);
      const differing = [...keys].filter((key) => own(found, key) !== own(wanted, key)).sort();
      expect(differing).toEqual([...changed].sort());
    }),
  );
});

test("what is to be gone is gone, what was not told of is told, and lists are reached into", () => {
  const { fields, wanted } = comparedByDiff(
    { exists: true, health: "healthy", fields: { ports: [{ port: 1 }, { port: 2 }], old: true } },
    [
      { path: ["ports", "1", "port"], from: 2, to: 3 },
      { path: ["ports", "-"], to: { port: 4 } },
      { path: ["old"], from: true },
      { path: ["deep", "hidden"], from: "x", to: "y" },
    ],
  );
  expect(fields).toEqual({ ports: [{ port: 1 }, { port: 2 }], old: true, deep: { hidden: "x" } });
  expect(wanted).toEqual({ ports: [{ port: 1 }, { port: 3 }, { port: 4 }], deep: { hidden: "y" } });
});

test("without a diff the fields that both name are compared, and the hash shows the rest", () => {
  const intent = { size: 2, colour: "oak", secret: "unknown to the fields" };
  expect(comparedByFields(seen({ size: 1, colour: "oak", at: "12:00" }, "old"), intent, "new")).toEqual({
    fields: { size: 1, colour: "oak", at: "12:00", observed_hash: "old" },
    wanted: { size: 2, colour: "oak", at: "12:00", observed_hash: "new" },
  });
  expect(comparedByFields(seen({ size: 2 }), intent, "new")).toEqual({
    fields: { size: 2 },
    wanted: { size: 2 },
  });
  expect(asDesired(seen({ size: 1 }, "new"))).toEqual({ fields: { size: 1 }, wanted: { size: 1 } });
});
