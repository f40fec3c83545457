/** The kit's checks of `provider/observe_all`: what a right plugin passes, and the check that finds each wrong one. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, faults } from "../plugins/conforming.ts";
import { shelf, shelfCases, shelfManifest } from "./shelf-plugin.ts";

const parent = mkdtempSync(join(tmpdir(), "akc-test-kit-all-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
let made = 0;

function shelfWith(right = "", wrong = ""): string {
  made += 1;
  const folder = join(parent, String(made));
  mkdirSync(folder);
  expect(shelf).toContain(right);
  writeFileSync(
    join(folder, "index.ts"),
    shelf.replace(right, () => wrong),
  );
  writeFileSync(join(folder, "plugin.yaml"), shelfManifest);
  writeFileSync(join(folder, "plugin.test.yaml"), shelfCases);
  return folder;
}

test("a provider that looks at all at once conforms, and nothing of it is skipped", async () => {
  const result = await conformance(shelfWith());
  expect(faults(result)).toEqual([]);
  expect(result.rows.some(({ check }) => check === "shelf: a drawer: observe_all")).toBe(true);
  expect(result.rows.filter(({ verdict }) => verdict === "skip")).toEqual([]);
}, 60_000);

const seeing = "observed: see(call.settings, resourceId)";
const wrongs: readonly (readonly [string, string, string, string])[] = [
  [
    "forgets one that it was asked about",
    '(id) => id !== "forgotten"',
    '(id) => id !== "one"',
    "one 0 times",
  ],
  ["tells of one twice", "return [...ids].filter", "return [...ids, ...ids].filter", "one 2 times"],
  [
    "tells another version",
    seeing,
    'observed: { ...see(call.settings, resourceId), version: "v" }',
    "version",
  ],
  [
    "tells of what is not there",
    seeing,
    "observed: { ...see(call.settings, resourceId), exists: true }",
    "not-there exists",
  ],
];
for (const [is, right, wrong, why] of wrongs) {
  test(`the kit finds a plugin whose observe_all ${is}`, async () => {
    const found = faults(await conformance(shelfWith(right, wrong)));
    expect(found).toEqual([expect.stringMatching(/^shelf: a drawer: observe_all: /)]);
    expect(found[0]).toContain(why);
  }, 60_000);
}

test("the kit finds a plugin that tells another scope than it was given", async () => {
  const found = faults(
    await conformance(shelfWith('colour: "oak", scope }', 'colour: "oak", scope: "mine" }')),
  );
  expect(found[0]).toStartWith("shelf: a drawer: apply: ");
}, 60_000);
