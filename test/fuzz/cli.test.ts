/**
 * Whatever stands on the command line, in a bundle or in a policy file: akc answers with a documented exit code and with
 * words of its own, never with a fault of its own, and leaves nothing that should not be there.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Io, Place } from "../../src/cli/io.ts";
import { execute } from "../../src/cli/run.ts";
import { type Group, tree } from "../../src/cli/tree.ts";
import { bundle, type Json, noop, runId, sh } from "../e2e/bundle.ts";
import { inWorld, jsonObject, type Ran } from "../e2e/world.ts";

const documented = Object.keys(exitCodes).map(Number);
/** Codes that say that akc, not its user, is at fault. */
const ownFaults = ["INTERNAL", "SYSTEM_REFUSED"];

// Some commands make what they are told to make: there, and nowhere else.
const home = process.cwd();
const scratch = mkdtempSync(join(tmpdir(), "akc-fuzz-cli-"));
beforeAll(() => {
  const deep = join(scratch, "a/b/c");
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(scratch, "plugins"));
  process.chdir(deep);
});
afterAll(() => {
  process.chdir(home);
  rmSync(scratch, { recursive: true, force: true });
});

test("any command line is answered with a documented exit code and in the format that was asked for", async () => {
  await fc.assert(
    fc.asyncProperty(commandLines(), async (argv) => {
      const { code, stdout, stderr } = await inProcess(argv);
      expect(documented).toContain(code);
      for (const fault of ownFaults) expect(stderr).not.toContain(`[${fault}]`);
      // Without --verbose no stack, and on no terminal nothing that steers one.
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(stdout + stderr).not.toContain("\u001b");
      if (code !== 0) expect(stderr).toMatch(/^error: .+ \[[A-Z_]+\]$/m);
      if (code !== 0 && stdout !== "") expect(Bun.YAML.parse(stdout)).toMatchObject({ exit_code: code });
    }),
    { numRuns: 1_500 },
  );
});

test("a bundle with anything in any place is run, or refused with a code of its own", async () => {
  await inWorld(async (world) => {
    let runs = 0;
    const good = bundle().step("a", sh("true")).step("b", noop, "a");
    await world.place(good);
    await fc.assert(
      fc.asyncProperty(damagedTexts(good.document()), async (text) => {
        runs += 1;
        const path = await world.write(`.akc/runtime/${runId}.runtime_bundle.json`, text);
        const root = join(world.side, `out-${runs}`);
        // Simulated, so that what a damaged bundle asks for is decided and never done.
        expectAnswer(await world.start(path, "--mode", "simulate", "--outputs-root", root));
      }),
      { numRuns: 60 },
    );
  });
});

test("a policy file with anything in it narrows, or is refused with a code of its own", async () => {
  await inWorld(async (world) => {
    const path = await world.place(bundle().step("a", noop));
    const policy = join(world.side, "policy.yaml");
    await fc.assert(
      fc.asyncProperty(policyTexts(), async (text) => {
        writeFileSync(policy, text);
        expectAnswer(await world.start(path, "--mode", "simulate", "--policy", policy));
      }),
      { numRuns: 40 },
    );
  });
});

function expectAnswer(ran: Ran): void {
  const said = jsonObject(ran.stdout);
  expect(["RunReport", "Error"]).toContain(String(said["kind"]));
  expect(said["exit_code"]).toBe(ran.code);
  expect([0, 1, 2, 3]).toContain(ran.code);
  expect(ownFaults).not.toContain(String(said["code"] ?? said["last_error_code"]));
}

async function inProcess(argv: readonly string[]): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const place: Place = {
    isTerminal: false,
    color: false,
    canRedraw: false,
    columns: () => 80,
    rows: () => 24,
  };
  const io: Io = {
    stdout: place,
    stderr: place,
    env: { AKC_OUTPUTS_ROOT: join(scratch, "none/runs"), AKC_PLUGINS_DIR: join(scratch, "plugins") },
    out: async (text) => {
      stdout += text;
    },
    words: (text) => {
      stderr += text;
    },
  };
  return { code: await execute(argv, io), stdout, stderr };
}

