/**
 * Takes the digest of every evidence file while it is written, so that a run can say afterwards which bytes it left.
 * It reads no file again: what is hashed is what is handed to the disk.
 */
import { relative } from "node:path";
import type { ArtifactRef } from "../adapters/contract.ts";
import type { EvidenceFile } from "../store/contract.ts";
import { digestOfFile } from "../system/file-digest.ts";
import { type AtomicFile, createAtomicFile } from "../system/files.ts";

export class Seal {
  readonly #folder: string;
  readonly #files = new Map<string, EvidenceFile>();

  /** @param folder the run's own folder as its files are written now, absolute */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Of the files that were finished, in order of their names. */
  get files(): readonly EvidenceFile[] {
    return [...this.#files.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** As `createAtomicFile`; the file is sealed when it is finished. */
  async open(path: string): Promise<AtomicFile> {
    const file = await createAtomicFile(path);
    const hasher = new Bun.CryptoHasher("sha256");
    let sizeBytes = 0;
    return {
      write(part) {
        hasher.update(part);
        sizeBytes += typeof part === "string" ? Buffer.byteLength(part) : part.length;
        return file.write(part);
      },
      finish: async () => {
        await file.finish();
        const name = relative(this.#folder, path);
        this.#files.set(name, { name, sha256: hasher.digest("hex"), sizeBytes });
      },
      discard: () => file.discard(),
    };
  }

  /** Content whose digest is known is written only where it does not stand already. */
  async put(
    path: string,
    { sha256, sizeBytes }: ArtifactRef,
    content: () => Promise<Uint8Array>,
  ): Promise<void> {
    if ((await digestOfFile(path))?.sha256 === sha256) {
      const name = relative(this.#folder, path);
      this.#files.set(name, { name, sha256, sizeBytes });
      return;
    }
    const file = await this.open(path);
    try {
      await file.write(await content());
      await file.finish();
    } catch (cause) {
      await file.discard();
      throw cause;
    }
  }

  /** As `writeFileAtomic`. */
  async write(path: string, content: string | Iterable<string> | AsyncIterable<string>): Promise<void> {
    const file = await this.open(path);
    try {
      if (typeof content === "string") await file.write(content);
      else for await (const part of content) await file.write(part);
      await file.finish();
    } catch (cause) {
      await file.discard();
      throw cause;
    }
  }
}
