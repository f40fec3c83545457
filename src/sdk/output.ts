/**
 * The output of one call on its way to the host: in order, in pieces that fit a message, never more than the host gave credit for.
 * Whoever produces it waits; nothing is dropped and no more than one piece is copied.
 */
import { cancelled } from "./errors.ts";
import type { Peer } from "./peer.ts";
import { notifications } from "./protocol.ts";

const pieceBytesMax = 64 * 1024;
/** The message around a piece. */
const envelopeBytes = 256;

export class Output {
  /** Whether any was sent. */
  used = false;
  readonly #call: number;
  readonly #peer: Peer;
  readonly #signal: AbortSignal;
  #credit: number;
  #waiting: (() => void) | undefined;
  #tail: Promise<void> | undefined;

  constructor(call: number, peer: Peer, windowBytes: number, signal: AbortSignal) {
    this.#call = call;
    this.#peer = peer;
    this.#credit = windowBytes;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#waiting?.(), { once: true });
  }

  send(bytes: Uint8Array): Promise<void> {
    this.used = true;
    const before = this.#tail;
    const sent = before === undefined ? this.#send(bytes) : before.then(() => this.#send(bytes));
    const tail = sent
      .catch(() => undefined)
      .then(() => {
        if (this.#tail === tail) this.#tail = undefined;
      });
    this.#tail = tail;
    return sent;
  }

  /** All that was handed in has been sent, or never will be. */
  async settled(): Promise<void> {
    while (this.#tail !== undefined) await this.#tail;
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    this.#waiting?.();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      if (this.#signal.aborted) throw cancelled();
      if (this.#credit <= 0) {
        await new Promise<void>((go) => {
          this.#waiting = go;
        });
        this.#waiting = undefined;
        continue;
      }
      const length = Math.min(bytes.length - from, this.#credit, pieceBytes(this.#peer.messageBytesMax));
      this.#credit -= length;
      this.#peer.notify(notifications.output, {
        call: this.#call,
        data_base64: bytes.subarray(from, from + length).toBase64(),
      });
      from += length;
      await this.#peer.room();
    }
  }
}

/** As many bytes as fit into one message in base64. */
export function pieceBytes(messageBytes: number): number {
  return Math.max(1, Math.min(pieceBytesMax, Math.floor(((messageBytes - envelopeBytes) * 3) / 4)));
}
