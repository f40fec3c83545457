/** What the pages about the autopilot say is so: every configuration is read, every command is there and works. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readAutopilotFile } from "../../src/autopilot/config/file.ts";
import { gateNames } from "../../src/autopilot/gates/model.ts";
import { triggerKinds } from "../../src/autopilot/model.ts";
import { phases } from "../../src/cli/autopilot/standing.ts";
import { commonArgs } from "../../src/cli/command.ts";
import { aliasesOf, flagName } from "../../src/cli/strict.ts";
import { type Group, type Leaf, tree } from "../../src/cli/tree.ts";
import { parseJson } from "../../src/json/read.ts";
import { akc, binary, root, shell } from "../e2e/akc.ts";
import { blocksOf } from "./shop.ts";

setDefaultTimeout(120_000);

const docs = join(root, "docs");
const names = readdirSync(docs).filter((name) => /^autopilot.*\.md$/.test(name));
const paths = [...names.map((name) => join(docs, name)), join(root, "examples/autopilot/README.md")];
const pages = new Map(
  await Promise.all(paths.map(async (path) => [path, await Bun.file(path).text()] as const)),
);
const page = (name: string) => pages.get(join(docs, name)) ?? "";
const whole = [...pages.values()].join("\n");
const folder = await mkdtemp(join(tmpdir(), "akc-docs-autopilot-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("every piece of configuration is read without a fault, and every alert is about a metric of the page", () => {
  const blocks = [...pages.values()].flatMap((text) => blocksOf(text, "yaml"));
  expect(blocks.length).toBeGreaterThan(3);
  for (const text of blocks) {
    if (text.includes("alert:")) {
      const alerts: unknown = Bun.YAML.parse(text);
      const metrics = JSON.stringify(alerts).match(/akc_[a-z_]+/g) ?? [];
      expect(metrics.length).toBe(text.trimEnd().split("\n").length);
      for (const name of metrics)
        expect(page("autopilot-outside.md")).toMatch(new RegExp(`^\\|.*\`${name}\``, "m"));
      continue;
    }
    const file = text.includes("version: 1") ? text : `version: 1\n${text}`;
    expect(readAutopilotFile(file)).toMatchObject({ kind: "read" });
  }
});

test("every JSON is JSON", () => {
  for (const text of [...pages.values()].flatMap((each) => blocksOf(each, "json"))) {
    // A piece of an object stands for itself.
    expect(() => parseJson(text.trimStart().startsWith("{") ? text : `{${text}}`)).not.toThrow();
  }
});

/** Names in traces, and no commands. */
const pipelines = ["akc rollout", "akc repair", "akc recompile"];

test("every command that is named is there, with every flag it is shown with", async () => {
  const shown = [
    ...[...whole.matchAll(/`(akc [^`\n]+)`/g)].map(([, text = ""]) => text),
    ...[...pages.values()].flatMap(
      (text) =>
        blocksOf(text, "sh")
          .join("\n")
          .match(/(?<![\w/])akc [a-z].*/g) ?? [],
    ),
  ];
  expect(shown.length).toBeGreaterThan(60);
  const wrong: string[] = [];
  for (const text of shown) {
    if (pipelines.includes(text)) continue;
    const [command = ""] = text.split(/ #| \| |"\)|; |2>/);
    const leaf = leafOf(command.split(/\s+/).slice(1));
    if (leaf === "group") continue;
    if (leaf === undefined) {
      wrong.push(command);
      continue;
    }
    const args = { ...commonArgs, ...(await leaf.load()).args };
    const known = Object.entries(args).flatMap(([name, def]) => [name, ...aliasesOf(def)].map(flagName));
    const given = command.replaceAll(/"[^"]*"/g, "TEXT").match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [];
    wrong.push(...given.filter((flag) => !known.includes(flag)).map((flag) => `${command}: ${flag}`));
  }
  expect(wrong).toEqual([]);
});

test("every phase, gate and kind of trigger is told", () => {
  const told = (text: string, words: readonly string[]) =>
    words.filter((word) => !text.includes(`\`${word}\``));
  expect(told(page("autopilot.md"), phases)).toEqual([]);
  expect(told(page("autopilot-gates.md"), gateNames)).toEqual([]);
  expect(told(page("autopilot-triggers.md"), triggerKinds)).toEqual([]);
});

