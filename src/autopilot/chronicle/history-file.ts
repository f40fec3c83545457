/**
 * The history of a scope on the disk: `history.jsonl`, to which rows are only ever appended, and what it was turned over into
 * when it was full. A row is written once and whole: a line that a crash cut off is taken away before the next one comes.
 *
 * Its callers hold the scope's chronicle lock. Source: spec cli §14.13; cli:W-67.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { limits } from "../../limits.ts";
import { asDiskError, errnoOf, readFileBounded } from "../../system/files.ts";
import type { HistoryRow } from "../score/history-row.ts";
import { historyLine, type ReadRow, readHistoryLine } from "./history-line.ts";
import { historyName, isTurnedHistory, turnedHistoryName } from "./places.ts";

/**
 * Appends those rows that are not there yet. A file that has reached `bytesMax` is turned over first.
 * @param folder `<scope>/.akc/autopilot`, which is made where it is missing
 * @throws AkcError DISK_FULL; what the file system says. What was begun is taken back as far as the disk lets it.
 */
export async function appendHistory(
  folder: string,
  rows: readonly HistoryRow[],
  bytesMax: number,
): Promise<void> {
  if (rows.length === 0) return;
  const path = join(folder, historyName);
  await mkdir(folder, { recursive: true });
  try {
    let file = await openEnd(folder, path);
    try {
      for (const row of rows) {
        if (row.entry_seq <= file.lastSeq) continue;
        const line = Buffer.from(historyLine(row));
        if (file.sizeBytes > 0 && file.sizeBytes + line.length > bytesMax) {
          await file.handle.sync();
          await file.handle.close();
          await turn(folder, path, file.lastSeq);
          file = { ...(await openEnd(folder, path)), lastSeq: file.lastSeq };
        }
        await writeWhole(file, line);
        file = { ...file, sizeBytes: file.sizeBytes + line.length, lastSeq: row.entry_seq };
      }
      await file.handle.sync();
    } finally {
      await file.handle.close().catch(() => undefined);
    }
  } catch (cause) {
    throw asDiskError(cause, path);
  }
}

/** Every row in its order, of the oldest file first; lines that are no rows are counted. */
export async function readHistory(folder: string): Promise<{
  readonly rows: readonly ReadRow[];
  readonly unreadable: number;
}> {
  const names = await historyFiles(folder);
  const rows: ReadRow[] = [];
  let unreadable = 0;
  for (const name of names) {
    const bytes = await readFileBounded(join(folder, name), limits.jsonTextBytesMax);
    for (const line of new TextDecoder().decode(bytes).split("\n")) {
      if (line === "") continue;
      const row = readHistoryLine(line);
      if (row === undefined) unreadable += 1;
      else rows.push(row);
    }
  }
  return { rows, unreadable };
}

/** Names in the order of their rows. */
export async function historyFiles(folder: string): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(folder).catch((cause) => {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  });
  const turned = names.filter(isTurnedHistory).sort();
  return names.includes(historyName) ? [...turned, historyName] : turned;
}

interface OpenEnd {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** Of the newest row that is there; 0 where none has a number. */
  readonly lastSeq: number;
}

async function openEnd(folder: string, path: string): Promise<OpenEnd> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    const end = await endOf(handle);
    if (end.cutOffBytes > 0) await handle.truncate(end.sizeBytes);
    return { handle, sizeBytes: end.sizeBytes, lastSeq: end.lastSeq ?? (await lastTurnedSeq(folder)) };
  } catch (cause) {
    await handle.close().catch(() => undefined);
    throw cause;
  }
}

/** A turned file is named after its last row. */
async function lastTurnedSeq(folder: string): Promise<number> {
  const last = (await historyFiles(folder)).findLast(isTurnedHistory);
  return last === undefined ? 0 : Number(last.split(".")[1]);
}

/** Reads back from the end, as much as the longest line may need. */
async function endOf(handle: FileHandle): Promise<{
  readonly sizeBytes: number;
  readonly cutOffBytes: number;
  readonly lastSeq: number | undefined;
}> {
  const { size } = await handle.stat();
  for (let length = Math.min(size, tailBytes); ; length = Math.min(size, length * 4)) {
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const last = buffer.lastIndexOf(newline);
    const before = last < 1 ? -1 : buffer.lastIndexOf(newline, last - 1);
    if (length < size && (last < 0 || before < 0)) continue;
    const line = last < 0 ? "" : buffer.subarray(before + 1, last).toString();
    const sizeBytes = last < 0 ? 0 : size - length + last + 1;
    // A last line of somebody else has no number: it is before all of ours.
    const lastSeq = line === "" ? undefined : readHistoryLine(line)?.entry_seq;
    return { sizeBytes, cutOffBytes: size - sizeBytes, lastSeq };
  }
}

const newline = 0x0a;
const tailBytes = 16 * 1024;

async function writeWhole({ handle, sizeBytes }: OpenEnd, line: Buffer): Promise<void> {
  try {
    for (let at = 0; at < line.length; ) {
      const { bytesWritten } = await handle.write(line, at, line.length - at, sizeBytes + at);
      at += bytesWritten;
    }
  } catch (cause) {
    await handle.truncate(sizeBytes).catch(() => undefined);
    throw cause;
  }
}

async function turn(folder: string, path: string, lastSeq: number): Promise<void> {
  await rename(path, join(folder, turnedHistoryName(lastSeq)));
  await syncFolder(dirname(path));
  const turned = (await historyFiles(folder)).filter(isTurnedHistory);
  for (const name of turned.slice(0, -limits.autopilotHistoryFilesMax)) await unlink(join(folder, name));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
