/**
 * Which pages of a write-ahead log were committed, read from its bytes alone. It believes a frame only while the running
 * checksum holds, and never opens the database that the log belongs to.
 *
 * Source: https://sqlite.org/fileformat2.html §4 "The Write-Ahead Log".
 */
import { readSync } from "node:fs";

export interface LogPages {
  readonly pageSize: number;
  /** Where the newest committed version of a page begins in the log. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Size of the database after the last commit, in pages. */
  readonly pageCount: number;
  /** Frames of this log that do not read as they were written. A turn that was never committed is not among them. */
  readonly framesBroken: number;
}

const headerBytes = 32;
const frameHeaderBytes = 24;

/** Null when there is no log, or none whose beginning can be read. */
export function readLog(file: number, sizeBytes: number): LogPages | null {
  const header = bytesAt(file, 0, headerBytes);
  if (header === null) return null;
  const magic = header.readUInt32BE(0);
  const pageSize = header.readUInt32BE(8);
  if ((magic & 0xffff_fffe) >>> 0 !== 0x377f_0682 || !isPageSize(pageSize)) return null;
  const littleEndian = (magic & 1) === 0;
  let sum = checksum([0, 0], header.subarray(0, 24), littleEndian);
  if (sum[0] !== header.readUInt32BE(24) || sum[1] !== header.readUInt32BE(28)) return null;

  const offsets = new Map<number, number>();
  let pending: [page: number, offset: number][] = [];
  let pageCount = 0;
  let at = headerBytes;
  for (; at + frameHeaderBytes + pageSize <= sizeBytes; at += frameHeaderBytes + pageSize) {
    const frame = bytesAt(file, at, frameHeaderBytes + pageSize);
    if (frame === null || !header.subarray(16, 24).equals(frame.subarray(8, 16))) break;
    sum = checksum(sum, frame.subarray(0, 8), littleEndian);
    sum = checksum(sum, frame.subarray(frameHeaderBytes), littleEndian);
    if (sum[0] !== frame.readUInt32BE(16) || sum[1] !== frame.readUInt32BE(20)) break;
    pending.push([frame.readUInt32BE(0), at + frameHeaderBytes]);
    const pagesAfterCommit = frame.readUInt32BE(4);
    if (pagesAfterCommit === 0) continue;
    for (const [page, offset] of pending) offsets.set(page, offset);
    pending = [];
    pageCount = pagesAfterCommit;
  }
  const framesBroken = framesOfThisLog(file, at, sizeBytes, pageSize, header.subarray(16, 24));
  return { pageSize, offsets, pageCount, framesBroken };
}

/** Frames of an earlier round of the log have another salt; they are no loss. */
function framesOfThisLog(
  file: number,
  from: number,
  sizeBytes: number,
  pageSize: number,
  salt: Buffer,
): number {
  let frames = 0;
  for (let at = from; at < sizeBytes; at += frameHeaderBytes + pageSize) {
    const frame = bytesAt(file, at, frameHeaderBytes);
    // Cut within a frame: something was lost.
    if (frame === null || salt.equals(frame.subarray(8, 16))) frames += 1;
  }
  return frames;
}

function checksum(
  [first, second]: readonly [number, number],
  bytes: Buffer,
  littleEndian: boolean,
): [number, number] {
  let a = first;
  let b = second;
  for (let at = 0; at + 8 <= bytes.byteLength; at += 8) {
    a = (a + (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)) + b) >>> 0;
    b = (b + (littleEndian ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4)) + a) >>> 0;
  }
  return [a, b];
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

function bytesAt(file: number, at: number, length: number): Buffer | null {
  const bytes = Buffer.alloc(length);
  return readSync(file, bytes, 0, length, at) === length ? bytes : null;
}
