/**
 * JSON text gathered as bytes, until there is enough of it to be worth a system call.
 * It knows how a single value is written, nothing of rows, and never touches a file.
 *
 * Source: spec cli §1.1 (PRETTY is ASCII), spec bundle §1.3 (COMPACT keeps characters as they are).
 */
import { canonicalJson, prettyJson } from "../../json/canonical.ts";
import type { JsonFloat } from "../../json/value.ts";

export type JsonForm = "pretty" | "compact";

/** A JSON value that holds no other. */
export type Scalar = string | number | boolean | bigint | JsonFloat | null;

/** What is gathered before it is handed on; a block has room for as much again, since rows are not divided. */
export const handOnBytes = 256 * 1024;
const blockBytes = 2 * handOnBytes;
/** Most runs tell little, each into a dozen blocks: with room for a long run from the start, every one would cost megabytes of garbage. */
const firstBytes = 16 * 1024;

/** Text that stands in quotes as it is, in either form. */
export const plainText = /^[ !#-[\]-~]*$/;

export class TextBlock {
  #bytes = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds bytes as they are. */
  copy(piece: Uint8Array): void {
    this.#makeRoom(piece.length);
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** Adds text as it is. */
  text(text: string): void {
    this.#makeRoom(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Adds a value. @throws AkcError as `prettyJson` */
  scalar(value: Scalar, form: JsonForm): void {
    if (typeof value === "string") {
      if (!this.#plain(value)) this.text(scalarText(value, form));
    } else if (typeof value === "bigint" || Number.isSafeInteger(value)) {
      this.#digits(String(value));
    } else {
      this.text(scalarText(value, form));
    }
  }

  /** Adds a string that stands in quotes as it is; leaves the block as it was and answers false for any other. */
  #plain(value: string): boolean {
    this.#makeRoom(value.length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = quote;
    // Checked and copied in one go: with strings this short, every call into the engine would cost more than all of them.
    for (let index = 0; index < value.length; index += 1) {
      const unit = value.charCodeAt(index);
      if (isPlain[unit] !== 1) return false;
      bytes[at++] = unit;
    }
    bytes[at++] = quote;
    this.#length = at;
    return true;
  }

  #digits(text: string): void {
    this.#makeRoom(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < text.length; index += 1) bytes[at++] = text.charCodeAt(index);
    this.#length = at;
  }

  /** What was added since the block was `start` bytes long. Valid until the block is cleared or added to. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  clear(): void {
    this.#length = 0;
    // One long row does not make the block large for good.
    if (this.#bytes.length > 4 * blockBytes) this.#bytes = Buffer.allocUnsafe(blockBytes);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    larger.set(this.since(0));
    this.#bytes = larger;
  }
}

const quote = 0x22;
const backslash = 0x5c;

/** By UTF-16 unit. */
const isPlain = new Uint8Array(0x7f).fill(1, 0x20);
isPlain[quote] = 0;
isPlain[backslash] = 0;

export function scalarText(value: Scalar, form: JsonForm): string {
  if (typeof value === "string" && plainText.test(value)) return `"${value}"`;
  return form === "pretty" ? prettyJson(value) : canonicalJson(value);
}
