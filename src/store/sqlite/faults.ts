/**
 * What SQLite's result codes mean to a user of akc. Never looks at the text of a message.
 *
 * Source: https://sqlite.org/rescode.html
 */
import { SQLiteError } from "bun:sqlite";
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { AkcError, type ErrorCode } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf } from "../../system/files.ts";

/** Primary result codes: the low byte of an extended one. */
const codes: Readonly<Record<number, ErrorCode>> = {
  3: "STORE_UNWRITABLE", // SQLITE_PERM
  5: "STORE_BUSY", // SQLITE_BUSY
  6: "STORE_BUSY", // SQLITE_LOCKED
  8: "STORE_UNWRITABLE", // SQLITE_READONLY
  10: "STORE_IO", // SQLITE_IOERR
  11: "STORE_DAMAGED", // SQLITE_CORRUPT
  13: "DISK_FULL", // SQLITE_FULL
  14: "STORE_UNWRITABLE", // SQLITE_CANTOPEN
  26: "STORE_DAMAGED", // SQLITE_NOTADB
};

/** The fault as an AkcError; what is none of SQLite's or the file system's passes unchanged. */
export function storeFault(cause: unknown, path: string): unknown {
  if (cause instanceof AkcError) return cause;
  if (cause instanceof SQLiteError) {
    const known = codes[cause.errno & 0xff];
    const code = known === "STORE_IO" && noSpaceLeft(path) ? "DISK_FULL" : known;
    return new AkcError(code ?? "INTERNAL", {
      ...(code === undefined ? { message: `the state database refused a statement: ${cause.message}` } : {}),
      details: { path, sqlite: cause.code ?? String(cause.errno) },
      cause,
    });
  }
  switch (errnoOf(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return new AkcError("DISK_FULL", { details: { path }, cause });
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "EISDIR":
      return new AkcError("STORE_UNWRITABLE", { details: { path, errno: errnoOf(cause) }, cause });
    case "EIO":
    case "EFBIG":
      return new AkcError("STORE_IO", { details: { path, errno: errnoOf(cause) }, cause });
    default:
      return cause;
  }
}

/** Runs `work`, turning what it throws into our own errors. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw storeFault(cause, path);
  }
}

/**
 * As `guarded`, and tries again while the database is busy. For opening: SQLite does not call its busy handler while
 * another process changes the journal mode, so two that open a new database at once would otherwise collide.
 */
export function patiently<T>(path: string, work: () => T): T {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      return guarded(path, work);
    } catch (fault) {
      const busy = fault instanceof AkcError && fault.code === "STORE_BUSY";
      if (!busy || waitedMs >= limits.storeBusyTimeoutMs) throw fault;
      Bun.sleepSync(pauseMs);
    }
  }
}

const pauseMs = 10;

// Growing the shared-memory index on a full disk is reported as an I/O error, not as SQLITE_FULL.
function noSpaceLeft(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail < 16;
  } catch {
    return false;
  }
}
