/**
 * The first shape of the state database. Never edited once released: a later shape is a new numbered file.
 *
 * `event` and `decision` are keyed by one integer, run_key * 2^32 + number. It keeps a run's rows side by side in the order
 * of their numbers, so that an append touches the last page only. A WITHOUT ROWID table over (run_key, seq) would spill
 * every payload above a quarter of a page to an overflow page of its own: three times the bytes at 1.2 KB a payload.
 *
 * Source: architecture "State"; https://sqlite.org/fileformat2.html §1.6 (payload overflow).
 */
import type { Migration } from "../migrate.ts";

export const initial: Migration = {
  version: 1,
  sql: `
    CREATE TABLE run (
      run_key INTEGER PRIMARY KEY,
      runtime_run_id TEXT NOT NULL UNIQUE,
      tenant_id TEXT NOT NULL,
      repo_id TEXT NOT NULL,
      run_id TEXT NOT NULL,
      mode TEXT NOT NULL,
      adapter_id TEXT NOT NULL,
      bundle_path TEXT NOT NULL,
      bundle_sha256 TEXT NOT NULL,
      coordination_sha256 TEXT,
      trace_id TEXT NOT NULL,
      status TEXT NOT NULL,
      outcome TEXT,
      started_at_ms INTEGER NOT NULL,
      finished_at_ms INTEGER,
      last_error TEXT,
      stop_requested_at_ms INTEGER,
      extra TEXT NOT NULL
    ) STRICT;

    -- The token only grows: the row outlives its holder, and a released lease is one that expired at 0.
    CREATE TABLE lease (
      run_key INTEGER PRIMARY KEY REFERENCES run (run_key),
      token INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL,
      name TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      boot_id TEXT NOT NULL
    ) STRICT;

    CREATE TABLE event (
      id INTEGER PRIMARY KEY,
      run_key INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
      seq INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
      type TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      payload TEXT NOT NULL,
      sha256 BLOB NOT NULL
    ) STRICT;

    CREATE TABLE action (
      run_key INTEGER NOT NULL,
      action_id TEXT NOT NULL,
      node_id TEXT NOT NULL,
      step_id TEXT,
      phase TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      output_sha256 BLOB,
      PRIMARY KEY (run_key, action_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE decision (
      id INTEGER PRIMARY KEY,
      run_key INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
      number INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
      seq INTEGER NOT NULL,
      at_ms INTEGER NOT NULL,
      action TEXT NOT NULL,
      allowed INTEGER NOT NULL,
      reason TEXT NOT NULL,
      source TEXT NOT NULL,
      rule TEXT NOT NULL,
      mode TEXT NOT NULL,
      context TEXT NOT NULL
    ) STRICT;

    -- content is NULL when it stands in a file beside the database.
    CREATE TABLE artifact (
      sha256 BLOB PRIMARY KEY NOT NULL,
      size_bytes INTEGER NOT NULL,
      content BLOB
    ) STRICT;
  `,
};
