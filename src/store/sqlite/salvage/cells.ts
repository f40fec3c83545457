/**
 * The cells of one page of a table or an index, and the records in them. Whatever does not read as it should is left out, and
 * said to be: nothing here throws because of what a page holds.
 *
 * Source: https://sqlite.org/fileformat2.html §1.6 "B-tree Pages", §2.1 "Record Format".
 */
import { limits } from "../../../limits.ts";
import type { Pages } from "./pages.ts";

export type Value = null | number | string | Uint8Array;

/** Of leaves and inner pages, of tables (by row id) and of indexes (by their record). */
export const pageKinds = { tableLeaf: 13, tableInner: 5, indexLeaf: 10, indexInner: 2 } as const;
export type PageKind = (typeof pageKinds)[keyof typeof pageKinds];

export interface Cell {
  /** Left of it; 0 on leaves. */
  readonly child: number;
  /** 0 in an index. */
  readonly rowId: number;
  /** Null on inner pages of a table, which have none. */
  readonly record: readonly Value[] | null;
}

export interface ReadPage {
  readonly kind: PageKind;
  readonly cells: readonly Cell[];
  /** Right of all cells; 0 on leaves. */
  readonly lastChild: number;
  /** Whether every cell that the page says it has could be read. */
  readonly whole: boolean;
}

// A run's row and the longest payload there is.
const recordBytesMax = limits.eventPayloadBytesMax + 64 * 1024;

/** Null when it is no page of a table or an index. */
export function readPage(pages: Pages, number: number, bytes: Buffer): ReadPage | null {
  const start = number === 1 ? 100 : 0;
  const kind = kindOf(bytes[start]);
  if (kind === null) return null;
  const inner = kind === pageKinds.tableInner || kind === pageKinds.indexInner;
  const pointers = start + (inner ? 12 : 8);
  const count = bytes.readUInt16BE(start + 3);
  if (pointers + count * 2 > pages.usableSize) return null;
  const cells: Cell[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = bytes.readUInt16BE(pointers + index * 2);
    const cell = at < pointers + count * 2 ? null : readCell(pages, kind, bytes, at);
    if (cell !== null) cells.push(cell);
  }
  const lastChild = inner ? bytes.readUInt32BE(start + 8) : 0;
  return { kind, cells, lastChild, whole: cells.length === count };
}

function kindOf(byte: number | undefined): PageKind | null {
  return Object.values(pageKinds).find((kind) => kind === byte) ?? null;
}

function readCell(pages: Pages, kind: PageKind, bytes: Buffer, start: number): Cell | null {
  const reader = new Varints(bytes.subarray(0, pages.usableSize), start);
  const child = kind === pageKinds.tableInner || kind === pageKinds.indexInner ? reader.pageNumber() : 0;
  if (kind === pageKinds.tableInner) {
    const rowId = reader.next();
    return rowId === null ? null : { child, rowId, record: null };
  }
  const size = reader.next();
  const rowId = kind === pageKinds.tableLeaf ? reader.next() : 0;
  if (size === null || rowId === null || size < 1 || size > recordBytesMax) return null;
  const payload = payloadOf(pages, kind, bytes, reader.at, size);
  const record = payload === null ? null : recordOf(payload);
  return record === null ? null : { child, rowId, record };
}

/** What of it stands on the page, and the rest on overflow pages. */
function payloadOf(pages: Pages, kind: PageKind, bytes: Buffer, at: number, size: number): Buffer | null {
  const usable = pages.usableSize;
  const localMax = kind === pageKinds.tableLeaf ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (size <= localMax) return at + size <= usable ? bytes.subarray(at, at + size) : null;
  const localMin = Math.floor(((usable - 12) * 32) / 255) - 23;
  const wanted = localMin + ((size - localMin) % (usable - 4));
  const local = wanted <= localMax ? wanted : localMin;
  if (at + local + 4 > usable) return null;
  const parts = [bytes.subarray(at, at + local)];
  let left = size - local;
  let next = bytes.readUInt32BE(at + local);
  while (left > 0) {
    if (next < 2 || next > pages.pageCount) return null;
    const page = pages.read(next);
    const taken = Math.min(left, usable - 4);
    parts.push(page.subarray(4, 4 + taken));
    left -= taken;
    next = page.readUInt32BE(0);
  }
  return next === 0 ? Buffer.concat(parts) : null;
}

function recordOf(payload: Buffer): readonly Value[] | null {
  const types = new Varints(payload, 0);
  const headerSize = types.next();
  if (headerSize === null || headerSize > payload.byteLength || headerSize < 1) return null;
  const values: Value[] = [];
  let at = headerSize;
  while (types.at < headerSize) {
    const type = types.next();
    if (type === null || types.at > headerSize) return null;
    const size = sizeOfType(type);
    if (size === null || at + size > payload.byteLength) return null;
    const value = columnValue(type, payload.subarray(at, at + size));
    if (value === undefined) return null;
    values.push(value);
    at += size;
  }
  return at === payload.byteLength ? values : null;
}

function sizeOfType(type: number): number | null {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, null, 0, 0][type] ?? null;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined for what none of our columns holds. */
function columnValue(type: number, bytes: Buffer): Value | undefined {
  if (type === 0) return null;
  if (type === 8) return 0;
  if (type === 9) return 1;
  if (type === 6) {
    const value = Number(bytes.readBigInt64BE());
    return Number.isSafeInteger(value) ? value : undefined;
  }
  if (type < 6) return bytes.readIntBE(0, bytes.byteLength);
  if (type % 2 === 0) return Uint8Array.from(bytes);
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads SQLite's numbers of variable length. */
class Varints {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** 0 when there is none: the number of no page. */
  pageNumber(): number {
    this.at += 4;
    return this.at <= this.#bytes.byteLength ? this.#bytes.readUInt32BE(this.at - 4) : 0;
  }

  /** Null for one that is negative, beyond 2^53, or cut off. */
  next(): number | null {
    let value = 0n;
    for (let index = 0; index < 9; index += 1) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) return null;
      this.at += 1;
      if (index === 8) {
        value = (value << 8n) | BigInt(byte);
        break;
      }
      value = (value << 7n) | BigInt(byte & 0x7f);
      if (byte < 0x80) break;
    }
    const number = Number(BigInt.asIntN(64, value));
    return Number.isSafeInteger(number) && number >= 0 ? number : null;
  }
}
