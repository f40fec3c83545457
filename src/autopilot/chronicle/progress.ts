/**
 * How far the files of a scope are written: one small file beside them, and a lock that only one process holds while it writes.
 * It is a bookmark and no truth: without it everything is written once more, to the same names with the same content.
 */
import { constants } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { prettyJson } from "../../json/canonical.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";
import { lockFile, readFileBounded, writeFileAtomic } from "../../system/files.ts";
import { historyFiles } from "./history-file.ts";
import { lockName, progressName } from "./places.ts";

export interface Progress {
  /** Files are written for all entries up to this one; 0 before any. */
  readonly seq: number;
  /** Its digest: another chain is another history. */
  readonly sha256: string;
  readonly holder?: string | undefined;
}

export const noProgress: Progress = { seq: 0, sha256: "" };

const Stored = v.object({
  entry_seq: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  entry_sha256: v.string(),
  holder: v.nullish(v.string()),
});

/** Nothing of what cannot be read: the files are then written again. @throws what the file system says */
export async function readProgress(folder: string): Promise<Progress> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileBounded(join(folder, progressName), 64 * 1024);
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return noProgress;
    throw cause;
  }
  try {
    const read = v.safeParse(Stored, toPlain(parseJson(bytes)));
    if (!read.success) return noProgress;
    const { entry_seq: seq, entry_sha256: sha256, holder } = read.output;
    return { seq, sha256, holder: holder ?? undefined };
  } catch {
    return noProgress;
  }
}

export async function writeProgress(folder: string, { seq, sha256, holder }: Progress): Promise<void> {
  const stored = { entry_seq: seq, entry_sha256: sha256, holder: holder ?? null };
  await writeFileAtomic(join(folder, progressName), `${prettyJson(stored)}\n`);
}

/** Rows of a database that is gone are not those of this one: they stay, out of the way. */
export async function setAsideHistory(folder: string, nowMs: number): Promise<string> {
  const aside = join(folder, `replaced-${nowMs}`);
  await mkdir(aside, { recursive: true });
  for (const name of await historyFiles(folder)) await rename(join(folder, name), join(aside, name));
  return aside;
}

/** Runs while no other process writes the scope's files. @throws AkcError STORE_BUSY when one does for too long */
export async function withChronicleLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, lockName);
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    await lockFile(handle.fd, path, limits.autopilotChronicleLockMs);
    return await work();
  } finally {
    await handle.close();
  }
}