/** Commands that are there, flags that are there, and everything else. No file that they name exists. */
function commandLines(): fc.Arbitrary<string[]> {
  const words = wordsOf(tree);
  const flags = [
    "--bundle --mode --adapter --policy --action --outputs-root --tenant-id --repo-id --runtime-run-id --deadline",
    "--max-in-flight --bundle-sha256 --limit --wait --format --output -o --follow --no-color --quiet --help",
    "--version --require-effects --strict-intent-authority --polcy --Mode -x -- - --=",
  ].flatMap((line) => line.split(" "));
  const values = [
    "simulate enforce canary json yaml text auto native none/bundle.json ../../x 0 -1 1.5 1e999 10m 99999999999999999999",
    "acme r1 .. /etc __proto__ constructor toString",
  ].flatMap((line) => line.split(" "));
  const odd = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("", " ", "\u001b[2J", "\n", "é", "a".repeat(300), "--x=\u0007"),
  );
  const word = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    { weight: 4, arbitrary: fc.constantFrom(...flags) },
    { weight: 3, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: odd },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...flags), odd).map(([flag, value]) => `${flag}=${value}`),
    },
  );
  const command = fc.constantFrom(...pathsOf(tree, []));
  const lines = fc.oneof(
    fc.tuple(command, fc.array(word, { maxLength: 8 })).map(([path, rest]) => [...path, ...rest]),
    fc.array(word, { maxLength: 8 }),
  );
  return lines.filter(
    (line) =>
      // It works for as long as somebody writes a plugin, also in a folder that holds none yet.
      !(line[0] === "plugin" && line[1] === "dev") &&
      // It serves until it is ended, wherever flags stand before its word.
      !line.includes("ui") &&
      // What it answers is the host's affair.
      !(line.includes("doctor") && !line.includes("living")),
  );
}

function wordsOf(group: Group): string[] {
  return [...new Set(pathsOf(group, []).flat())];
}

function pathsOf(group: Group, path: readonly string[]): string[][] {
  return Object.entries(group.nodes).flatMap(([name, node]) =>
    node.kind === "leaf" ? [[...path, name]] : pathsOf(node, [...path, name]),
  );
}

/** The document with one value replaced or taken away, or its text cut, doubled or overwritten. */
function damagedTexts(document: Json): fc.Arbitrary<string> {
  const places = placesIn(document, []);
  const text = JSON.stringify(document);
  const hostile = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(
      "../../x",
      "/etc/passwd",
      "a\0b",
      "",
      "step",
      -1,
      0,
      1e21,
      [],
      {},
      null,
      undefined,
      true,
    ),
  );
  const replaced = fc
    .tuple(fc.constantFrom(...places), hostile)
    .map(([place, value]) => JSON.stringify(replace(document, place, value)) ?? "");
  const overwritten = fc
    .tuple(fc.nat(text.length - 1), fc.string({ unit: "binary", maxLength: 3 }))
    .map(([at, bytes]) => text.slice(0, at) + bytes + text.slice(at + bytes.length));
  const cut = fc.nat(text.length - 1).map((at) => text.slice(0, at));
  return fc.oneof(
    { weight: 6, arbitrary: replaced },
    { weight: 2, arbitrary: overwritten },
    { weight: 1, arbitrary: cut },
  );
}

type Path = readonly string[];

function placesIn(value: unknown, path: Path): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, member]) => placesIn(member, [...path, key]))];
}

function replace(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined || typeof value !== "object" || value === null) return by;
  const entries = Object.entries(value).map(([name, member]) => [
    name,
    name === key ? replace(member, rest, by) : member,
  ]);
  return Array.isArray(value) ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

function policyTexts(): fc.Arbitrary<string> {
  const keys = fc.constantFrom(
    ...["schema", "allow_actions", "deny_actions", "subprocess", "http", "providers", "containment"],
    ...["require_effects", "limits", "policies", "read_only_roots", "__proto__", "x"],
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }).map((json) => JSON.stringify(json)),
    fc.constantFrom(
      "[/bin/sh]",
      "[runtime.action.dispatch]",
      "true",
      "landlock",
      "{run_seconds: 1}",
      "&a [*a]",
      "!!x y",
    ),
  );
  const lines = fc.array(fc.tuple(keys, value), { maxLength: 4 });
  const file = lines.map((all) => all.map(([key, text]) => `${key}: ${text}\n`).join(""));
  return fc.oneof(
    { weight: 4, arbitrary: file.map((text) => `schema: akc.policy/v1\n${text}`) },
    { weight: 1, arbitrary: file },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  );
}
