/**
 * Removes what a process that died while it wrote evidence left beside the files. Only for whoever holds the run; files of
 * processes that live are not touched.
 */
import { readdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { processExists } from "../store/sqlite/holder.ts";
import { temporaryOwner } from "../system/files.ts";
import type { EvidencePaths } from "./layout.ts";

/** Never fails: what cannot be removed is only wasted space. */
export async function removeHalfDone(paths: EvidencePaths): Promise<void> {
  for (const folder of [paths.folder, dirname(paths.audit)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const owner = temporaryOwner(name);
      if (owner === undefined || owner === process.pid || processExists(owner)) continue;
      await unlink(join(folder, name)).catch(() => undefined);
    }
  }
}
