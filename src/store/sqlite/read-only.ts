/**
 * A connection that only reads, also where nothing can be written: on a read-only mount, or in a folder of another user.
 * It never looks past a log that somebody may still be writing.
 *
 * Source: https://sqlite.org/wal.html#read_only_databases, https://sqlite.org/uri.html#uriimmutable
 */
import { constants, Database, SQLiteError } from "bun:sqlite";
import { statSync } from "node:fs";
import { AkcError } from "../../errors.ts";

const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

/**
 * Whoever can write in a folder could put a pipe in the place of a database: opening one waits for a writer who never comes.
 * What is not there, and a folder, is left to whoever opens it. @throws AkcError STORE_DAMAGED
 */
export function refuseNoFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile() || found.isDirectory()) return;
  throw new AkcError("STORE_DAMAGED", {
    message: "what is in the place of the state database is no file",
    details: { path },
  });
}

/** @throws SQLiteError, AkcError STORE_DAMAGED */
export function openReadOnly(path: string): Database {
  refuseNoFile(path);
  const db = new Database(path, { readonly: true, strict: true });
  try {
    // The file itself is only touched now.
    db.run("SELECT 1 FROM sqlite_schema");
    return db;
  } catch (cause) {
    db.close(true);
    if (!isRefusedIndex(cause) || hasLog(path)) throw cause;
    // Readers of a write-ahead log keep an index beside it. Where there is no log and no way to make the index, nobody
    // else can be writing either: the file is all there is.
    return openImmutable(path);
  }
}

/** Takes the file for all there is: no log, no lock, nothing made beside it. For a file that nobody writes. @throws SQLiteError */
export function openImmutable(path: string): Database {
  return new Database(uriOf(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
}

/** On a read-only mount and in a folder of another user the answers differ. */
function isRefusedIndex(cause: unknown): boolean {
  return cause instanceof SQLiteError && [SQLITE_CANTOPEN, SQLITE_READONLY].includes(cause.errno & 0xff);
}

/** Whether there are commits that are in the log only. */
function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function uriOf(path: string): string {
  return `file:${path.split("/").map(encodeURIComponent).join("/")}?immutable=1`;
}
