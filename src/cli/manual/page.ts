/**
 * Manual pages as plain data, made from the command table: one for akc, one for every group and one for every command.
 * Knows no format; troff, plain text and Markdown are made of it elsewhere.
 *
 * Source: man-pages(7), "Sections within a manual page".
 */
import type { Command, Example } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { type ArgRow, descriptionOf, flagsOf, placeName, positionalsOf, spellingsOf } from "../flag-words.ts";
import { usageLine } from "../strict.ts";
import type { Group, Leaf } from "../tree.ts";
import { variablesOf } from "../variables.ts";
import { filesOf } from "./files.ts";

export type Row = readonly [term: string, says: string];

export type Block =
  /** Running text; `code` stands between backticks. */
  | { readonly kind: "paragraph"; readonly text: string }
  /** Something that is typed as it stands. */
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "rows"; readonly rows: readonly Row[] }
  | { readonly kind: "examples"; readonly examples: readonly Example[] }
  | { readonly kind: "pages"; readonly names: readonly string[] };

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface ManualPage {
  /** `akc-runtime-start`, and with `.1` the file's name. */
  readonly name: string;
  /** The words that call it; empty for akc itself. */
  readonly path: string;
  readonly summary: string;
  readonly sections: readonly Section[];
}

/** Of akc first, then in the order of the table, a group before its commands. */
export async function allPages(root: Group): Promise<readonly ManualPage[]> {
  const pages: ManualPage[] = [];
  const visit = async (node: Group | Leaf, path: string, beside: readonly string[]): Promise<void> => {
    pages.push(await pageOf(node, path, root, beside));
    if (node.kind === "leaf") return;
    const inside = Object.keys(node.nodes).map((word) => joined(path, word));
    for (const [word, next] of Object.entries(node.nodes)) await visit(next, joined(path, word), inside);
  };
  await visit(root, "", []);
  // A command of two names has one page where both are written alike: `living doctor`, `living-doctor`.
  return [...new Map(pages.toReversed().map((page) => [page.name, page])).values()].toReversed();
}

/** The words of every command, in the order of the table. */
export function leafPathsOf(node: Group | Leaf, path = ""): readonly string[] {
  if (node.kind === "leaf") return [path];
  return Object.entries(node.nodes).flatMap(([word, next]) => leafPathsOf(next, joined(path, word)));
}

/** The page of what `words` call; undefined where they call nothing. */
export async function pageNamed(root: Group, words: readonly string[]): Promise<ManualPage | undefined> {
  let node: Group | Leaf = root;
  let beside: readonly string[] = [];
  let path = "";
  for (const word of words) {
    const next: Group | Leaf | undefined =
      node.kind === "group" && Object.hasOwn(node.nodes, word) ? node.nodes[word] : undefined;
    if (next === undefined || node.kind === "leaf") return undefined;
    beside = Object.keys(node.nodes).map((other) => joined(path, other));
    node = next;
    path = joined(path, word);
  }
  return pageOf(node, path, root, beside);
}

async function pageOf(
  node: Group | Leaf,
  path: string,
  root: Group,
  beside: readonly string[],
): Promise<ManualPage> {
  return node.kind === "leaf"
    ? commandPage(await node.load(), path, beside)
    : groupPage(node, path, path === "" ? await environmentOf(root) : []);
}

function commandPage(command: Command, path: string, beside: readonly string[]): ManualPage {
  const above = path.split(" ").slice(0, -1).join(" ");
  return {
    name: pageName(path),
    path,
    summary: command.summary,
    sections: present([
      ["SYNOPSIS", [{ kind: "literal", text: usageLine(command) }]],
      ["DESCRIPTION", paragraphs([command.summary, ...(command.notes ?? [])])],
      ["ARGUMENTS", rowsOf(positionalsOf(command), placeName)],
      ["OPTIONS", rowsOf([...flagsOf(command, false), ...flagsOf(command, true)], spellingsOf)],
      ["EXAMPLES", examplesOf(command.examples)],
      [
        "EXIT STATUS",
        [{ kind: "rows", rows: command.exits.map((code): Row => [String(code), exitCodes[code]]) }],
      ],
      ["ENVIRONMENT", listed(Object.entries(command.environment ?? {}))],
      ["FILES", listed(filesOf(command))],
      ["SEE ALSO", pages(["", above, ...beside.filter((other) => other !== path)])],
    ]),
  };
}

function groupPage(group: Group, path: string, environment: readonly Row[]): ManualPage {
  const inside = Object.entries(group.nodes).map(([word, node]): Row => [joined(path, word), node.summary]);
  const whole = path === "";
  return {
    name: pageName(path),
    path,
    summary: group.summary,
    sections: present([
      ["SYNOPSIS", [{ kind: "literal", text: `akc ${joined(path, "COMMAND")} [arguments] [flags]` }]],
      ["DESCRIPTION", paragraphs(whole ? [`akc ${group.summary}.`, ...introduction] : [`${group.summary}.`])],
      ["COMMANDS", listed(inside.map(([words, says]): Row => [`akc ${words}`, says]))],
      ["EXAMPLES", examplesOf(group.examples ?? [])],
      ["EXIT STATUS", whole ? [{ kind: "rows", rows: Object.entries(exitCodes) }] : []],
      ["ENVIRONMENT", listed(environment)],
      ["FILES", whole ? listed(filesOf(undefined)) : []],
      ["SEE ALSO", pages([...(whole ? [] : [""]), ...inside.map(([words]) => words)])],
    ]),
  };
}

const introduction: readonly string[] = [
  "A plan is a bundle: actions, the order of its steps, and what it may do. akc decides what of that may run on this host, runs it durably, and can prove afterwards what happened.",
  "Every command prints text for people, and with `-o json` or `-o yaml` the same facts for programs. Data goes to standard output, words go to standard error.",
];

/** What all commands read, each variable once. */
async function environmentOf(root: Group): Promise<readonly Row[]> {
  const own: readonly Row[] = [["NO_COLOR", "Anything but empty: no colours."]];
  return [...(await variablesOf(root)), ...own].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Sections that say nothing are left out. */
function present(sections: readonly (readonly [string, readonly Block[]])[]): readonly Section[] {
  return sections.filter(([, blocks]) => blocks.length > 0).map(([title, blocks]) => ({ title, blocks }));
}

function paragraphs(texts: readonly string[]): readonly Block[] {
  return texts.map((text) => ({ kind: "paragraph", text }));
}

function rowsOf(args: readonly ArgRow[], term: (row: ArgRow) => string): readonly Block[] {
  return listed(args.map((row): Row => [term(row), descriptionOf(row[1])]));
}

function listed(rows: readonly Row[]): readonly Block[] {
  return rows.length === 0 ? [] : [{ kind: "rows", rows }];
}

function examplesOf(examples: readonly Example[]): readonly Block[] {
  return examples.length === 0 ? [] : [{ kind: "examples", examples }];
}

function pages(paths: readonly string[]): readonly Block[] {
  const names = [...new Set(paths.map(pageName))];
  return names.length === 0 ? [] : [{ kind: "pages", names }];
}

function pageName(path: string): string {
  return path === "" ? "akc" : `akc-${path.replaceAll(" ", "-")}`;
}

function joined(path: string, word: string): string {
  return path === "" ? word : `${path} ${word}`;
}
