/**
 * What a child writes: the pipes, a budget in bytes, and back-pressure all the way to the child.
 * Never holds more of it than a window, and never looks into it.
 */
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { limits } from "../limits.ts";
import { libc } from "./libc.ts";
import type { FromWorker, OutputStream } from "./spawn-protocol.ts";

export interface Channel {
  /** What `Bun.spawn` is given. */
  readonly childEnd: number | "pipe";
  /** Our end, after the child has its own. */
  open(fromBun: ReadableStream<Uint8Array> | number | undefined): ReadableStream<Uint8Array>;
  /** After the last read. */
  close(): void;
  /** When there is no child after all. */
  abandon(): void;
}

/**
 * A real pipe where we can make one. Bun's own is a socket pair, which a child cannot reopen: `echo x > /dev/stderr` fails there.
 */
export function openChannel(): Channel {
  const host = libc();
  const ends = host?.pipe();
  if (host === undefined || ends === undefined) {
    return {
      childEnd: "pipe",
      open: (fromBun) => (fromBun instanceof ReadableStream ? fromBun : new Blob([]).stream()),
      close: () => undefined,
      abandon: () => undefined,
    };
  }
  const [readEnd, writeEnd] = ends;
  return {
    childEnd: writeEnd,
    open() {
      host.close(writeEnd);
      // Opened anew by its path: the descriptor that Bun reads is its own to close.
      return Bun.file(`/proc/self/fd/${readEnd}`).stream();
    },
    close: () => host.close(readEnd),
    abandon() {
      host.close(readEnd);
      host.close(writeEnd);
    },
  };
}

/** Bytes allowed in all, and bytes on their way to the main thread: reading waits while those are too many. */
export class OutputBudget {
  #left: number;
  #underWay = 0;
  #waiting: (() => void)[] = [];
  readonly #exceeded: () => void;

  constructor(bytesMax: number, exceeded: () => void) {
    this.#left = bytesMax;
    this.#exceeded = exceeded;
  }

  /** How many of `bytes` may be kept. */
  admit(bytes: number): number {
    const kept = Math.min(bytes, this.#left);
    this.#left -= kept;
    if (kept < bytes) this.#exceeded();
    return kept;
  }

  sent(bytes: number): void {
    this.#underWay += bytes;
  }

  taken(bytes: number): void {
    this.#underWay -= bytes;
    if (this.#underWay >= limits.subprocessOutputWindowBytes) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves at once while there is room. */
  room(): Promise<void> | undefined {
    if (this.#underWay < limits.subprocessOutputWindowBytes) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Reads one stream to its end, in pieces worth a message. */
export class OutputReader {
  readonly #name: OutputStream;
  readonly #id: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #budget: OutputBudget;
  readonly #send: (message: FromWorker) => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(
    name: OutputStream,
    id: string,
    stream: ReadableStream<Uint8Array>,
    budget: OutputBudget,
    send: (message: FromWorker) => void,
  ) {
    this.#name = name;
    this.#id = id;
    this.#reader = stream.getReader();
    this.#budget = budget;
    this.#send = send;
  }

  async run(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) return;
      const kept = this.#budget.admit(value.length);
      if (kept > 0) {
        this.#pieces.push(kept === value.length ? value : value.subarray(0, kept));
        this.#bytes += kept;
      }
      if (kept < value.length) return this.drop();
      if (this.#bytes < limits.subprocessOutputMessageBytes) continue;
      const bytes = this.rest();
      if (bytes === null) continue;
      this.#budget.sent(bytes.length);
      this.#send({ kind: "output", id: this.#id, stream: this.#name, bytes });
      const room = this.#budget.room();
      if (room !== undefined) await room;
    }
  }

  /** What has been read and not sent; null when there is nothing. */
  rest(): Uint8Array | null {
    if (this.#bytes === 0) return null;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#bytes = 0;
    return whole;
  }

  /** Closes our end: whoever still writes gets SIGPIPE, and `run` comes to its end. */
  drop(): void {
    void this.#reader.cancel().catch(() => undefined);
  }
}
