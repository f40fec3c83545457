import { expect, test } from "bun:test";
import { operatorPolicySchemaText, operatorSchemaPath } from "../../scripts/policy-schema.ts";
import { parseOperatorPolicy } from "./operator.ts";
import { isMapAt, keysAt } from "./operator-schema.ts";

const root = new URL("../../", import.meta.url).pathname;

test("the published JSON schema is the one that reads the file (bun scripts/policy-schema.ts)", async () => {
  expect(JSON.parse(await Bun.file(operatorSchemaPath).text())).toEqual(
    JSON.parse(operatorPolicySchemaText()),
  );
});

test("every example is a valid operator's file", async () => {
  const examples = [...new Bun.Glob("examples/policy/*.yaml").scanSync(root)];
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    expect(parseOperatorPolicy(await Bun.file(root + example).text(), example).path).toBe(example);
  }
});

test("the page for operators names every key", async () => {
  const page = await Bun.file(`${root}docs/policy.md`).text();
  const keys = [[], ["limits"], ["policies", "p"], ["plugins"], ["plugins", "grants", "p"]].flatMap(
    (path) => keysAt(path) ?? [],
  );
  expect(keys.length).toBeGreaterThan(20);
  expect(keys.filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
});

test("a map is wanted only where the format has one", () => {
  expect([
    isMapAt([]),
    isMapAt(["limits"]),
    isMapAt(["policies"]),
    isMapAt(["policies", "p"]),
    isMapAt(["plugins", "grants", "a/b"]),
  ]).toEqual(Array(5).fill(true));
  expect([isMapAt(["http"]), isMapAt(["policies", "p", "deny_actions"])]).toEqual([false, false]);
});