test("a delivery signed as the page says has the documented signature", async () => {
  if (Bun.which("openssl") === null) return;
  const [script = "", ...others] = blocksOf(page("autopilot-triggers.md"), "sh");
  expect(others).toEqual([]);
  const [body = ""] = blocksOf(page("autopilot-triggers.md"), "json");
  const { stdout } = await shell(`curl() { printf '%s\\n' "$@"; }\n${script}`, {
    cwd: folder,
    env: { body, secret: "s3cret" },
  });
  const stamp = /^X-AKC-Timestamp: (\d+)$/m.exec(stdout)?.[1] ?? "";
  const mac = createHmac("sha256", "s3cret").update(`${stamp}.${body}`).digest("hex");
  expect(stdout).toContain(`X-AKC-Signature: v2=${mac}\n`);
});

test("the first commands work as they stand, and a backup can be put back", async () => {
  const main = page("autopilot.md");
  const [start = "", backup = "", restore = ""] = blocksOf(main, "sh");
  const [config = ""] = blocksOf(main, "yaml");
  await Bun.write(
    join(folder, "autopilot.yaml"),
    config.replace("/var/lib/akc/outputs", "out").replace(/^listen:.*$/m, ""),
  );
  await Bun.write(join(folder, "out/acme/shop/.akc/autopilot/.keep"), "");
  const lines = start.trimEnd().split("\n");
  expect(lines.length).toBe(3);
  // The last one goes on until it is stopped.
  const script = [
    "set -e",
    ...lines.slice(0, 2),
    `${lines[2]?.split(" #")[0]} --once`,
    backup,
    ": >out/.akc/autopilot/state.sqlite3",
    restore,
  ].join("\n");
  const { exit, stdout, stderr } = await shell(
    `export PATH=${dirname(binary)}:$PATH AKC_OUTPUTS_ROOT="$PWD/out"\n${script}`,
    {
      cwd: folder,
    },
  );
  expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  expect(stdout).toContain("acme/shop  observe");
  expect(stdout).toContain("autopilot.yaml:");
  expect(stdout.slice(stdout.lastIndexOf("acme/shop  enforce"))).toContain("nothing was deployed yet");
});

test("every JSON of the commands says what the contract says", async () => {
  const contract = await Bun.file(join(docs, "json-output.md")).text();
  // Figures are told where their meaning is.
  const known = new Set(`${contract}${page("autopilot-score.md")}`.match(/[a-z_0-9]+/g));
  const here = ["--outputs-root", join(folder, "out"), "-o", "json"];
  const observe = ["runtime", "autopilot", "--mode", "observe"];
  const kinds: string[] = [];
  for (const args of [
    [...observe, "--once"],
    [...observe, "--check"],
    ["autopilot", "status"],
    ["autopilot", "pause", "--scope", "acme/shop", "--reason", "try"],
    ["autopilot", "trigger", "--scope", "acme/shop", "--reason", "try"],
    ["autopilot", "triggers"],
    ["autopilot", "scoreboard"],
  ]) {
    const { exit, stdout } = await akc([...args, ...here], { cwd: folder });
    const shown: unknown = JSON.parse(stdout);
    expect({ args, exit }).toEqual({ args, exit: 0 });
    kinds.push(isRecord(shown) ? String(shown["kind"]) : "");
    expect(contract).toContain(kinds.at(-1) ?? "a kind");
    expect({ args, untold: [...new Set(keysOf(shown))].filter((key) => !known.has(key)) }).toEqual({
      args,
      untold: [],
    });
  }
  expect(kinds).toEqual([
    "AutopilotSummary",
    "AutopilotConfig",
    "AutopilotStatus",
    "AutopilotWord",
    "TriggerGiven",
    "TriggerList",
    "AutopilotScoreboard",
  ]);
});

function leafOf(words: readonly string[]): Leaf | "group" | undefined {
  let node: Group | Leaf = tree;
  for (const word of words) {
    if (node.kind === "leaf") return node;
    const next: Group | Leaf | undefined = node.nodes[word];
    if (next === undefined) return node === tree ? undefined : /^[a-z]/.test(word) ? undefined : "group";
    node = next;
  }
  return node.kind === "leaf" ? node : "group";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keysOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...keysOf(item)]);
}
