/**
 * Removes what a process that died while it wrote evidence left beside the files. Only for whoever holds the run; files of
 * processes that live are not touched.
 */
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { temporaryOwner } from "../system/files.ts";
import { processExists } from "../system/process-owner.ts";

/** Never fails: what cannot be removed is only wasted space. @param folders absolute; only what lies right in them goes */
export async function removeHalfDone(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const owner = temporaryOwner(name);
      if (owner === undefined || owner === process.pid || processExists(owner)) continue;
      await unlink(join(folder, name)).catch(() => undefined);
    }
  }
}
