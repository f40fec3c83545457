/**
 * Finds out what is asked for at the cursor of a command line: a command's word, a flag, or the value of one. Reads the command table
 * and the words, forgives whatever is not right yet, and looks at nothing else.
 */
import type { ArgDef, ArgsDef } from "citty";
import { type Command, commonArgs } from "../command.ts";
import { aliasesOf, flagName } from "../strict.ts";
import type { Group, Leaf } from "../tree.ts";

/** The value that is asked for: of which argument, of which command, and what the line says besides. */
export interface WantedValue {
  readonly kind: "value";
  readonly command: Command;
  readonly name: string;
  readonly def: ArgDef;
  /** Flags and words that the line gives already, by the arguments' names; the last one counts. */
  readonly given: ReadonlyMap<string, string>;
  readonly typed: string;
  /** What stands before the value in the same word: `--mode=`. */
  readonly attached: string;
  /** Words that stand where this one does, when it may be repeated. */
  readonly before: readonly string[];
}

export type Wanted =
  | { readonly kind: "command"; readonly group: Group; readonly path: string; readonly typed: string }
  | {
      readonly kind: "flag";
      readonly command: Command;
      readonly given: ReadonlyMap<string, string>;
      readonly typed: string;
    }
  | { readonly kind: "early-flag"; readonly typed: string }
  | WantedValue
  | { readonly kind: "nothing" };

/** @param words after `akc`, up to and with the one at the cursor, which may be empty */
export async function wantedAt(root: Group, words: readonly string[]): Promise<Wanted> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  let node: Leaf | Group = root;
  let path = "";
  let index = before[0] === "help" ? 1 : 0;
  const early: string[] = [];
  for (; node.kind === "group" && index < before.length; index++) {
    const word = before[index] ?? "";
    if (word.startsWith("-")) {
      early.push(word);
      if (word === "-o" || word === "--output") early.push(before[++index] ?? "");
      continue;
    }
    const next: Leaf | Group | undefined = Object.hasOwn(node.nodes, word) ? node.nodes[word] : undefined;
    if (next === undefined) return { kind: "nothing" };
    node = next;
    path = path === "" ? word : `${path} ${word}`;
  }
  if (node.kind === "group") return atGroup(node, path, early, { typed, last: before.at(-1) });
  if (before[0] === "help") return { kind: "nothing" };
  return atCommand(await node.load(), before.slice(index), typed);
}

function atGroup(
  group: Group,
  path: string,
  early: readonly string[],
  { typed, last }: { readonly typed: string; readonly last: string | undefined },
): Wanted {
  const isFormat = early.length > 0 && (last === "-o" || last === "--output");
  const [, attached] = /^(--output=|-o=?)(?=.|$)/.exec(typed) ?? [];
  if (isFormat || (attached !== undefined && typed !== "-o")) {
    return {
      kind: "value",
      command: formatOnly,
      name: "output",
      def: commonArgs.output,
      given: new Map(),
      typed: isFormat ? typed : typed.slice((attached ?? "").length),
      attached: isFormat ? "" : (attached ?? ""),
      before: [],
    };
  }
  if (typed.startsWith("-")) return { kind: "early-flag", typed };
  return { kind: "command", group, path, typed };
}

/** Stands for whatever command will be named: its formats are those of every command. */
const formatOnly: Command = {
  path: "",
  summary: "",
  examples: [],
  exits: [],
  args: commonArgs,
  execute: async () => 0,
};

function atCommand(command: Command, before: readonly string[], typed: string): Wanted {
  const { args } = command;
  const spellings = spellingsOf(args);
  const positionals = Object.entries(args).filter(([, def]) => def.type === "positional");
  const given = new Map<string, string>();
  const placed: string[] = [];
  let onlyWords = false;
  let awaited: string | undefined;
  for (const word of before) {
    if (awaited !== undefined) {
      given.set(awaited, word);
      awaited = undefined;
    } else if (!onlyWords && word === "--") onlyWords = true;
    else if (!onlyWords && word.length > 1 && word.startsWith("-")) {
      const { spelling, value } = split(word);
      const name = spellings.get(spelling);
      if (name === undefined) continue;
      if (args[name]?.type !== "boolean" && value === undefined) awaited = name;
      else given.set(name, value ?? "");
    } else placed.push(word);
  }
  for (const [index, word] of placed.entries()) {
    const name = (positionals[index] ?? positionals.at(-1))?.[0];
    if (name !== undefined) given.set(name, word);
  }
  const value = (name: string, text: string, attached: string): Wanted => {
    const def = args[name];
    if (def === undefined) return { kind: "nothing" };
    return { kind: "value", command, name, def, given, typed: text, attached, before: placed };
  };
  if (awaited !== undefined) return value(awaited, typed, "");
  if (!onlyWords && typed.startsWith("-") && typed !== "-") {
    const { spelling, value: text } = split(typed);
    const name = spellings.get(spelling);
    if (text === undefined || name === undefined) return { kind: "flag", command, given, typed };
    return args[name]?.type === "boolean" ? { kind: "nothing" } : value(name, text, `${spelling}=`);
  }
  const last = positionals.at(-1);
  const isRepeated = last !== undefined && "repeatable" in last[1] && last[1].repeatable === true;
  const place = positionals[placed.length] ?? (isRepeated ? last : undefined);
  return place === undefined ? { kind: "flag", command, given, typed } : value(place[0], typed, "");
}

function spellingsOf(args: ArgsDef): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(args).flatMap(([name, def]) =>
      def.type === "positional"
        ? []
        : [name, ...aliasesOf(def)].map((spelling): [string, string] => [flagName(spelling), name]),
    ),
  );
}

function split(word: string): { readonly spelling: string; readonly value: string | undefined } {
  const equals = word.indexOf("=");
  return equals < 0
    ? { spelling: word, value: undefined }
    : { spelling: word.slice(0, equals), value: word.slice(equals + 1) };
}
