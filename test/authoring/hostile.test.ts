import { expect, test } from "bun:test";
import { stringify } from "yaml";
import { prettyJson } from "../../src/json/canonical.ts";
import { compiled, faultsOf, head, issuesOf } from "./compiled.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n).join(", ");
const sh = "policy: {programs: [sh]}\n";

test("the order in which roles, services and checks are written never changes a byte", () => {
  const members = {
    roles: { zoe: { reads: ["src"] }, amy: { tools: ["git"] }, max: {} },
    services: { web: { needs: ["db"], process: { command: ["sh"] } }, db: { process: { command: ["sh"] } } },
    checks: { slow: { healthy: true }, errors: { converged: true } },
    policy: { programs: ["sh"], http: ["http://127.0.0.1:1"] },
    steps: {
      z: { role: "zoe", run: ["sh"], env: { B: "1", A: "2" } },
      h: { http: { url: "http://127.0.0.1:1/", headers: { b: "1", a: "2" } } },
      a: { run: ["sh"] },
    },
  };
  const reversed = (value: unknown, key = ""): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const entries = Object.entries(value).map(([name, item]) => [name, reversed(item, name)] as const);
    return Object.fromEntries(key === "steps" ? entries : entries.reverse());
  };
  const [one, other] = [members, reversed(members)].map(
    (plan) => compiled(`${head}provider: process\n${stringify(plan)}`).bundle,
  );
  expect(prettyJson(other ?? {})).toBe(prettyJson(one ?? {}));
});

test("a few lines that would become gigabytes are refused before they are written out", () => {
  const text = "x".repeat(500_000);
  const each = `matrix: {n: [${numbers(5_000)}]}`;
  // By a text, by values in a text, by a file, by the defaults, by aliases, and by the edges of a need.
  expect(faultsOf(`${head}${sh}steps:\n  a: {${each}, run: {argv: [sh], stdin: "${text}"}}\n`)).toEqual([
    "6:3 too-large",
  ]);
  const holes = ["$", "{{ matrix.n }}"].join("").repeat(5_000);
  expect(
    faultsOf(`${head}${sh}steps:\n  a: {matrix: {n: ["${text}"]}, run: {argv: [sh], stdin: "${holes}"}}\n`),
  ).toContain("6:3 too-large");
  const file = [{ path: "in.txt", text }];
  expect(
    faultsOf(`${head}${sh}steps:\n  a: {${each}, run: {argv: [sh], stdin: {file: in.txt}}}\n`, file),
  ).toEqual(["1:1 too-large"]);
  expect(
    faultsOf(`${head}${sh}defaults: {env: {A: "${text}"}}\nsteps:\n  a: {${each}, run: [sh]}\n`),
  ).toEqual(["1:1 too-large"]);
  const aliases = `{a: &a "${text}", b: [${Array.from({ length: 95 }, () => "*a").join(", ")}]}`;
  expect(faultsOf(`${head}${sh}steps:\n  a: {matrix: {n: [1, 2]}, run: [sh], node: ${aliases}}\n`)).toEqual([
    "6:3 too-large",
  ]);
  const need = `{step: a, metadata: {t: "${text}"}}`;
  expect(
    faultsOf(`${head}${sh}steps:\n  a: {${each}, run: [sh]}\n  b: {needs: [${need}], run: [sh]}\n`),
  ).toEqual(["1:1 too-large"]);
});

test("a matrix of thousands of names is refused, though it makes one step alone", () => {
  const names = Array.from({ length: 3_000 }, (_, n) => `k${n}: [1]`).join(", ");
  expect(faultsOf(`${head}${sh}steps:\n  a: {matrix: {${names}}, run: [sh]}\n`)).toEqual(["6:7 too-large"]);
});

test("what was meant is looked for among names alone, and only for faults that are shown", () => {
  const [one, other] = ["x", "y"].map((char) => char.repeat(400_000));
  expect(faultsOf(`${head}${sh}steps:\n  ? ${one}\n  : {run: [sh], needs: [${other}]}\n`)).toContain(
    "6:5 wrong-form",
  );
  const steps = Array.from({ length: 2_000 }, (_, n) => `  step${n}: {run: [sh], needs: [${wrong(n)}]}`);
  const issues = issuesOf(`${head}${sh}steps:\n${steps.join("\n")}\n`);
  expect(issues.filter(({ rule }) => rule === "step-unknown").length).toBe(issues.length);
}, 60_000);

function wrong(n: number): string {
  return Array.from({ length: 5 }, (_, index) => `stop${n}x${index}`).join(", ");
}
