/**
 * A thread that takes digests of files beside the work of this one. Where no thread can be started this one does it.
 */
import { digestOfFile, type FileDigest } from "./file-digest.ts";
import { workerUrl } from "./worker-entries.ts";

interface Answer {
  readonly id: number;
  readonly digest: FileDigest | undefined;
}

export class DigestThread {
  readonly #waiting = new Map<
    number,
    { readonly path: string; readonly settle: (digest: FileDigest | undefined) => void }
  >();
  #worker: Worker | undefined;
  #asked = 0;

  constructor() {
    try {
      this.#worker = new Worker(workerUrl("system/digest-worker.ts"));
      this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#take(data.id)?.(data.digest);
      this.#worker.onerror = () => this.#goOnAlone();
    } catch {
      this.#worker = undefined;
    }
  }

  /** undefined when there is no such file, or it cannot be read. */
  digestOf(path: string): Promise<FileDigest | undefined> {
    const worker = this.#worker;
    if (worker === undefined) return digestOfFile(path);
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((settle) => {
      this.#waiting.set(id, { path, settle });
      worker.postMessage({ id, path });
    });
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #take(id: number): ((digest: FileDigest | undefined) => void) | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting?.settle;
  }

  #goOnAlone(): void {
    this.close();
    for (const { path, settle } of this.#waiting.values()) void digestOfFile(path).then(settle);
    this.#waiting.clear();
  }
}
