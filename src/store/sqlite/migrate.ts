/**
 * Brings a state database to the shape this akc knows. It only goes forward, in one transaction, and never touches a
 * database that a newer akc made or that is none of ours.
 */
import type { Database } from "bun:sqlite";
import { closeSync, openSync, readSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { errnoOf } from "../../system/files.ts";
import { guarded, patiently } from "./faults.ts";
import { initial } from "./migrations/0001-initial.ts";
import { resume } from "./migrations/0002-resume.ts";
import { deployment } from "./migrations/0003-deployment.ts";
import { openReadOnly, refuseNoFile } from "./read-only.ts";

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** The shapes of one kind of database, from its first to the one this akc writes. */
export interface Series {
  /** `PRAGMA application_id`: tells `file` and us whose database it is. */
  readonly applicationId: number;
  /** In order; the last one's version is the one this akc writes (`PRAGMA user_version`). */
  readonly migrations: readonly Migration[];
  /** Pages that a connection of the writer keeps, in KiB: it fills as the database grows, and is never given back. */
  readonly cacheKib: number;
}

/** In order; the last one's version is the one this akc writes (`PRAGMA user_version`). */
export const migrations: readonly Migration[] = [initial, resume, deployment];
export const schemaVersion = migrations.length;

/** The oldest shape whose runs are read as they stand, where nothing can be written. */
export const readableVersion = resume.version;

/** "akcs" in ASCII. */
export const applicationId = 0x616b_6373;

/** The state of one scope. */
export const stateSeries: Series = { applicationId, migrations, cacheKib: 16_384 };

/**
 * The version of the database at `path`, 0 when there is none yet. Reads only.
 * @throws AkcError STORE_TOO_NEW, STORE_DAMAGED
 */
export function versionAt(path: string, series: Series = stateSeries): number {
  const header = headerOf(path);
  if (header === null) return 0;
  // The header may be older than the write-ahead log, never newer: a refusal here needs no look at the log.
  if (header.applicationId === series.applicationId) refuseNewer(header.version, path, series);
  return patiently(path, () => {
    using db = openReadOnly(path);
    db.run("PRAGMA busy_timeout = 2000");
    // In one transaction: while somebody makes it, a file without a version would be seen with another's tables.
    const { version, owner, empty } = db.transaction(() => ({
      version: pragma(db, "user_version"),
      owner: pragma(db, "application_id"),
      empty: isEmpty(db),
    }))();
    if (version === 0 && owner === 0 && empty) return 0;
    if (owner !== series.applicationId) {
      throw new AkcError("STORE_DAMAGED", {
        message: "the file in the place of the state database belongs to another program",
        details: { path, applicationId: owner },
      });
    }
    refuseNewer(version, path, series);
    return version;
  });
}

/** Applies what is missing. Two processes may do this at once: the second finds nothing left to do. */
export function migrate(db: Database, path: string, series: Series = stateSeries): void {
  db.transaction(() => {
    const from = pragma(db, "user_version");
    refuseNewer(from, path, series);
    if (from === series.migrations.length) return;
    failpoint("store.before_migration");
    for (const migration of series.migrations.slice(from)) {
      db.run(migration.sql);
      failpoint("store.between_migrations");
    }
    db.run(`PRAGMA application_id = ${series.applicationId}`);
    db.run(`PRAGMA user_version = ${series.migrations.length}`);
  }).immediate();
  failpoint("store.migrated");
}

function refuseNewer(version: number, path: string, { migrations: { length: newestKnown } }: Series): void {
  if (version <= newestKnown) return;
  throw new AkcError("STORE_TOO_NEW", { details: { path, version, newestKnown } });
}

export function pragma(db: Database, name: "user_version" | "application_id"): number {
  return db.prepare<Record<string, number>, []>(`PRAGMA ${name}`).get()?.[name] ?? 0;
}

function isEmpty(db: Database): boolean {
  return db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM sqlite_schema").get()?.n === 0;
}

/** From the first 100 bytes of the file, or null when it is missing or empty (file format §1.3). */
function headerOf(path: string): { readonly version: number; readonly applicationId: number } | null {
  let file: number;
  guarded(path, () => refuseNoFile(path));
  try {
    file = openSync(path, "r");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    return guarded(path, () => {
      throw cause;
    });
  }
  try {
    const header = new DataView(new ArrayBuffer(100));
    const size = guarded(path, () => readSync(file, header, 0, 100, 0));
    if (size === 0) return null;
    return { version: header.getUint32(60), applicationId: header.getUint32(68) };
  } finally {
    closeSync(file);
  }
}
