/**
 * Database files that akc hands out, backups and archives: how they are begun, and how one that anybody may have made is opened.
 * Nothing in such a file is believed before its shape and every page were looked at, and nothing beside it is read or made.
 *
 * Source: https://sqlite.org/security.html §1.2 "Untrusted SQLite Database Files".
 */
import { Database } from "bun:sqlite";
import { lstatSync, statSync } from "node:fs";
import { AkcError, type ErrorCode } from "../../errors.ts";
import { errnoOf } from "../../system/files.ts";
import { closeConnection } from "./connection.ts";
import { contentSchema } from "./contents.ts";
import { guarded, storeFault } from "./faults.ts";
import { migrations, pragma, schemaVersion } from "./migrate.ts";
import { openImmutable } from "./read-only.ts";

/** One kind of file. */
export interface SealedKind {
  /** Four letters in ASCII, in the header where `file` and SQLite look. */
  readonly applicationId: number;
  /** Tables beside those of a state and of contents. */
  readonly schema: string;
  readonly invalid: ErrorCode;
  readonly bytesMax: number;
}

/** A database without a journal and without waiting for the disk: the file is made durable when it is whole. */
export function openScratch(path: string): Database {
  const db = new Database(path, { create: true, readwrite: true, strict: true });
  return guarded(path, () => {
    db.run("PRAGMA page_size = 8192");
    db.run("PRAGMA journal_mode = OFF");
    db.run("PRAGMA synchronous = OFF");
    db.run("PRAGMA cache_size = -16384");
    return db;
  });
}

/** The tables of a state as they were at `version`. */
export function createStateTables(db: Database, version: number): void {
  for (const migration of migrations.slice(0, version)) db.run(migration.sql);
}

/** Marks a database as one of this kind. */
export function mark(db: Database, applicationId: number, version: number): void {
  db.run(`PRAGMA application_id = ${applicationId}`);
  db.run(`PRAGMA user_version = ${version}`);
}

export interface SealedFile {
  readonly db: Database;
  /** Of the state's tables. */
  readonly version: number;
  invalid(why: string, cause?: unknown): AkcError;
}

/**
 * Opens a file that may be anything.
 * @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, STORE_TOO_NEW, or the kind's own error.
 */
export function openSealed(path: string, kind: SealedKind): SealedFile {
  const invalid = (why: string, cause?: unknown) =>
    new AkcError(kind.invalid, { details: { path, why }, ...(cause === undefined ? {} : { cause }) });
  refuseOdd(path, kind, invalid);
  const db = openFile(path, invalid);
  try {
    db.run("PRAGMA trusted_schema = OFF");
    db.run("PRAGMA query_only = ON");
    db.run("PRAGMA cell_size_check = ON");
    db.run("PRAGMA mmap_size = 0");
    if (pragma(db, "application_id") !== kind.applicationId) throw invalid("it is marked as something else");
    const version = pragma(db, "user_version");
    if (version > schemaVersion) {
      throw new AkcError("STORE_TOO_NEW", {
        message: "the file was made by a newer akc",
        hint: "Use that version.",
        details: { path, version, newestKnown: schemaVersion },
      });
    }
    if (version < 1) throw invalid("it has no version");
    if (schemaOf(db) !== expectedSchema(kind, version))
      throw invalid("its tables are not the ones akc makes");
    const [fault] = db.prepare<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
    if (fault?.quick_check !== "ok") throw invalid(`it is damaged: ${fault?.quick_check ?? "unreadable"}`);
    return { db, version, invalid };
  } catch (cause) {
    closeConnection(db);
    if (cause instanceof AkcError) throw cause;
    throw invalid("it cannot be read as a database", storeFault(cause, path));
  }
}

/** Runs a reading of the file; whatever SQLite says against it is the file's fault. */
export function reading<T>(file: SealedFile, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    throw file.invalid("it cannot be read", cause);
  }
}

/** Names and columns of the state's tables, without those that are computed. */
export function stateTables(version: number): readonly { readonly name: string; readonly columns: string }[] {
  using db = new Database(":memory:", { strict: true });
  createStateTables(db, version);
  return db
    .prepare<{ name: string; columns: string }, []>(
      `SELECT name, (SELECT group_concat(name, ', ') FROM pragma_table_info(sqlite_schema.name)) AS columns
       FROM sqlite_schema WHERE type = 'table' ORDER BY name`,
    )
    .all();
}

function refuseOdd(path: string, kind: SealedKind, invalid: (why: string) => AkcError): void {
  if (path.includes("\0"))
    throw new AkcError("PATH_UNSAFE", { details: { path: path.replaceAll("\0", "\\0") } });
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(path);
  } catch (cause) {
    const missing = ["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    throw new AkcError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", { cause, details: { path } });
  }
  if (!stat.isFile()) throw new AkcError("FILE_UNREADABLE", { details: { path, why: "not a regular file" } });
  if (stat.size < 512) throw invalid("it is too short");
  if (stat.size > kind.bytesMax) throw invalid("it is too large");
  // A log beside it holds what the file itself does not: it was copied while it was written.
  const log = lstatSync(`${path}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size > 0) throw invalid("a write-ahead log stands beside it");
}

function openFile(path: string, invalid: (why: string, cause?: unknown) => AkcError): Database {
  try {
    return openImmutable(path);
  } catch (cause) {
    const fault = storeFault(cause, path);
    if (fault instanceof AkcError && fault.code === "STORE_UNWRITABLE") {
      throw new AkcError("FILE_UNREADABLE", { cause, details: { path } });
    }
    throw invalid("it cannot be opened", cause);
  }
}

function expectedSchema(kind: SealedKind, version: number): string {
  using db = new Database(":memory:", { strict: true });
  createStateTables(db, version);
  db.run(contentSchema + kind.schema);
  return schemaOf(db);
}

function schemaOf(db: Database): string {
  const rows = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").values();
  return JSON.stringify(rows);
}
