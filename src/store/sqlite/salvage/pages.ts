/**
 * The pages of a database file that may be damaged, the newest committed version of each. It reads the file as bytes, through
 * no database library, and so can neither be stopped by damage nor change anything.
 *
 * Source: https://sqlite.org/fileformat2.html §1.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { guarded } from "../faults.ts";
import { isPageSize, type LogPages, readLog } from "./log.ts";

/** What akc makes its databases with; taken where neither the file nor its log can tell. */
const usualPageSize = 8_192;
const magic = "SQLite format 3\0";

export interface Pages {
  readonly pageSize: number;
  /** Bytes of a page that hold content. */
  readonly usableSize: number;
  readonly pageCount: number;
  /** Whether the first hundred bytes of the file are as they should be. */
  readonly headerWhole: boolean;
  readonly log: LogPages | null;
  readonly logBytes: number;
  /** What is missing at the end is zeros. */
  read(page: number): Buffer;
  /** The version in the file of a page of which the log has another. */
  readOlder(page: number): Buffer;
  close(): void;
}

/** @throws AkcError STORE_UNWRITABLE, STORE_IO when the files cannot be read at all. */
export function openPages(path: string): Pages {
  return guarded(path, () => {
    const file = openSync(path, "r");
    const logFile = openLog(path);
    const logBytes = logFile === null ? 0 : fstatSync(logFile).size;
    const log = logFile === null ? null : readLog(logFile, logBytes);
    const header = Buffer.alloc(100);
    readSync(file, header, 0, 100, 0);
    const told = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    const headerWhole = header.toString("latin1", 0, 16) === magic && isPageSize(told);
    const pageSize = log?.pageSize ?? (isPageSize(told) ? told : usualPageSize);
    const reserved = headerWhole ? (header[20] ?? 0) : 0;
    const readPage = (from: number, at: number): Buffer => {
      const bytes = Buffer.alloc(pageSize);
      readSync(from, bytes, 0, pageSize, at);
      return bytes;
    };
    const readOlder = (page: number) => readPage(file, (page - 1) * pageSize);
    return {
      pageSize,
      usableSize: pageSize - (reserved > 64 ? 0 : reserved),
      pageCount: Math.max(
        Math.ceil(fstatSync(file).size / pageSize),
        ...(log === null ? [] : [log.pageCount]),
      ),
      headerWhole,
      log,
      logBytes,
      read(page) {
        const offset = log?.offsets.get(page);
        return offset === undefined || logFile === null ? readOlder(page) : readPage(logFile, offset);
      },
      readOlder,
      close() {
        closeSync(file);
        if (logFile !== null) closeSync(logFile);
      },
    };
  });
}

function openLog(path: string): number | null {
  try {
    return openSync(`${path}-wal`, "r");
  } catch {
    return null;
  }
}

/** Pages that hold nothing any more, but may still look as they did; as far as the list of them can be followed. */
export function freePages(pages: Pages): ReadonlySet<number> {
  const free = new Set<number>();
  const first = pages.read(1);
  if (first.toString("latin1", 0, 16) !== magic) return free;
  for (let trunk = first.readUInt32BE(32); trunk > 1 && trunk <= pages.pageCount && !free.has(trunk); ) {
    free.add(trunk);
    const page = pages.read(trunk);
    const count = Math.min(page.readUInt32BE(4), pages.pageSize / 4 - 2);
    for (let index = 0; index < count; index += 1) free.add(page.readUInt32BE(8 + index * 4));
    trunk = page.readUInt32BE(0);
  }
  return free;
}
