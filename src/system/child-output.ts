/**
 * What a child writes: the pipes, a budget in bytes, and back-pressure all the way to the child.
 * Never holds more of it than a window, and never looks into it.
 */
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { limits } from "../limits.ts";
import { libc } from "./libc.ts";
import type { FromWorker, OutputStream } from "./spawn-protocol.ts";

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

interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

export interface OutputOf {
  readonly id: string;
  readonly name: OutputStream;
  readonly budget: OutputBudget;
  readonly send: (message: FromWorker) => void;
}

/**
 * One stream of a child. Over a real pipe where we can make one: Bun's own is a socket pair, which a child cannot reopen,
 * so that `echo x > /dev/stderr` fails. A pipe of ours is looked at only when the child has ended or has lived a while.
 */
export class ChildOutput {
  readonly #of: OutputOf;
  readonly #pipe: Pipe | undefined;
  #stream: ReadableStream<Uint8Array> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #streaming: Promise<void> | undefined;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #waitsForRoom = false;

  constructor(of: OutputOf) {
    this.#of = of;
    const ends = libc()?.pipe();
    this.#pipe = ends === undefined ? undefined : { readEnd: ends[0], writeEnd: ends[1] };
  }

  /** What `Bun.spawn` is given. */
  get childEnd(): number | "pipe" {
    return this.#pipe?.writeEnd ?? "pipe";
  }

  /** After the spawn: the child alone writes now. */
  attach(fromBun: ReadableStream<Uint8Array> | number | undefined): void {
    if (this.#pipe !== undefined) libc()?.close(this.#pipe.writeEnd);
    else if (fromBun instanceof ReadableStream) this.#stream = fromBun;
  }

  /** When there is no child after all. */
  abandon(): void {
    if (this.#pipe !== undefined) libc()?.close(this.#pipe.writeEnd);
    this.close();
  }

  /** Reads as the child writes, from now on. */
  watch(): Promise<void> {
    this.#streaming ??= this.#readAll();
    return this.#streaming;
  }

  /** Once the child is dead: reads the rest. Undefined when that is done, otherwise somebody else holds the pipe. */
  drain(): Promise<void> | undefined {
    const host = libc();
    if (this.#streaming !== undefined || this.#pipe === undefined || host === undefined) return this.watch();
    for (;;) {
      const length = host.readNow(this.#pipe.readEnd, scratch);
      if (length === undefined) return this.watch();
      if (length === 0 || !this.#keep(scratch.slice(0, length))) return undefined;
    }
  }

  /** Ends reading: whoever still writes gets SIGPIPE. Not while it is the main thread that is slow; false then. */
  drop(): boolean {
    if (this.#waitsForRoom) return false;
    void this.#reader?.cancel().catch(() => undefined);
    return true;
  }

  /** After the last read. */
  close(): void {
    if (this.#pipe !== undefined) libc()?.close(this.#pipe.readEnd);
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

  async #readAll(): Promise<void> {
    // Opened anew by its path: the descriptor that Bun reads is its own to close.
    this.#stream ??= Bun.file(`/proc/self/fd/${this.#pipe?.readEnd}`).stream();
    this.#reader = this.#stream.getReader();
    for (;;) {
      const { done, value } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) return;
      if (!this.#keep(value)) return void this.drop();
      if (this.#bytes < limits.subprocessOutputMessageBytes) continue;
      this.#sendOff();
      const room = this.#of.budget.room();
      if (room === undefined) continue;
      this.#waitsForRoom = true;
      await room;
      this.#waitsForRoom = false;
    }
  }

  /** False when the budget is used up. */
  #keep(bytes: Uint8Array): boolean {
    const kept = this.#of.budget.admit(bytes.length);
    if (kept > 0) {
      this.#pieces.push(kept === bytes.length ? bytes : bytes.subarray(0, kept));
      this.#bytes += kept;
    }
    return kept === bytes.length;
  }

  #sendOff(): void {
    const bytes = this.rest();
    if (bytes === null) return;
    this.#of.budget.sent(bytes.length);
    this.#of.send({ kind: "output", id: this.#of.id, stream: this.#of.name, bytes });
  }
}

/** For the rest in a pipe whose writer is dead; one at a time on this thread. */
const scratch = new Uint8Array(64 * 1024);
