/**
 * Connections to one state database, each with the settings its work needs. Knows nothing of runs.
 *
 * Source: https://sqlite.org/wal.html, https://sqlite.org/pragma.html
 */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { guarded, patiently, storeFault } from "./faults.ts";
import { migrate, type Series, stateSeries } from "./migrate.ts";
import { openReadOnly } from "./read-only.ts";

// The first release without the bug that could corrupt a database when its write-ahead log was reset (3.7.0 to 3.51.2).
export const oldestSqlite = [3, 51, 3] as const;

/**
 * The one writer of a process: every commit is on the disk when it returns. Creates the database where there is none.
 * @throws AkcError STORE_UNWRITABLE, STORE_BUSY, DISK_FULL, STORE_TOO_NEW
 */
export function openWriter(path: string, series: Series = stateSeries): Database {
  return patiently(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const db = new Database(path, { create: true, readwrite: true, strict: true });
    return configured(db, path, () => {
      assertSqlite(db);
      db.run(`PRAGMA busy_timeout = ${limits.storeBusyTimeoutMs}`);
      // A page holds a typical outcome event whole; 4 KB pages would send many to overflow pages.
      db.run("PRAGMA page_size = 8192");
      db.run("PRAGMA journal_mode = WAL");
      db.run("PRAGMA synchronous = FULL");
      db.run("PRAGMA foreign_keys = ON");
      db.run("PRAGMA wal_autocheckpoint = 2000");
      db.run(`PRAGMA cache_size = -${series.cacheKib}`);
      migrate(db, path, series);
    });
  });
}

/**
 * For lease renewal: never behind the writer's statements, and cheap, since a renewal that a power cut undoes does no harm.
 * @param checkpointPages how long the log may get before it is folded in; 0: never, where others write more and see to it.
 */
export function openLeaseWriter(path: string, checkpointPages = 0): Database {
  return guarded(path, () => {
    const db = new Database(path, { readwrite: true, create: false, strict: true });
    return configured(db, path, () => {
      db.run(`PRAGMA busy_timeout = ${limits.leaseBusyTimeoutMs}`);
      db.run("PRAGMA synchronous = NORMAL");
      // A checkpoint belongs to whoever filled the log.
      db.run(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    });
  });
}

/** Sees what was committed and never waits for a writer. @param cacheKib pages that it keeps */
export function openReader(path: string, cacheKib = 2_000): Database {
  return patiently(path, () => {
    const db = openReadOnly(path);
    return configured(db, path, () => {
      db.run(`PRAGMA cache_size = -${cacheKib}`);
      db.run(`PRAGMA busy_timeout = ${limits.storeBusyTimeoutMs}`);
      db.run("PRAGMA query_only = ON");
    });
  });
}

function configured(db: Database, path: string, settings: () => void): Database {
  try {
    settings();
    return db;
  } catch (cause) {
    closeConnection(db);
    throw storeFault(cause, path);
  }
}

function assertSqlite(db: Database): void {
  const text = db.prepare<{ v: string }, []>("SELECT sqlite_version() AS v").get()?.v ?? "0";
  if (isTooOld(text)) {
    throw new AkcError("STORE_UNWRITABLE", {
      message: `this system's SQLite ${text} may corrupt a write-ahead log`,
      hint: `Use an akc built with SQLite ${oldestSqlite.join(".")} or newer.`,
      details: { sqlite: text },
    });
  }
}

/** Whether a version of SQLite, such as `3.51.2`, is from before `oldestSqlite`. */
export function isTooOld(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, least] of oldestSqlite.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}

/** Closes for good: statements that were kept would otherwise hold the file, and the log beside it, until they are collected. */
export function closeConnection(db: Database): void {
  db.close(true);
}
