/** What docs/operational-validity.md says of criteria is what is read: every example, every key, check, finding and command. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";
import { findingCodes } from "../../src/validation/assurance/finding.ts";
import { attestationScheme } from "../../src/validation/operational-spec/attestation.ts";
import { criteriaOf } from "../../src/validation/operational-spec/criteria.ts";
import { readParams } from "../../src/validation/operational-spec/params.ts";
import { loadRollup } from "../../src/validation/operational-spec/rollup.ts";
import { root } from "../e2e/akc.ts";
import { blocksOf, Shop } from "./shop.ts";

setDefaultTimeout(120_000);

const page = await Bun.file(join(root, "docs/operational-validity.md")).text();
const examples = blocksOf(page, "json").map(objectOf);
const shop = await Shop.open();
afterAll(() => shop.close());

const startAgain =
  "akc runtime start --bundle shop.runtime_bundle.json --mode enforce --runtime-run-id r2 --validator-bindings shop.bindings.yaml -o json";

/** @param open objects whose keys are not ours to name */
function keysOf(value: JsonValue, open: readonly string[]): readonly string[] {
  if (isJsonArray(value)) return value.flatMap((item) => keysOf(item, open));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    key,
    ...(open.includes(key) ? [] : keysOf(item, open)),
  ]);
}

function objectOf(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new Error("an example is no object");
  return value;
}

test("every example of criteria and params can be meant", () => {
  const criteria = examples.flatMap((example) => criteriaOf(example));
  expect(criteria.map(({ id, advisory }) => [id, advisory])).toEqual([
    ["few-errors", false],
    ["stands", true],
  ]);
  const params = [...criteria.map((one) => one.params), ...examples.filter((one) => "spec_version" in one)];
  expect(params.length).toBe(4);
  expect(params.map((one) => readParams(one))).toEqual(
    params.map(() => expect.objectContaining({ kind: "read" })),
  );
});

test("the example of a window is one: only its files are missing", async () => {
  const [window] = examples.filter((example) => "window_start_ms" in example);
  const scope = await mkdtemp(join(tmpdir(), "akc-docs-"));
  try {
    const path = ".akc/verification/last-two-hours.operational_evidence_window.v1.json";
    await Bun.write(join(scope, path), JSON.stringify(window));
    expect(await loadRollup(scope, path)).toMatchObject({
      kind: "failed",
      reason: "missing",
      message: expect.stringContaining("runtime_evidence.json"),
    });
  } finally {
    await rm(scope, { recursive: true, force: true });
  }
});

test("every key of params and every finding is told", async () => {
  const source = await Bun.file(join(root, "src/bundle/intent/operational-params.ts")).text();
  const keys = [...source.matchAll(/^ {2}([a-z_]+): (?:orNull|listOf|counted|oneOf)/gm)].map(
    ([, key]) => key ?? "",
  );
  expect(keys).toContain("min_samples");
  const silent = [...keys, ...Object.keys(findingCodes), attestationScheme].filter(
    (word) => !page.includes(`\`${word}\``),
  );
  expect(silent).toEqual([]);
});

test("every check that is made is told", async () => {
  const folder = join(root, "src/validation");
  const sources = await Promise.all(
    [...new Bun.Glob("operational-spec/**/*.ts").scanSync(folder)]
      .filter((name) => !name.endsWith(".test.ts"))
      .map((name) => Bun.file(join(folder, name)).text()),
  );
  const names = sources.flatMap((text) =>
    [...text.matchAll(/checkOf\(\s*[`"]([a-z_]+)/g)].map(([, name]) => name ?? ""),
  );
  expect(names.length).toBeGreaterThan(12);
  expect([...new Set(names)].filter((name) => !page.includes(name) && !name.endsWith("_not_failed"))).toEqual(
    [],
  );
});

test("every command works as it stands", async () => {
  const [commands = "", ...others] = blocksOf(page, "sh");
  expect(others).toEqual([]);
  const ended = await shop.run(commands);
  expect(ended.map(({ line, exit }) => [line, exit])).toEqual(ended.map(({ line }) => [line, 0]));
  expect(ended.length).toBe(4);
  expect(ended[1]?.printed).toContain("\nverdict: pass\n");
  const verified = objectOf(ended[2]?.printed ?? "");
  expect(verified).toMatchObject({ kind: "OperationalVerification", passed: true });
  const started = objectOf((await shop.run(startAgain))[0]?.printed ?? "");
  expect(started).toMatchObject({ validity: { verdict: "pass", passed: true, failures: [] } });
  const contract = await Bun.file(join(root, "docs/json-output.md")).text();
  const words = new Set(contract.match(/[a-z_0-9]+/g));
  const told = [verified, started].flatMap((shown) => keysOf(shown, ["details", "evidence"]));
  expect(told.filter((key) => !words.has(key))).toEqual([]);
});
