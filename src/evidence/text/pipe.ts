/**
 * Bytes on their way to a file: gathered in one block while the block before it is being written.
 * It decides when, never where to: the file is whoever takes the blocks.
 */
import { handOnBytes, TextBlock } from "./block.ts";

export class BlockPipe {
  /** Where to add text. Another one after every wait. */
  block = new TextBlock();
  #spare = new TextBlock();
  #underWay: Promise<void> = Promise.resolve();
  readonly #write: (bytes: Uint8Array) => Promise<void>;

  /** @param write takes the next bytes of the file; they stay as they are until it has settled. */
  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  /** Hands on what was gathered, if it is enough by now. Call it now and then: what is not handed on waits in memory. */
  async flush(): Promise<void> {
    if (this.block.length >= handOnBytes) await this.#handOn();
  }

  /** Hands on the rest and waits until all is written. */
  async end(): Promise<void> {
    await this.#handOn();
    await this.#underWay;
  }

  /** Waits until nothing is being written any more, however it went. */
  async settled(): Promise<void> {
    await this.#underWay.catch(() => undefined);
  }

  async #handOn(): Promise<void> {
    await this.#underWay;
    const full = this.block;
    this.block = this.#spare;
    this.#spare = full;
    this.block.clear();
    this.#underWay = this.#write(full.since(0));
    // Whoever waits for it next is told of its failure; until then nobody is.
    this.#underWay.catch(() => undefined);
  }
}
