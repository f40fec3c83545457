/**
 * Folders for the temporary files of children, one to each at a time, inside the working directory.
 * Used again while they are left empty: making one costs a file system more than starting a process.
 */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";

export class TemporaryFolders {
  readonly #free = new Map<string, string[]>();

  /** @throws the error of mkdir(2), also when the name is taken: a child cannot know it before. */
  take(workdir: string): string {
    const used = this.#free.get(workdir)?.pop();
    if (used !== undefined) return used;
    const folder = join(workdir, `.tmp-${crypto.randomUUID()}`);
    mkdirSync(folder, 0o700);
    return folder;
  }

  give(workdir: string, folder: string): void {
    if (isEmptyFolder(folder)) {
      const free = this.#free.get(workdir);
      if (free === undefined) this.#free.set(workdir, [folder]);
      else free.push(folder);
      return;
    }
    try {
      // Not followed, should it have become a link.
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // A child that forbids itself its own files keeps them; they are in its working directory.
    }
  }

  close(): void {
    for (const folder of [...this.#free.values()].flat()) {
      try {
        rmdirSync(folder);
      } catch {
        // Gone, or used by somebody who knew its name.
      }
    }
    this.#free.clear();
  }
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}
