/**
 * What the file system says of a file that changes whenever its content does, so that what is unchanged need not be read again.
 * Never says that a file is unchanged where its times are too coarse to tell.
 *
 * Source: stat(2); the same care as git's with files that are as young as the look at them.
 */
import { type Stats, statSync } from "node:fs";
import { limits } from "../limits.ts";

export interface FileStamp {
  readonly text: string;
  /** When its content changed last, milliseconds by the clock of the file system. */
  readonly changedAtMs: number;
}

/** By its content's own time: who opens a database as root changes the others. Links are followed; undefined for what is not there. */
export function contentStampAt(path: string): (FileStamp & { readonly size: bigint }) | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const { ino, size, mtimeNs } = stat;
  return { text: `${ino}:${size}:${mtimeNs}`, changedAtMs: Number(mtimeNs / 1_000_000n), size };
}

/** Whether two looks saw the same file with the same content: also where somebody has set its time back. */
export function isSameFile(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs &&
    one.mode === other.mode
  );
}

export function changedAtMs({ mtimeMs, ctimeMs }: Stats): number {
  return Math.max(mtimeMs, ctimeMs);
}

/** Whether the same stamp later means the same content. */
export function isSettled(changed: number, nowMs: number): boolean {
  return nowMs - changed >= limits.stampSettledMs;
}
