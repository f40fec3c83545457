/**
 * Artifacts too large for the database: files named by their content, `<root>/<2 hex>/<64 hex>`, whole or not there.
 * Knows nothing of the database; a file that no row names is only wasted space. How a file goes stands in `dead-files.ts`.
 */
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { errnoOf } from "../../system/files.ts";
import { guarded, storeFault } from "./faults.ts";
import { newIncomingPath } from "./incoming.ts";

export function artifactPath(root: string, sha256: string): string {
  return join(root, sha256.slice(0, 2), sha256);
}

/** Another name of a content, which this process alone removes: the content stays until then, whoever removes its own name. */
export interface HeldFile {
  readonly path: string;
}

/** A file under way. `keep` makes it durable under its content's name; until then it does not exist for anybody else. */
export class IncomingFile {
  readonly #root: string;
  readonly #path: string;
  readonly #file: number;
  #open = true;

  /** @throws AkcError DISK_FULL, STORE_UNWRITABLE */
  constructor(root: string) {
    this.#root = root;
    this.#path = newIncomingPath(root);
    this.#file = guarded(this.#path, () => openSync(this.#path, "wx", 0o644));
  }

  /** @throws AkcError DISK_FULL, after which nothing is kept. */
  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#file, bytes, at);
    } catch (cause) {
      this.discard();
      throw storeFault(cause, this.#path);
    }
  }

  /** @throws AkcError DISK_FULL, STORE_IO, after which nothing is kept. */
  keep(sha256: string): HeldFile {
    const held = { path: this.#path };
    try {
      fsyncSync(this.#file);
      closeSync(this.#file);
      this.#open = false;
      place(this.#root, sha256, held);
      failpoint("artifact.kept");
      return held;
    } catch (cause) {
      this.discard();
      throw storeFault(cause, artifactPath(this.#root, sha256));
    }
  }

  discard(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
    removeIfThere(this.#path);
  }
}

/** Holds what is there with this size, or answers undefined; what it contains is checked when it is read. */
export function holdIfThere(root: string, sha256: string, sizeBytes: number): HeldFile | undefined {
  const path = artifactPath(root, sha256);
  const held = { path: newIncomingPath(root) };
  try {
    nameAgain(path, held.path);
    if (statSync(held.path).size === sizeBytes) {
      // Who wrote it may not have come to this yet.
      syncFolder(dirname(path));
      return held;
    }
    letGo(held);
    return undefined;
  } catch (cause) {
    letGo(held);
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw storeFault(cause, path);
  }
}

/** Puts the content under its own name again, where somebody removed that since. @throws AkcError */
export function restoreIfGone(root: string, sha256: string, held: HeldFile): void {
  const path = artifactPath(root, sha256);
  guarded(path, () => {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) place(root, sha256, held);
  });
}

export function letGo(held: HeldFile): void {
  removeIfThere(held.path);
}

/** @throws AkcError STORE_DAMAGED when the file is gone. */
export async function readArtifactFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") {
      throw new AkcError("STORE_DAMAGED", {
        message: "an artifact's file is missing",
        details: { path },
        cause,
      });
    }
    throw storeFault(cause, path);
  }
}

/** Gives the content its own name, durably; what stood there before is replaced in one step. */
function place(root: string, sha256: string, held: HeldFile): void {
  const path = artifactPath(root, sha256);
  const made = mkdirSync(dirname(path), { recursive: true });
  const second = newIncomingPath(root);
  try {
    nameAgain(held.path, second);
    failpoint("artifact.before_rename");
    renameSync(second, path);
  } finally {
    // Still there when both names already belonged to one file: renaming does nothing then (rename(2)).
    removeIfThere(second);
  }
  syncFolder(dirname(path));
  if (made !== undefined) syncFolder(dirname(made));
}

/** A second name of one file; a copy where the file system has none. */
function nameAgain(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (cause) {
    if (!withoutLinks.has(errnoOf(cause) ?? "")) throw cause;
    copyFileSync(from, to);
    const file = openSync(to, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** No links here, none to a file of another user, or no more of them. */
const withoutLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);

// A name is durable only once its folder is.
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone, or not ours to remove: nothing depends on it.
  }
}
