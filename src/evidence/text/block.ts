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

/** Text that stands in quotes as it is, in either form. */
export const plainText = /^[ !#-[\]-~]*$/;

export class TextBlock {
  #bytes = Buffer.allocUnsafe(blockBytes);
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
    if (typeof value === "string" && plainText.test(value)) {
      this.#makeRoom(value.length + 2);
      const bytes = this.#bytes;
      bytes[this.#length] = quote;
      const end = this.#length + 1 + bytes.write(value, this.#length + 1, "latin1");
      bytes[end] = quote;
      this.#length = end + 1;
    } else if (typeof value === "bigint" || Number.isSafeInteger(value)) {
      this.text(String(value));
    } else {
      this.text(scalarText(value, form));
    }
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

export function scalarText(value: Scalar, form: JsonForm): string {
  return form === "pretty" ? prettyJson(value) : canonicalJson(value);
}
