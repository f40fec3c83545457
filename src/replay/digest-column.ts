/**
 * SHA-256 digests by number, 32 bytes each: as texts they would take four times as much. It knows nothing of whose they are.
 */

const digestBytes = 32;

export class DigestColumn {
  #bytes = Buffer.alloc(64 * digestBytes);

  /** @param sha256 64 hex digits */
  set(index: number, sha256: string): void {
    const at = index * digestBytes;
    if (at + digestBytes > this.#bytes.length) this.#grow(at + digestBytes);
    this.#bytes.write(sha256, at, "hex");
  }

  get(index: number): string {
    return this.#bytes.toString("hex", index * digestBytes, (index + 1) * digestBytes);
  }

  #grow(atLeast: number): void {
    const larger = Buffer.alloc(Math.max(atLeast, this.#bytes.length * 2));
    this.#bytes.copy(larger);
    this.#bytes = larger;
  }
}
