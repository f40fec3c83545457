/**
 * Artifacts too large for the database: files named by their content, `<root>/<2 hex>/<64 hex>`, whole or not there.
 * Knows nothing of the database; a file that no row names is only wasted space.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { errnoOf } from "../../system/files.ts";
import { guarded, storeFault } from "./faults.ts";
import { processExists } from "./holder.ts";

export function artifactPath(root: string, sha256: string): string {
  return join(root, sha256.slice(0, 2), sha256);
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
    const folder = incomingFolder(root);
    this.#path = join(folder, `${process.pid}.${crypto.randomUUID()}`);
    this.#file = guarded(folder, () => {
      mkdirSync(folder, { recursive: true });
      return openSync(this.#path, "wx", 0o644);
    });
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

  keep(sha256: string): void {
    const target = artifactPath(this.#root, sha256);
    try {
      fsyncSync(this.#file);
      closeSync(this.#file);
      this.#open = false;
      const folder = join(this.#root, sha256.slice(0, 2));
      mkdirSync(folder, { recursive: true });
      failpoint("artifact.before_rename");
      renameSync(this.#path, target);
      syncFolder(folder);
      failpoint("artifact.kept");
    } catch (cause) {
      this.discard();
      throw storeFault(cause, target);
    }
  }

  discard(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
    removeIfThere(this.#path);
  }
}

/** Whether the content is there with this size; what it holds is checked when it is read. */
export async function hasArtifactFile(root: string, sha256: string, sizeBytes: number): Promise<boolean> {
  const found = await stat(artifactPath(root, sha256)).catch(() => undefined);
  return found?.isFile() === true && found.size === sizeBytes;
}

/** @throws AkcError STORE_DAMAGED when the file is gone. */
export async function readArtifactFile(root: string, sha256: string): Promise<Uint8Array> {
  const path = artifactPath(root, sha256);
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

/** Removes what processes that are no more left half-written. */
export function sweepIncoming(root: string): void {
  let names: string[];
  try {
    names = readdirSync(incomingFolder(root));
  } catch {
    return;
  }
  for (const name of names) {
    const pid = Number.parseInt(name, 10);
    if (Number.isInteger(pid) && pid !== process.pid && !processExists(pid)) {
      removeIfThere(join(incomingFolder(root), name));
    }
  }
}

function incomingFolder(root: string): string {
  return join(root, "incoming");
}

// A rename is durable only once its folder is.
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
