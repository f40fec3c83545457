import { expect, test } from "bun:test";
import fc from "fast-check";
import { attachmentSuffix, documentedSlug, fileNames } from "./names.ts";

test("slugs are the documented ones", () => {
  const slugs = ["a", "a.", "-a", "a/b", "a b", "...", "", "slo.checkout-5xx", "é"].map(documentedSlug);
  expect(slugs).toEqual(["a", "a", "a", "a_b", "a_b", "binding", "binding", "slo.checkout-5xx", "binding"]);
});

test("an id that is alone with its slug keeps it; ids that share one are told apart, in whatever order they come", () => {
  const names = fileNames(["b", "a.", "a", "A"]);
  expect(names.slug("b")).toBe("b");
  const shared = ["a", "a.", "A"].map(names.slug);
  expect(new Set(shared.map((slug) => slug.toLowerCase())).size).toBe(3);
  for (const slug of shared) expect(slug).toMatch(/^[aA]-[0-9a-f]{8}$/);
  expect(["a", "a.", "A"].map(fileNames(["A", "a", "b", "a."]).slug)).toEqual(shared);
});

test("an id that looks like another one with its digest does not take its file", () => {
  const [shared = ""] = ["a."].map(fileNames(["a", "a."]).slug);
  const names = fileNames(["a", "a.", shared]);
  expect(new Set(["a", "a.", shared].map(names.slug)).size).toBe(3);
  expect(names.slug(shared)).toBe(shared);
});

test("no two bindings ever name the same file, on no file system", () => {
  // Few letters and the ends that files have, so that ids nearly collide all the time.
  const id = fc
    .array(fc.constantFrom("a", "A", ".", "-", "_", "/", ".response", ".json", ".txt", ".x", "-1"), {
      minLength: 0,
      maxLength: 5,
    })
    .map((parts) => parts.join(""));
  const rests = [
    "response.json",
    "error.txt",
    "x.response.json",
    "response.x.json",
    "x.png",
    "response.response.json",
  ];
  fc.assert(
    fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 8 }), (ids) => {
      const names = fileNames(ids);
      const owners = new Map<string, string>();
      for (const each of ids) {
        for (const rest of rests) {
          const file = names.fileName(each, rest).toLowerCase();
          expect(file).toMatch(/^[a-z0-9_.-]+$/);
          expect(file).not.toMatch(/^\.+$/);
          const owner = owners.get(file);
          if (owner !== undefined) expect(owner).toBe(each);
          owners.set(file, each);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test("names fit a file system, however long ids and attachments are", () => {
  const ids = ["x".repeat(128), `${"x".repeat(128)}.`, "y".repeat(1_000)];
  const names = fileNames(ids);
  for (const id of ids) {
    const name = names.fileName(id, attachmentSuffix(`${"é".repeat(300)}.png`));
    expect(Buffer.byteLength(name)).toBeLessThan(225);
    expect(name).toEndWith(".png");
  }
});
