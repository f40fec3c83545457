/**
 * Files of rows that grow with a run: one JSON array, or a row a line. Rows are written as they come and the file appears
 * when it is finished, whole.
 */
import type { JsonValue } from "../../json/value.ts";
import { type AtomicFile, createAtomicFile } from "../../system/files.ts";
import { handOnBytes, TextBlock } from "./block.ts";
import { BlockPipe } from "./pipe.ts";
import { ArrayText } from "./pretty.ts";
import { RowWriter } from "./row-writer.ts";

export interface RowFile {
  /** A row that was added must not be changed afterwards. */
  add(row: JsonValue): void;
  /** Call it now and then: what was added waits in memory. @throws AkcError DISK_FULL */
  flush(): Promise<void>;
  discard(): Promise<void>;
}

export interface ArrayFile extends RowFile {
  /** Puts the file in place. Answers the fingerprint of the array if it was asked for, else "". */
  finish(): Promise<string>;
}

export interface ArrayFileOptions {
  /** Whether to take the array's fingerprint on the way; costs about as much as writing it. */
  readonly fingerprinted?: boolean;
  /** How the file is made; `createAtomicFile` when absent. */
  readonly open?: (path: string) => Promise<AtomicFile>;
  /** The text of the document around the array, of which the array is a member. */
  readonly around?: { readonly before: string; readonly after: string };
}

export async function createArrayFile(path: string, options: ArrayFileOptions = {}): Promise<ArrayFile> {
  const { around, fingerprinted = false, open = createAtomicFile } = options;
  const depth = around === undefined ? 0 : 1;
  const file = await open(path);
  const pipe = pipeTo(file);
  const rows = new RowWriter({ form: "pretty", depth: depth + 1 });
  const array = new ArrayText(depth);
  const hash = fingerprinted ? new ArrayFingerprint() : undefined;
  pipe.block.text(around?.before ?? "");
  return {
    add(row) {
      pipe.block.text(array.begin());
      rows.write(pipe.block, row);
      hash?.add(row);
    },
    flush: () => pipe.flush(),
    async finish() {
      pipe.block.text(array.end() + (around?.after ?? ""));
      await pipe.end();
      await file.finish();
      return hash?.digest() ?? "";
    },
    discard: () => discarded(file, pipe),
  };
}

/** A file of COMPACT rows, a row a line. */
export interface LineFile extends RowFile {
  /** Answers the bytes of the row, without the line feed; valid until something is added or flushed. */
  add(row: JsonValue): Uint8Array;
  /** Puts the file in place, unless it has no row. Answers the SHA-256 of its bytes if that was asked for. */
  finish(): Promise<string | undefined>;
}

export async function createLineFile(
  path: string,
  hashed: boolean,
  open: (path: string) => Promise<AtomicFile> = createAtomicFile,
): Promise<LineFile> {
  const file = await open(path);
  const hasher = hashed ? new Bun.CryptoHasher("sha256") : undefined;
  const pipe = new BlockPipe((bytes) => {
    hasher?.update(bytes);
    return file.write(bytes);
  });
  const rows = new RowWriter({ form: "compact", depth: 0 });
  let empty = true;
  return {
    add(row) {
      const { block } = pipe;
      const start = block.length;
      rows.write(block, row);
      const end = block.length;
      block.text("\n");
      empty = false;
      return block.since(start).subarray(0, end - start);
    },
    flush: () => pipe.flush(),
    async finish() {
      await pipe.end();
      if (!empty) await file.finish();
      else await file.discard();
      return empty ? undefined : hasher?.digest("hex");
    },
    discard: () => discarded(file, pipe),
  };
}

function pipeTo(file: AtomicFile): BlockPipe {
  return new BlockPipe((bytes) => file.write(bytes));
}

/** A file that is closed under a write may hand its descriptor to another one in between. */
async function discarded(file: AtomicFile, pipe: BlockPipe): Promise<void> {
  await pipe.settled();
  await file.discard();
}

/** The fingerprint of an array that is never there as a whole. */
class ArrayFingerprint {
  readonly #hasher = new Bun.CryptoHasher("sha256");
  readonly #rows = new RowWriter({ form: "compact", depth: 0 });
  readonly #block = new TextBlock();
  #separator = "[";

  add(row: JsonValue): void {
    this.#block.text(this.#separator);
    this.#rows.write(this.#block, row);
    this.#separator = ",";
    if (this.#block.length >= handOnBytes) this.#handOn();
  }

  digest(): string {
    this.#block.text(this.#separator === "[" ? "[]" : "]");
    this.#handOn();
    return this.#hasher.digest("hex");
  }

  #handOn(): void {
    this.#hasher.update(this.#block.since(0));
    this.#block.clear();
  }
}
