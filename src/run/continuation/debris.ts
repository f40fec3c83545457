/**
 * Removes what the attempts of a dead process had for themselves in the run's folder: what was handed to them, and their
 * folders for temporary files. For whoever holds the run, once nothing of that process is left running.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** As `adapters/local-depth/handoff-files.ts` and `system/temporary-folders.ts` name them. */
const handoffFolder = /^\.handoff-[A-Za-z0-9]{6}$/;
const temporaryFolder = /^\.tmp-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Never fails: what cannot be removed is only wasted space. Follows no link. @param scopeDir the run's own folder */
export async function clearDebris(scopeDir: string): Promise<void> {
  await removeFrom(scopeDir, handoffFolder);
  const roles = await foldersIn(join(scopeDir, "roles"));
  const scratches = await Promise.all(roles.map(foldersIn));
  // Where actions work (`run/workdirs.ts`): no deeper, since what lies in there is theirs and may be large.
  for (const workdir of [join(scopeDir, "work"), ...roles, ...scratches.flat()]) {
    await removeFrom(workdir, temporaryFolder);
  }
}

async function removeFrom(folder: string, name: RegExp): Promise<void> {
  for (const path of await foldersIn(folder)) {
    if (name.test(path.slice(folder.length + 1))) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}
