/**
 * Messages on their way to a plugin. Every message goes off at once; what the plugin does not read waits, up to a bound. Only
 * answers to the plugin's own calls, which may be large and many, wait for room instead.
 * Never blocks and never throws for a plugin that is gone: its end is told by its process.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";

/** The part of Bun's `FileSink` that is used. */
export interface Sink {
  write(text: string): number | Promise<number>;
  flush(): number | Promise<number>;
}

export class Outbox {
  readonly #sink: Sink;
  readonly #messageBytes: number;
  #unreadBytes = 0;
  #flushes = 0;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(sink: Sink, messageBytes: number) {
    this.#sink = sink;
    this.#messageBytes = messageBytes;
  }

  /** What was written and has not gone into the pipe. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** @throws AkcError PLUGIN_MESSAGE_TOO_LARGE: nothing was sent; PLUGIN_TIMEOUT: the plugin has not read for too long. */
  send(message: object): void {
    if (this.#closed) return;
    const { text, bytes } = this.#written(message);
    if (this.#unreadBytes + bytes > limits.pluginUnreadBytesMax) {
      throw new AkcError("PLUGIN_TIMEOUT", { message: "the plugin does not read what it is sent" });
    }
    this.#put(text, bytes);
  }

  /**
   * Sends it once there is room, or never where the plugin is gone before.
   * @throws AkcError PLUGIN_MESSAGE_TOO_LARGE: nothing was sent
   */
  async sendInTurn(message: object): Promise<void> {
    const { text, bytes } = this.#written(message);
    // The other half is for what does not wait.
    const most = limits.pluginUnreadBytesMax / 2;
    while (!this.#closed && this.#unreadBytes > 0 && this.#unreadBytes + bytes > most) {
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
    if (!this.#closed) this.#put(text, bytes);
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #written(message: object): { readonly text: string; readonly bytes: number } {
    const text = `${JSON.stringify(message)}\n`;
    const bytes = text.length * 3 <= this.#messageBytes ? text.length : Buffer.byteLength(text);
    if (bytes <= this.#messageBytes) return { text, bytes };
    throw new AkcError("PLUGIN_MESSAGE_TOO_LARGE", {
      message: "a message to the plugin is larger than its limit",
      details: { bytes, limitBytes: this.#messageBytes },
    });
  }

  #put(text: string, bytes: number): void {
    this.#unreadBytes += bytes;
    try {
      this.#mind(this.#sink.write(text));
      this.#follow(this.#sink.flush());
    } catch {
      this.close();
    }
  }

  #read(): void {
    this.#unreadBytes = 0;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #mind(written: number | Promise<number>): void {
    if (written instanceof Promise) written.catch(() => this.close());
  }

  #follow(flushed: number | Promise<number>): void {
    if (!(flushed instanceof Promise)) {
      this.#read();
      return;
    }
    this.#flushes += 1;
    const latest = this.#flushes;
    flushed.then(
      () => {
        if (latest === this.#flushes) this.#read();
      },
      () => this.close(),
    );
  }
}
