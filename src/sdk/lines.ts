/**
 * Bytes into lines of text. Holds one unfinished line at most, and no more of it than the bound: what is longer is told as too
 * long and passed over, so that the conversation goes on with the next line.
 */
export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "too-long" }
  | { readonly kind: "not-utf8" };

const newline = 0x0a;

export class LineReader {
  /** Bytes of a line, without its newline; may be changed between two feedings. */
  bytesMax: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Bytes of an unfinished line that are kept; never more than the bound. */
  get heldBytes(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  *feed(chunk: Uint8Array): Generator<Line, void> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      yield this.#finish(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  #keep(rest: Uint8Array): void {
    this.#bytes += rest.length;
    if (this.#bytes > this.bytesMax) {
      this.#pieces = [];
      return;
    }
    // A copy: whoever fills the stream may use the memory again.
    this.#pieces.push(rest.slice());
  }

  #finish(last: Uint8Array): Line {
    const tooLong = this.#bytes + last.length > this.bytesMax;
    const bytes = tooLong || this.#pieces.length === 0 ? last : joined([...this.#pieces, last]);
    this.#pieces = [];
    this.#bytes = 0;
    if (tooLong) return { kind: "too-long" };
    try {
      return { kind: "line", text: this.#decoder.decode(bytes) };
    } catch {
      return { kind: "not-utf8" };
    }
  }
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
