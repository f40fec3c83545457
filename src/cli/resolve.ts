/** Finds the command that an argv calls. Reads words and the flags of every command; the rest is the command's own. */
import { AkcError } from "../errors.ts";
import { nearestWord } from "../spelling.ts";
import type { Group, Leaf } from "./tree.ts";

export type Called =
  | { readonly kind: "run"; readonly leaf: Leaf; readonly argv: readonly string[] }
  | { readonly kind: "help"; readonly node: Leaf | Group; readonly path: string }
  | { readonly kind: "version" };

const helpFlags = ["--help", "-h"];

/** @throws AkcError USAGE */
export function resolveCommand(root: Group, argv: readonly string[]): Called {
  const asksForHelp = argv[0] === "help";
  const words = asksForHelp ? argv.slice(1) : argv;
  let node: Leaf | Group = root;
  let path = "";
  // Flags of every command may stand before its words: `akc -o json runtime list`.
  const early: string[] = [];
  let index = 0;
  for (; node.kind === "group" && index < words.length; index++) {
    const word = words[index] ?? "";
    if (helpFlags.includes(word)) return { kind: "help", node, path };
    if (word === "--version" || word === "-V") return { kind: "version" };
    if (word.startsWith("-")) {
      early.push(word);
      if (word === "-o" || word === "--output") early.push(words[++index] ?? "");
      continue;
    }
    const next: Leaf | Group | undefined = Object.hasOwn(node.nodes, word) ? node.nodes[word] : undefined;
    if (next === undefined) throw unknownWord(root, node, path, word);
    node = next;
    path = path === "" ? word : `${path} ${word}`;
  }
  const rest = words.slice(index);
  const ownFlags = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (asksForHelp || ownFlags.some((word) => helpFlags.includes(word))) return { kind: "help", node, path };
  if (node.kind === "leaf") return { kind: "run", leaf: node, argv: [...early, ...rest] };
  const unknown = early.find((word) => word.startsWith("-") && !knownFlag(word));
  if (unknown !== undefined) throw unknownFlag(unknown, path);
  if (argv.length === 0) return { kind: "help", node, path };
  throw new AkcError("USAGE", {
    message: path === "" ? "a command is missing" : `\`akc ${path}\` needs a command`,
    hint: `It is one of ${Object.keys(node.nodes).join(", ")}. \`akc ${path === "" ? "" : `${path} `}--help\` says more.`,
  });
}

function unknownWord(root: Group, group: Group, path: string, word: string): AkcError {
  const prefix = path === "" ? "akc" : `akc ${path}`;
  const near = nearestWord(word, Object.keys(group.nodes));
  const meant =
    near !== undefined
      ? `${prefix} ${near}`
      : leafPaths(root, "akc").find((known) => known.endsWith(` ${word}`));
  return new AkcError("USAGE", {
    message: `unknown command "${prefix} ${word}"`,
    hint: `${meant === undefined ? "" : `Did you mean \`${meant}\`? `}\`${prefix} --help\` lists the commands.`,
  });
}

/** Flags that may stand where a command is expected; `-ojson` and `--output=json` are among them. */
const flagsOfAll = [
  "--help",
  "-h",
  "--version",
  "-V",
  "--output",
  "-o",
  "--color",
  "--no-color",
  "--verbose",
];

function knownFlag(word: string): boolean {
  const name = word.startsWith("--") ? word.replace(/=.*$/s, "") : word.slice(0, 2);
  return flagsOfAll.includes(name);
}

function unknownFlag(word: string, path: string): AkcError {
  const meant = nearestWord(word.replace(/=.*$/s, ""), flagsOfAll);
  const help =
    path === "" ? "`akc --help` lists the commands." : `\`akc ${path} --help\` lists its commands.`;
  return new AkcError("USAGE", {
    message: `unknown flag ${word}`,
    hint: meant === undefined ? help : `Did you mean ${meant}? ${help}`,
  });
}

function leafPaths(group: Group, path: string): string[] {
  return Object.entries(group.nodes).flatMap(([name, node]) =>
    node.kind === "leaf" ? [`${path} ${name}`] : leafPaths(node, `${path} ${name}`),
  );
}
