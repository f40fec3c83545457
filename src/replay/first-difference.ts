/**
 * Where two texts on disk begin to differ: the line, the row that the line is part of, and both lines. It holds a block of each,
 * never a file.
 */
import { type FileHandle, open } from "node:fs/promises";

export interface TextDifference {
  /** From 1. */
  readonly line: number;
  /** Rows that began up to there, from 1: array items of a PRETTY file, lines of any other; 0 before the first. */
  readonly row: number;
  readonly expected: string;
  readonly found: string;
}

const blockBytes = 1024 * 1024;
/** Of a line, that much before and after the place is shown. */
const aroundBytes = 512;
const lineFeed = 0x0a;
/** How an item of an array begins, one level deep. */
const itemStart = Buffer.from("\n  {");

/** undefined when they are the same. @throws when one of them cannot be read */
export async function firstDifference(
  expectedPath: string,
  foundPath: string,
): Promise<TextDifference | undefined> {
  await using expected = await open(expectedPath);
  await using found = await open(foundPath);
  const left = Buffer.alloc(blockBytes);
  const right = Buffer.alloc(blockBytes);
  const perLine = !expectedPath.endsWith(".json");
  let line = 1;
  let row = perLine ? 1 : 0;
  for (let start = 0; ; ) {
    const leftBytes = await fill(expected, left, start);
    const rightBytes = await fill(found, right, start);
    const same = sameBytes(left.subarray(0, leftBytes), right.subarray(0, rightBytes));
    line += countOf(left.subarray(0, same), lineFeed);
    row += perLine
      ? countOf(left.subarray(0, same), lineFeed)
      : itemsIn(left.subarray(0, Math.min(leftBytes, same + 3)));
    if (same === leftBytes && same === rightBytes) {
      if (leftBytes < blockBytes) return undefined;
      // The beginning of an item may lie across two blocks: look at its first bytes again.
      const back = perLine ? 0 : itemStart.length - 1;
      start += leftBytes - back;
      line -= countOf(left.subarray(leftBytes - back, leftBytes), lineFeed);
      continue;
    }
    const at = start + same;
    return { line, row, expected: await lineAround(expected, at), found: await lineAround(found, at) };
  }
}

/** Fills the block as far as the file goes. */
async function fill(file: FileHandle, block: Buffer, start: number): Promise<number> {
  let filled = 0;
  while (filled < block.length) {
    const { bytesRead } = await file.read(block, filled, block.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function sameBytes(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  if (left.subarray(0, length).equals(right.subarray(0, length))) return length;
  let at = 0;
  while (at < length && left[at] === right[at]) at += 1;
  return at;
}

function countOf(block: Buffer, byte: number): number {
  let count = 0;
  for (let at = block.indexOf(byte); at >= 0; at = block.indexOf(byte, at + 1)) count += 1;
  return count;
}

function itemsIn(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(itemStart); at >= 0; at = block.indexOf(itemStart, at + 1)) count += 1;
  return count;
}

async function lineAround(file: FileHandle, at: number): Promise<string> {
  const start = Math.max(0, at - aroundBytes);
  const block = Buffer.alloc(2 * aroundBytes);
  const bytes = await fill(file, block, start);
  const before = block.lastIndexOf(lineFeed, at - start - 1);
  const after = block.indexOf(lineFeed, at - start);
  const begin = at - start <= 0 ? 0 : before + 1;
  const text = block
    .subarray(begin, after < 0 || after > bytes ? bytes : after)
    .toString("utf8")
    .trim();
  return text === "" ? "(end of the file)" : text;
}
