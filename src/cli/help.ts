/**
 * The help texts, made from the commands' data: examples first, then flags, then exit codes.
 * Never loads a command only to list it.
 */
import type { Command } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { descriptionOf, flagsOf, placeName, positionalsOf, spellingsOf } from "./flag-words.ts";
import type { Place } from "./io.ts";
import { type Style, styleOf } from "./render/style.ts";
import { padEnd, width, wrap } from "./render/text.ts";
import { usageLine } from "./strict.ts";
import type { Group, Leaf } from "./tree.ts";

/** Wider lines are hard to read, however wide the terminal is. */
const columnsMax = 100;

export function commandHelp(command: Command, place: Place): string {
  const page = new Page(place);
  page.title(`akc ${command.path}`, command.summary);
  for (const note of command.notes ?? []) page.paragraph(note);
  page.examples(command.examples);
  page.section("Usage", [[usageLine(command), ""]]);
  page.section(
    "Arguments",
    positionalsOf(command).map((row) => [placeName(row), row[1].description ?? ""]),
  );
  page.section("Flags", flagRows(command, false));
  page.section("Flags of every command", flagRows(command, true));
  page.section("Environment", Object.entries(command.environment ?? {}));
  page.section(
    "Exit codes",
    command.exits.map((code) => [String(code), exitCodes[code]]),
  );
  return page.text();
}

export function groupHelp(group: Group, path: string, place: Place): string {
  const page = new Page(place);
  page.title(path === "" ? "akc" : `akc ${path}`, group.summary);
  page.examples(group.examples ?? []);
  const prefix = path === "" ? "" : `${path} `;
  const leaves = leavesOf(group).filter(([, leaf]) => leaf.listedIn === undefined);
  for (const [name, node] of Object.entries(group.nodes)) {
    if (node.kind === "group" && path === "") {
      const rowOf = ([words, { summary }]: readonly [string, Leaf | Group]): readonly [string, string] => [
        `akc ${words}`,
        summary,
      ];
      const names = Object.keys(group.nodes);
      const beside = leavesOf(group).filter(([, leaf]) => leaf.listedIn === name);
      // A command that stands before the group in the tree is listed before the group's own.
      const isFirst = ([word]: readonly [string, Leaf]) => names.indexOf(word) < names.indexOf(name);
      const own = Object.entries(node.nodes).map(([sub, leaf]) => [`${name} ${sub}`, leaf] as const);
      const rows = [...beside.filter(isFirst), ...own, ...beside.filter((row) => !isFirst(row))];
      page.section(node.summary, rows.map(rowOf));
    }
  }
  page.section(
    path === "" ? "akc itself" : "Commands",
    leaves.map(([name, node]) => [`akc ${prefix}${name}`, node.summary]),
  );
  page.paragraph(`\`akc ${prefix}COMMAND --help\` shows examples, flags and exit codes of a command.`);
  return page.text();
}

function leavesOf(group: Group): readonly (readonly [string, Leaf])[] {
  return Object.entries(group.nodes).flatMap(([word, node]) =>
    node.kind === "leaf" ? [[word, node] as const] : [],
  );
}

function flagRows(command: Command, common: boolean): (readonly [string, string])[] {
  return flagsOf(command, common).map((row) => [spellingsOf(row), descriptionOf(row[1])]);
}

class Page {
  readonly #style: Style;
  readonly #columns: number;
  readonly #blocks: string[] = [];

  constructor(place: Place) {
    this.#style = styleOf(place.color);
    this.#columns = Math.min(Math.max(place.columns(), 40), columnsMax);
  }

  title(name: string, summary: string): void {
    const text = wrap(`${name}: ${summary}`, this.#columns).join("\n");
    this.#blocks.push(`${this.#style.strong(name)}${text.slice(name.length)}`);
  }

  paragraph(text: string): void {
    this.#blocks.push(wrap(text, this.#columns).join("\n"));
  }

  examples(examples: readonly { command: string; says: string }[]): void {
    if (examples.length === 0) return;
    const remark = (says: string) =>
      wrap(says, this.#columns - 4).map((line) => `  ${this.#style.faint(`# ${line}`)}`);
    // An example is copied as it stands: it is never broken.
    const lines = examples.map(({ command, says }) => [...remark(says), `  ${command}`].join("\n"));
    this.#blocks.push(`${this.#style.strong("Examples")}\n${lines.join("\n\n")}`);
  }

  section(title: string, rows: readonly (readonly [string, string])[]): void {
    if (rows.length === 0) return;
    const left = Math.min(Math.max(...rows.map(([name]) => width(name))), 30);
    const lines = rows.flatMap(([name, text]) => {
      const wrapped = text === "" ? [] : wrap(text, Math.max(20, this.#columns - left - 4));
      const first =
        width(name) > left ? [`  ${name}`] : [`  ${padEnd(name, left)}  ${wrapped.shift() ?? ""}`];
      return [...first, ...wrapped.map((part) => `  ${" ".repeat(left)}  ${part}`)];
    });
    this.#blocks.push(`${this.#style.strong(title)}\n${lines.map((text) => text.trimEnd()).join("\n")}`);
  }

  text(): string {
    return `${this.#blocks.join("\n\n")}\n`;
  }
}
