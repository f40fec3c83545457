/**
 * Where the autopilot's state lies, and the connections to it. It knows nothing of what stands in the tables.
 *
 * Source: architecture "State"; https://sqlite.org/wal.html
 */
import type { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { closeConnection, openLeaseWriter, openReader, openWriter } from "../../store/sqlite/connection.ts";
import { type Series, versionAt } from "../../store/sqlite/migrate.ts";
import { resolveConfined } from "../../system/files.ts";
import { initial } from "./migrations/0001-initial.ts";

/** "akca" in ASCII. */
const autopilotSeries: Series = {
  applicationId: 0x616b_6361,
  migrations: [initial],
  // A turn writes a few rows, and a controller holds this for months.
  cacheKib: 512,
};

const below = join(".akc", "autopilot", "state.sqlite3");

/** One file for all scopes of an outputs root and all controllers of the host. */
export function autopilotStatePath(outputsRoot: string): string {
  return join(outputsRoot, below);
}

export interface StateConnections {
  readonly path: string;
  /** Never writes and never waits for a writer; what it reads in one transaction belongs together. */
  reader(): Database;
  /** Facts: on the disk when a commit returns. */
  facts(): Database;
  /** Beats: cheap, since one that a power cut undoes does no harm. */
  beats(): Database;
  close(): void;
}

/**
 * Brings the file to the shape that this akc knows, and makes it where there is none and `create` says so.
 * @throws AkcError PATH_UNSAFE, FILE_NOT_FOUND when there is none and none is to be made, STORE_TOO_NEW, STORE_DAMAGED,
 *   STORE_UNWRITABLE, STORE_BUSY, DISK_FULL
 */
export async function openStateFile(outputsRoot: string, create: boolean): Promise<StateConnections> {
  const path = autopilotStatePath(outputsRoot);
  // Whoever may write below the outputs root must not be able to name a file elsewhere as the state.
  if (existsSync(outputsRoot)) await resolveConfined(outputsRoot, below);
  // A file without anything in it is no state yet, and whoever only looks makes none of it.
  if (!create && (!existsSync(path) || versionAt(path, autopilotSeries) === 0)) {
    throw new AkcError("FILE_NOT_FOUND", {
      message: "no autopilot has worked below this outputs root",
      hint: "Check --outputs-root.",
      details: { path },
    });
  }
  const version = versionAt(path, autopilotSeries);
  const connections = createConnections(path);
  if (version < autopilotSeries.migrations.length) connections.facts();
  return connections;
}

/** For leases and beats; each owner has one of its own, so that none waits behind the other's statements. */
export function openBeatWriter(path: string): Database {
  const db = openLeaseWriter(path, limits.autopilotCheckpointPages);
  waitBriefly(db);
  return db;
}

function createConnections(path: string): StateConnections {
  let reader: Database | undefined;
  let facts: Database | undefined;
  let beats: Database | undefined;
  let opened: string | undefined;

  const close = () => {
    for (const db of [reader, beats, facts]) if (db !== undefined) closeConnection(db);
    reader = undefined;
    facts = undefined;
    beats = undefined;
    opened = undefined;
  };
  /** An open connection goes on with a file that was moved away or removed: what is written there, nobody finds again. */
  const sameFile = () => {
    if (opened === undefined) return;
    const now = fileAt(path);
    if (now === undefined) {
      throw new AkcError("STORE_UNWRITABLE", {
        message: "the autopilot's state is not where it was",
        hint: "Bring the outputs root back to its place: mount it, or move it back. Nothing is done until then.",
        details: { path },
      });
    }
    if (now !== opened) close();
  };
  const kept = (db: Database): Database => {
    opened ??= fileAt(path);
    return db;
  };
  return {
    path,
    reader() {
      sameFile();
      reader ??= openReader(path, autopilotSeries.cacheKib);
      return kept(reader);
    },
    facts() {
      sameFile();
      if (facts === undefined) {
        facts = openWriter(path, autopilotSeries);
        waitBriefly(facts);
      }
      return kept(facts);
    },
    beats() {
      sameFile();
      beats ??= openBeatWriter(path);
      return kept(beats);
    },
    close,
  };
}

/** Which file is there now. */
function fileAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}

/** While SQLite waits nothing else of this process goes on, not even its leases: it waits briefly, and `persistently` asks again. */
function waitBriefly(db: Database): void {
  db.run(`PRAGMA busy_timeout = ${limits.autopilotBusyTimeoutMs}`);
}
