/**
 * Log files that somebody else writes to: opened for appending, turned over by copying what is there and cutting it off.
 * The writer keeps its descriptor and notices nothing; no byte is cut off that was not copied first.
 *
 * Source: open(2) O_APPEND, fallocate(2) FALLOC_FL_COLLAPSE_RANGE.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { errnoOf } from "./files.ts";
import { libc } from "./libc.ts";

const FALLOCATE: Readonly<Record<string, number>> = { x64: 285, arm64: 47 };
const FALLOC_FL_COLLAPSE_RANGE = 8;
const pieceBytes = 256 * 1024;
/** 1 TiB: whole blocks of any size, and less than the largest file of any file system that can collapse. */
const beyondAnyLog = 2 ** 40;

/** Never follows a link: a service could have put one there. @throws what open(2) says */
export function openLog(path: string): number {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o640);
}

export type Turned = "not-due" | "turned" | "disk-full" | "failed";

/**
 * `path` becomes `path.1`, that becomes `path.2`, and so on; what would be beyond `keep` goes. On a full disk the oldest goes
 * first; when even that does not help, everything stays as it is.
 * On most file systems the copied part is taken out in one step; on the others, what is written in the microseconds between the
 * last look and the cut is lost.
 */
export function turnLog(path: string, bytesMax: number, keep: number): Turned {
  let fd: number | undefined;
  try {
    if (statSync(path).size < bytesMax) return "not-due";
    fd = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
    return keep === 0 ? cut(fd, fstatSync(fd).size) : turn(fd, path, keep);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return "not-due";
    return isFull(cause) ? "disk-full" : "failed";
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function turn(fd: number, path: string, keep: number): Turned {
  const temporary = `${path}.turning`;
  for (let dropped = keep; ; dropped -= 1) {
    try {
      const copied = copy(fd, temporary);
      for (let at = keep - 1; at >= 1; at -= 1) {
        if (existsSync(`${path}.${at}`)) renameSync(`${path}.${at}`, `${path}.${at + 1}`);
      }
      renameSync(temporary, `${path}.1`);
      return cut(fd, copied);
    } catch (cause) {
      remove(temporary);
      if (!isFull(cause) || dropped < 1) throw cause;
      remove(`${path}.${dropped}`);
    }
  }
}

/** Everything that is there, and where the block of a collapse would end in the middle, no more than whole blocks. */
function copy(fd: number, to: string): number {
  const out = openSync(to, "w", 0o640);
  try {
    const buffer = Buffer.alloc(pieceBytes);
    const { size, blksize } = fstatSync(fd);
    // At least one byte has to stay behind what is taken out.
    const until = collapses(fd) ? size - 1 - ((size - 1) % blksize) : Number.POSITIVE_INFINITY;
    let at = 0;
    while (at < until) {
      const length = readSync(fd, buffer, 0, Math.min(buffer.length, until - at), at);
      if (length === 0) break;
      writeAll(out, buffer.subarray(0, length));
      at += length;
    }
    fsyncSync(out);
    return at;
  } finally {
    closeSync(out);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function cut(fd: number, bytes: number): Turned {
  const collapse = FALLOCATE[process.arch];
  const inOneStep = collapse !== undefined && bytes > 0 && fstatSync(fd).size > bytes;
  if (inOneStep && libc()?.syscall(collapse, fd, FALLOC_FL_COLLAPSE_RANGE, 0, bytes) === 0) return "turned";
  const { size } = fstatSync(fd);
  // What came since the copy is written once more, behind whatever comes meanwhile.
  const rest = Buffer.alloc(Math.max(0, size - bytes));
  const read = rest.length === 0 ? 0 : readSync(fd, rest, 0, rest.length, bytes);
  ftruncateSync(fd, 0);
  writeAll(fd, rest.subarray(0, read));
  return "turned";
}

/** Tried on nothing: a length of 0 is refused in one way where the call is known, and in another where it is not. */
function collapses(fd: number): boolean {
  const collapse = FALLOCATE[process.arch];
  const EOPNOTSUPP = 95;
  if (collapse === undefined) return false;
  const { blksize } = fstatSync(fd);
  // Where no log ends nothing can be taken out, which is said only where something could be. Just behind its end would not do:
  // a fast writer is there by the time that the kernel looks.
  const tried = libc()?.syscall(collapse, fd, FALLOC_FL_COLLAPSE_RANGE, beyondAnyLog, blksize);
  return tried !== undefined && tried !== -EOPNOTSUPP;
}

function isFull(cause: unknown): boolean {
  const errno = errnoOf(cause);
  return errno === "ENOSPC" || errno === "EDQUOT";
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}
