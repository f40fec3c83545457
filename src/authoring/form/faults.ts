/**
 * Collects what is wrong with a plan while it is read and checked, each with its path of keys and the rule that it breaks.
 * Knows no line and no column: `place.ts` finds them once, at the end.
 */
import { limits } from "../../limits.ts";
import { nearestWord } from "../../spelling.ts";
import type { Rule } from "../rules.ts";

/** Keys and indexes from the top of the file. */
export type Path = readonly string[];

export interface Fault {
  readonly path: Path;
  readonly rule: Rule;
  readonly message: string;
  /** Where it is shown: at the value unless said. */
  readonly at: "value" | "key";
}

export class Faults {
  readonly found: Fault[] = [];
  /** Worth saying, and no reason to refuse the plan. */
  readonly warnings: Fault[] = [];

  add(rule: Rule, path: Path, message: string, at: Fault["at"] = "value"): void {
    if (this.found.length < limits.issuesCollectedMax) this.found.push({ path, rule, message, at });
  }

  warn(rule: Rule, path: Path, message: string, at: Fault["at"] = "value"): void {
    if (this.warnings.length < limits.issuesCollectedMax) this.warnings.push({ path, rule, message, at });
  }
}

/** `; did you mean "x"?`, or what else there is to say; empty where nothing is near. */
export function meant(word: string, known: readonly string[], otherwise = ""): string {
  const near = nearestWord(word, known);
  return near === undefined ? otherwise : `; did you mean \`${near}\`?`;
}

/** `a`, `b` and `c`, shortened where there are many. */
export function namesOf(words: readonly string[]): string {
  const shown = words.slice(0, 8).map((word) => `\`${word}\``);
  return words.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
}
