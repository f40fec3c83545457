/**
 * PRETTY text in parts: arrays that are too long to stand in memory, and values put at their depth in a larger document.
 * The text is byte for byte what `prettyJson` would give for the whole.
 *
 * Source: spec cli §1.1.
 */
import { prettyJson } from "../json/canonical.ts";
import type { JsonValue } from "../json/value.ts";
import { type AtomicFile, createAtomicFile } from "../system/files.ts";
import { compactText, prettyLines } from "./fast-text.ts";

/** The value's text where it stands `depth` levels deep, without the indent of its first line. */
export function prettyAt(depth: number, value: JsonValue): string {
  const text = prettyJson(value);
  // A line feed inside a string is escaped, so every one that is here begins a line.
  return depth === 0 ? text : text.replaceAll("\n", `\n${indent(depth)}`);
}

export function indent(depth: number): string {
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
    this.#count += 1;
    const begin = this.#count === 1 ? "[\n" : ",\n";
    return begin + prettyLines(this.#depth + 1, value);
  }

  end(): string {
    return this.#count === 0 ? "[]" : `\n${indent(this.#depth)}]`;
  }
}

/** A file that holds one array. */
export interface ArrayFile {
  add(value: JsonValue): void;
  /** Writes what was added. Call it now and then: what is added waits in memory. */
  flush(): Promise<void>;
  /** Puts the file in place. Answers the fingerprint of the array if it was asked for, else "". */
  finish(): Promise<string>;
  discard(): Promise<void>;
}

/** @param fingerprinted whether to take the array's fingerprint on the way; costs about as much as writing it. */
export async function createArrayFile(path: string, fingerprinted: boolean): Promise<ArrayFile> {
  const file: AtomicFile = await createAtomicFile(path);
  const hasher = fingerprinted ? new Bun.CryptoHasher("sha256") : undefined;
  const text = new ArrayText();
  let parts: string[] = [];
  let first = true;
  hasher?.update("[");
  return {
    add(value) {
      parts.push(text.item(value));
      hasher?.update(first ? compactText(value) : `,${compactText(value)}`);
      first = false;
    },
    async flush() {
      const ready = parts.join("");
      parts = [];
      await file.write(ready);
    },
    async finish() {
      await file.write(parts.join("") + text.end());
      parts = [];
      await file.finish();
      return hasher?.update("]").digest("hex") ?? "";
    },
    discard: () => file.discard(),
  };
}
