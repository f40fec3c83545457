/** What docs/validators.md says of bindings is what is read: every example, every field, every word, every command. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parseOperatorPolicy } from "../../src/policy/operator.ts";
import { everyField } from "../../src/validation/bindings/kinds/formats.ts";
import { builtinKinds, documentedKinds } from "../../src/validation/bindings/model.ts";
import { parseRegistry } from "../../src/validation/bindings/registry.ts";
import { errorReasons, inconclusiveReasons, verdicts } from "../../src/validators/contract.ts";
import { root } from "../e2e/akc.ts";
import { blocksOf, Shop } from "./shop.ts";

setDefaultTimeout(120_000);

const page = await Bun.file(join(root, "docs/validators.md")).text();
const devices = await Bun.file(join(root, "docs/validators-devices.md")).text();
const shop = await Shop.open();
afterAll(() => shop.close());

test("every example is a registry, or a policy, without a fault", () => {
  const registries = [...blocksOf(page, "yaml"), ...blocksOf(devices, "yaml")];
  const kinds = new Set<string>();
  for (const text of registries) {
    if (!text.includes("bindings:")) {
      const policy = text.startsWith("schema:") ? text : `schema: akc.policy/v1\n${text}`;
      expect(() => parseOperatorPolicy(policy, "policy.yaml")).not.toThrow();
      continue;
    }
    const source = {
      bytes: new TextEncoder().encode(text),
      path: "/r.yaml",
      kinds: [],
      resolve: (path: string) => path,
    };
    for (const { kind } of parseRegistry(source).values()) kinds.add(kind);
  }
  expect([...kinds].sort()).toEqual([...documentedKinds, ...builtinKinds].sort());
});

test("every field of every kind, every verdict and every reason is told", () => {
  const told = (word: string) => [page, devices].some((text) => text.includes(`\`${word}\``));
  expect([...everyField()].filter((field) => !told(field))).toEqual([]);
  expect([...verdicts, ...inconclusiveReasons, ...errorReasons].filter((word) => !told(word))).toEqual([]);
});

test("every command works as it stands", async () => {
  const [commands = "", ...others] = blocksOf(page, "sh");
  expect(others).toEqual([]);
  const ended = await shop.run(commands);
  expect(ended.map(({ line, exit }) => [line, exit])).toEqual(ended.map(({ line }) => [line, 0]));
  expect(ended.length).toBe(7);
  expect(ended[0]?.printed).toContain("bindings  3");
  expect(ended[4]?.printed).toContain("3 verdicts: 3 the same");
  expect(ended[6]?.printed).toContain("3 verdicts: 3 the same");
});
