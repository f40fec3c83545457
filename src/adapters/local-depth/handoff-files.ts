/**
 * What predecessors handed over, as files that a child can read and not change. They lie outside every working directory,
 * in a folder per working directory, since whoever shares one shares what it was given anyway.
 *
 * Source: spec kernel §12.6, kernel:W-17.
 */
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepFileName } from "../../bundle/step-folder.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { asDiskError } from "../../system/files.ts";
import type { Handoff } from "../contract.ts";

/** What cannot be removed stays in the run's own folder; no outcome may depend on it. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Somebody else has been at the folder.
  }
}

function makeRoot(parent: string): string {
  try {
    return mkdtempSync(join(parent, ".handoff-"));
  } catch (cause) {
    throw asDiskError(cause, parent);
  }
}

export interface HandoffFiles {
  /** The folder under which all that is handed to users of `workdir` lies; it exists. */
  folderOf(workdir: string): string;
  /** Writes the files and gives their folder. @throws AkcError DISK_FULL */
  place(workdir: string, spawnId: string, handoffs: readonly Handoff[]): Promise<string>;
  /** When the child has ended. */
  remove(folder: string): void;
  close(): void;
}

/**
 * Nothing is made before it is needed.
 * @param parent the run's own folder: what a killed process leaves is then with the run, and the disk is the run's
 */
export function createHandoffFiles(parent: string): HandoffFiles {
  let root: string | undefined;
  const folders = new Map<string, string>();
  const folderOf = (workdir: string) => {
    root ??= makeRoot(parent);
    const known = folders.get(workdir);
    if (known !== undefined) return known;
    const folder = join(root, sha256Hex(workdir).slice(0, 16));
    mkdirSync(join(folder, "content"), { recursive: true });
    folders.set(workdir, folder);
    return folder;
  };
  return {
    folderOf,
    async place(workdir, spawnId, handoffs) {
      const shared = folderOf(workdir);
      const folder = join(shared, spawnId);
      try {
        mkdirSync(folder);
        for (const handoff of handoffs) {
          await link(handoff, join(shared, "content"), join(folder, stepFileName(handoff.stepId)));
        }
      } catch (cause) {
        throw asDiskError(cause, folder);
      }
      return folder;
    },
    remove,
    close() {
      if (root !== undefined) remove(root);
      root = undefined;
      folders.clear();
    },
  };
}

/** One copy for each content: a fan-out of a hundred steps writes it once. */
async function link(handoff: Handoff, contents: string, path: string): Promise<void> {
  const content = join(contents, handoff.sha256);
  try {
    linkSync(content, path);
    return;
  } catch {
    // Not there yet, or linked too often for this file system; either way it is written anew.
  }
  const temporary = `${content}.${crypto.randomUUID().slice(0, 8)}`;
  writeFileSync(temporary, await handoff.read(), { mode: 0o444, flag: "wx" });
  renameSync(temporary, content);
  linkSync(content, path);
}
