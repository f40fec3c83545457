/**
 * The files of a new plugin: a small one that works, in the language asked for, with the cases that it is tested with.
 * Makes texts and writes none.
 */
import adapterPython from "./templates/adapter.py.txt" with { type: "text" };
import adapterShell from "./templates/adapter.sh.txt" with { type: "text" };
import adapterScript from "./templates/adapter.ts.txt" with { type: "text" };
import adapterCases from "./templates/adapter.yaml.txt" with { type: "text" };
import basePython from "./templates/base.py.txt" with { type: "text" };
import baseShell from "./templates/base.sh.txt" with { type: "text" };
import providerPython from "./templates/provider.py.txt" with { type: "text" };
import providerShell from "./templates/provider.sh.txt" with { type: "text" };
import providerScript from "./templates/provider.ts.txt" with { type: "text" };
import providerCases from "./templates/provider.yaml.txt" with { type: "text" };
import readme from "./templates/readme.txt" with { type: "text" };
import validatorPython from "./templates/validator.py.txt" with { type: "text" };
import validatorShell from "./templates/validator.sh.txt" with { type: "text" };
import validatorScript from "./templates/validator.ts.txt" with { type: "text" };
import validatorCases from "./templates/validator.yaml.txt" with { type: "text" };
import validatorShellCases from "./templates/validator-sh.yaml.txt" with { type: "text" };

export const languages = ["ts", "python", "sh"] as const;
export type Language = (typeof languages)[number];
export const scaffoldKinds = ["adapter", "provider", "validator"] as const;
export type ScaffoldKind = (typeof scaffoldKinds)[number];

export interface Scaffold {
  /** `vendor/name` */
  readonly id: string;
  readonly kind: ScaffoldKind;
  readonly language: Language;
  /** As it is shown to people. */
  readonly directory: string;
}

export interface ScaffoldFile {
  readonly name: string;
  readonly text: string;
  readonly executable: boolean;
}

const templates: Readonly<Record<ScaffoldKind, Readonly<Record<Language | "cases", string>>>> = {
  adapter: { ts: adapterScript, python: adapterPython, sh: adapterShell, cases: adapterCases },
  provider: { ts: providerScript, python: providerPython, sh: providerShell, cases: providerCases },
  validator: { ts: validatorScript, python: validatorPython, sh: validatorShell, cases: validatorCases },
};

const entries: Readonly<Record<Language, string>> = { ts: "index.ts", python: "main.py", sh: "main.sh" };

export function scaffoldFiles(scaffold: Scaffold): readonly ScaffoldFile[] {
  const { id, kind, language, directory } = scaffold;
  const entry = entries[language];
  const own = templates[kind][language].trimEnd();
  const source =
    language === "ts"
      ? `${own}\n`
      : (language === "python" ? basePython : baseShell).replace("__HANDLERS__", () => own);
  const offer = id.split("/")[1] ?? id;
  const words: Readonly<Record<string, string>> = {
    ID: id,
    NAME: id,
    OFFER: offer,
    KIND: kind,
    ENTRY: entry,
    DIR: directory,
    MORE: moreOf(kind).replaceAll("__OFFER__", offer),
  };
  const fill = (text: string) => text.replaceAll(/__([A-Z]+)__/g, (whole, word) => words[word] ?? whole);
  const file = (name: string, text: string, executable = false) => ({ name, text: fill(text), executable });
  return [
    file("plugin.yaml", manifestText(scaffold, entry)),
    file(entry, source, language !== "ts"),
    file("plugin.test.yaml", casesOf(scaffold)),
    file("README.md", readme),
  ];
}

/** A shell reads no JSON: its validator judges by less. */
function casesOf({ kind, language }: Scaffold): string {
  return kind === "validator" && language === "sh" ? validatorShellCases : templates[kind].cases;
}

const capabilities: Readonly<Record<ScaffoldKind, string>> = {
  adapter: "[]",
  provider: "[observe, apply, rollback, delete]",
  validator: "[__OFFER__]",
};

function manifestText({ id, kind, language }: Scaffold, entry: string): string {
  const lines = [
    "schema: akc.plugin/v1",
    `id: ${id}`,
    "version: 0.1.0",
    `description: What ${id} does, in one sentence.`,
    `kind: ${kind}`,
    "api: 1",
    ...(language === "ts" ? ["runtime: bun", `entry: ${entry}`] : ["runtime: exec", `command: [./${entry}]`]),
    "capabilities:",
    `  ${kind}:`,
    `    __OFFER__: ${capabilities[kind]}`,
    ...(language === "sh" ? programs[kind] : []),
    ...(kind === "validator" ? hosts : []),
    ...(kind === "provider" ? providerConfig : []),
    // A shell reads byte by byte, and small messages are all it needs.
    ...(language === "sh" ? ["limits:", "  message_bytes: 65536"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** A plugin starts no program that it was not granted, not even `sleep`. */
const programs: Readonly<Record<ScaffoldKind, readonly string[]>> = {
  adapter: ["permissions:", "  run: [sleep]"],
  provider: ["permissions:", "  run: [mkdir, rm, sha256sum]"],
  validator: [],
};

/** Its process reaches nobody: this is what it may ask akc for. */
const hosts = [
  "permissions:",
  "  # Hosts and ports that akc may ask for it, and none but that of the binding's own `url`. Programs stand under `run`.",
  '  net: ["*:443"]',
];

const providerConfig = [
  "config:",
  "  type: object",
  "  required: [folder]",
  "  properties:",
  "    folder: { type: string }",
];

function moreOf(kind: ScaffoldKind): string {
  if (kind === "validator") return validatorMore;
  if (kind !== "provider") return "";
  return "\n\nIt writes to the folder of its setting `folder`: ask for that under `permissions.write` before you install it.";
}

const validatorMore = `

Bindings of its kind stand in a registry, and \`akc validate run\` asks them, without a run:

\`\`\`yaml
bindings:
  queue.short:
    kind: __OFFER__
    url: https://queue.example/depth
    max_depth: 10
\`\`\``;
