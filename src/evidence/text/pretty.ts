/**
 * PRETTY text in parts: arrays that are too long to stand in memory, and values put at their depth in a larger document.
 * The text is byte for byte what `prettyJson` would give for the whole.
 *
 * Source: spec cli §1.1.
 */
import { prettyJson } from "../../json/canonical.ts";
import type { JsonValue } from "../../json/value.ts";

/** The value's text where it stands `depth` levels deep, without the indent of its first line. */
export function prettyAt(depth: number, value: JsonValue): string {
  const text = prettyJson(value);
  // A line feed inside a string is escaped, so every one that is here begins a line.
  return depth === 0 ? text : text.replaceAll("\n", `\n${indent(depth)}`);
}

function indent(depth: number): string {
  return "  ".repeat(depth);
}

/** The items of an array as they are added, `depth` levels deep. */
export class ArrayText {
  #count = 0;
  readonly #depth: number;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  item(value: JsonValue): string {
    return this.begin() + prettyAt(this.#depth + 1, value);
  }

  /** What stands before the next item, for one whose text is written elsewhere. */
  begin(): string {
    this.#count += 1;
    return (this.#count === 1 ? "[\n" : ",\n") + indent(this.#depth + 1);
  }

  end(): string {
    return this.#count === 0 ? "[]" : `\n${indent(this.#depth)}]`;
  }
}
