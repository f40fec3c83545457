/** What a file is taken for: its content decides, and where that is silent its name. */
import { expect, test } from "bun:test";
import { isBundleText } from "./kind.ts";

test.each([
  ["{}", "x.yaml", false],
  ["[]", "x.yml", false],
  ["{}", "X.YAML", false],
  ["{}", "x.json", true],
  ["[]", "-", true],
  ['{"version": 1}', "x.json", false],
  ['{"schema_version": 4}', "x.yaml", true],
  ['{"schema_version": 4', "x.yaml", true],
  ["{version: 1}", "x.json", false],
  ["version: 1\n", "x.json", false],
])("%s in %s is a bundle: %p", (text, path, isBundle) => {
  expect(isBundleText(text, path)).toBe(isBundle);
  expect(isBundleText(new TextEncoder().encode(text), path)).toBe(isBundle);
});
