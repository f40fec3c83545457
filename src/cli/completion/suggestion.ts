/**
 * What completion answers: words with a remark each, or that the shell is to offer files or folders itself. Plain data and how it is
 * written for the shells' scripts; knows no command and no disk.
 */
import { limits } from "../../limits.ts";
import { printable } from "../render/text.ts";

export interface Suggestion {
  readonly word: string;
  readonly says?: string;
}

export interface Answer {
  /** `files`, `folders`: the shell completes paths by itself. `kept`: the words' order means something. */
  readonly kind: "words" | "kept" | "files" | "folders";
  readonly words: readonly Suggestion[];
}

export const nothing: Answer = { kind: "words", words: [] };

/** What is no plain word would have to be quoted, by each shell in its own way; ids of ours are never anything else. */
const plainWord = /^[\w.:@/+=,%-]+$/;

/** Those that begin with what was typed, each once, bounded. */
export function beginningWith(typed: string, suggestions: Iterable<Suggestion>): readonly Suggestion[] {
  const found = new Map<string, Suggestion>();
  for (const suggestion of suggestions) {
    const { word } = suggestion;
    if (!word.startsWith(typed) || !plainWord.test(word) || found.has(word)) continue;
    found.set(word, suggestion);
    if (found.size >= limits.completionWordsMax) break;
  }
  return [...found.values()];
}

/** The kind on the first line, then one line a word: the word, a tab, a remark. */
export function written({ kind, words }: Answer): string {
  const lines = words.map(({ word, says }) =>
    says === undefined || says === "" ? word : `${word}\t${remark(says)}`,
  );
  return `${[kind, ...lines].join("\n")}\n`;
}

/** One line of harmless text, short enough for a list. */
function remark(says: string): string {
  const text = printable(says);
  const max = limits.completionDescriptionCharsMax;
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
