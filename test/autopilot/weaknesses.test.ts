/** Each numbered weakness of the old autopilot is held by a test that is named in the documentation, and that is there. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

function numbered(first: number, last: number): readonly string[] {
  return Array.from(
    { length: last - first + 1 },
    (_, index) => `W-${String(first + index).padStart(2, "0")}`,
  );
}

test("the table names a test that exists for every weakness", () => {
  const page = readFileSync(join(root, "docs/compatibility.md"), "utf8");
  const rows = [...page.matchAll(/^\| cli:(W-\d\d[a-z]?) \| `([^`]+)` \| (.+) \|$/gm)].map(
    ([, weakness = "", file = "", name = ""]) => ({ weakness, file, name }),
  );
  expect(rows.map(({ weakness }) => weakness).filter((weakness) => /\d$/.test(weakness))).toEqual([
    ...numbered(1, 29),
    ...numbered(55, 68),
  ]);
  for (const { weakness, file, name } of rows) {
    const path = join(root, file);
    const isThere = existsSync(path) && readFileSync(path, "utf8").includes(`"${name}"`);
    expect({ weakness, file, name, isThere }).toEqual({ weakness, file, name, isThere: true });
  }
});
