import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { akcPagePath } from "../../scripts/akc-schema.ts";
import { filesNamedIn } from "../../src/authoring/compile.ts";
import { compiled, issuesOf, loaded } from "./compiled.ts";

const page = await Bun.file(akcPagePath).text();
const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ""]) => text);

/** A fault with a place in the text, or a bundle that loads; never anything else. */
async function answered(text: string): Promise<void> {
  filesNamedIn(text);
  const issues = issuesOf(text);
  const lines = text.split("\n").length;
  for (const { line, column, message } of issues) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(message).not.toBe("");
  }
  if (issues.length > 0) return;
  const bundle = await loaded(compiled(text));
  expect(bundle.warnings).toEqual([]);
}

test("a plan that was changed anywhere is refused with places, or still makes a bundle that loads", async () => {
  const odd = fc.constantFrom(
    "",
    " ",
    "x",
    "-",
    "{",
    "}",
    "[",
    "]",
    ":",
    '"',
    "0",
    "null",
    "${{",
    "}}",
    "\n",
    "*a",
    "&a ",
    "é",
    "../",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...examples),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(12),
      odd,
      async (example, where, length, put) => {
        const at = Math.floor(where * example.length);
        await answered(example.slice(0, at) + put + example.slice(at + length));
      },
    ),
    { numRuns: 150 },
  );
});

test("a member of any other type is refused with places, or still makes a bundle that loads", async () => {
  const paths = [
    ["scope"],
    ["steps"],
    ["steps", "a"],
    ["steps", "a", "run"],
    ["steps", "a", "needs"],
    ["steps", "a", "matrix"],
    ["steps", "a", "http"],
    ["steps", "a", "wait"],
    ["steps", "a", "agent"],
    ["steps", "a", "node"],
    ["roles", "r"],
    ["services", "s"],
    ["services", "s", "health"],
    ["provider"],
    ["rollout"],
    ["checks", "c"],
    ["policy"],
    ["policy", "http"],
    ["limits"],
    ["defaults"],
    ["bundle"],
    ["bundle", "coordination_spec"],
    ["bundle", "system_ir"],
    ["bundle", "referenced_ir_nodes"],
    ["bundle", "orchestration_spec"],
    ["bundle", "runtime_policy_envelope"],
    ["bundle", "spec_hashes"],
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), async (path, value) => {
      const plan = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
      const base = { version: 1, scope: "a/b", name: "n", policy: { programs: ["sh"] } };
      const steps = { steps: { b: { run: ["sh"] } } };
      const whole = isRecord(plan) ? { ...base, ...steps, ...plan } : base;
      await answered(stringify(whole));
    }),
    { numRuns: 200 },
  );
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
