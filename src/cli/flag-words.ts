/**
 * How flags and arguments are written and told, wherever a reader meets them: help, manual pages, the reference, completion.
 * Knows what the command table says of an argument, and nothing else.
 */
import type { ArgDef } from "citty";
import { type Command, commonArgs } from "./command.ts";
import { aliasesOf, flagName, hintOf } from "./strict.ts";

export type ArgRow = readonly [name: string, def: ArgDef];

/** The words of a command, in their order. */
export function positionalsOf({ args }: Command): readonly ArgRow[] {
  return Object.entries(args).filter(([, def]) => def.type === "positional");
}

/** @param common the flags that every command has, or those of this one */
export function flagsOf({ args }: Command, common: boolean): readonly ArgRow[] {
  return Object.entries(args).filter(
    ([name, def]) => def.type !== "positional" && name in commonArgs === common,
  );
}

/** What stands for a word. */
export function placeName([name, def]: ArgRow): string {
  return def.valueHint ?? name.toUpperCase();
}

/** All names of a flag with what stands for its value: `-o, --output FORMAT`. */
export function spellingsOf([name, def]: ArgRow): string {
  if (def.type === "boolean" && def.default === true) return `--no-${flagName(name).slice(2)}`;
  const given = aliasesOf(def);
  const short = given.filter((alias) => alias.length === 1).map((alias) => `-${alias}`);
  const long = given.filter((alias) => alias.length > 1).map(flagName);
  const hint = def.type === "boolean" ? "" : ` ${hintOf(def)}`;
  return `${[...short, flagName(name), ...long].join(", ")}${hint}`;
}

/** What an argument means, in one clause. */
export function summaryOf(def: ArgDef): string {
  if (def.type === "boolean" && def.default === true) return def.negativeDescription ?? "";
  return def.description ?? "";
}

/** The same, with whether it must be given or what it is otherwise. */
export function descriptionOf(def: ArgDef): string {
  if (def.type === "boolean" && def.default === true) return summaryOf(def);
  const fallback = def.default === undefined ? "" : ` [default: ${String(def.default)}]`;
  return `${summaryOf(def)}${def.required === true && def.type !== "positional" ? " [required]" : fallback}`;
}
