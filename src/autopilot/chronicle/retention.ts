/**
 * Removes the oldest files of a folder whose names begin with the time that they are of. It touches nothing else there.
 *
 * Source: cli:W-18b, W-67.
 */
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

/** Keeps the newest `keep`. @returns how many were removed */
export async function keepNewest(folder: string, keep: number): Promise<number> {
  const names = (await readdir(folder)).filter((name) => timed.test(name));
  if (names.length <= keep) return 0;
  const oldest = names
    .map((name) => ({ name, atMs: Number(timed.exec(name)?.[1]) }))
    .sort((a, b) => a.atMs - b.atMs || (a.name < b.name ? -1 : 1))
    .slice(0, names.length - keep);
  for (const { name } of oldest) await unlink(join(folder, name));
  return oldest.length;
}

const timed = /^(\d{1,16})[.-].*\.json$/;
