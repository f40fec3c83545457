/** What is written of observations stays below its folder, is whole, and never points at what is not there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import fc from "fast-check";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { writeObservations } from "../../src/validation/execution/artifact/write.ts";
import { answer, binding, execute, folder } from "./execution-world.ts";

let root = "";
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "akc-observed-")));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const filesBelow = (place: string) =>
  readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());

test("every file lies below the folder under a name of its own, whatever ids and attachments are called", async () => {
  const odd = fc.constantFrom(
    "../x",
    "..",
    "a/b",
    "a",
    "a.",
    "A",
    "é\u202e",
    "a.response",
    "response.json",
    "error.txt",
    " ",
    "x".repeat(200),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(odd, { minLength: 1, maxLength: 6 }),
      fc.uniqueArray(odd, { maxLength: 4 }),
      async (ids, names) => {
        const scope = mkdtempSync(join(root, "scope-"));
        const observations = await execute(
          ids.map((id) => binding(id)),
          () =>
            answer("pass", {
              attachments: names.map((name) => ({
                name,
                mediaType: "x",
                bytes: new TextEncoder().encode(name),
              })),
            }),
        );
        const artifacts = await writeObservations(scope, observations);
        expect(artifacts).toHaveLength(ids.length);
        const found = filesBelow(scope);
        for (const { parentPath } of found) {
          expect(`${parentPath}${sep}`.startsWith(join(scope, folder) + sep)).toBe(true);
        }
        expect(found).toHaveLength(observations.reduce((sum, { files }) => sum + files.length, 0));
        for (const { path, sha256 } of observations.flatMap(({ files }) => files)) {
          expect(sha256Hex(readFileSync(join(scope, path)))).toBe(sha256);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a second time replaces the files of the first", async () => {
  for (const verdict of ["pass", "fail"] as const) {
    await writeObservations(root, await execute([binding("b1")], () => answer(verdict)));
  }
  const text = readFileSync(join(root, folder, "b1.observability_query_result.json"), "utf8");
  expect(JSON.parse(text)).toMatchObject({ verdict: "fail" });
  expect(filesBelow(root)).toHaveLength(1);
});

test("a link that leads out is not followed, and nothing is written behind it", async () => {
  const outside = mkdtempSync(join(root, "outside-"));
  const scope = mkdtempSync(join(root, "scope-"));
  mkdirSync(join(scope, ".akc"));
  symlinkSync(outside, join(scope, ".akc", "verification"));
  const observations = await execute([binding("b1")], () => answer("pass"));
  await expect(writeObservations(scope, observations)).rejects.toMatchObject({ code: "PATH_UNSAFE" });
  expect(readdirSync(outside)).toEqual([]);
});

test("a link where an artifact is to be is replaced, and what it leads to stays as it is", async () => {
  const name = "b1.observability_query_result.json";
  mkdirSync(join(root, folder), { recursive: true });
  const other = join(root, "other.json");
  writeFileSync(other, "mine");
  symlinkSync(other, join(root, folder, name));
  await writeObservations(root, await execute([binding("b1")], () => answer("pass")));
  expect(readFileSync(other, "utf8")).toBe("mine");
  expect(lstatSync(join(root, folder, name)).isSymbolicLink()).toBe(false);
});

test("where an artifact cannot be written the reason is typed, and no half of it is left", async () => {
  writeFileSync(join(root, ".akc"), "a file");
  const observations = await execute([binding("b1")], () => answer("pass"));
  await expect(writeObservations(root, observations)).rejects.toMatchObject({ code: "OUTPUTS_UNWRITABLE" });
  expect(readdirSync(root)).toEqual([".akc"]);
});
