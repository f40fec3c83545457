/**
 * The first shape of the autopilot's state. Never edited once released: a later shape is a new numbered file.
 *
 * `entry` is keyed by one integer, scope_key * 2^32 + seq, so that the facts of a scope stand side by side in their order.
 */
import type { Migration } from "../../../store/sqlite/migrate.ts";

export const initial: Migration = {
  version: 1,
  sql: `
    -- seq, at_ms and sha256 are those of the last entry; base_ those of the last one that was removed, before any of genesis.
    -- The token only grows.
    CREATE TABLE scope (
      scope_key INTEGER PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      repo_id TEXT NOT NULL,
      seq INTEGER NOT NULL,
      at_ms INTEGER NOT NULL,
      sha256 BLOB NOT NULL,
      base_seq INTEGER NOT NULL,
      base_sha256 BLOB NOT NULL,
      token INTEGER NOT NULL,
      holder TEXT NOT NULL,
      fenced_at_ms INTEGER NOT NULL,
      attempt_open INTEGER NOT NULL,
      UNIQUE (tenant_id, repo_id)
    ) STRICT;
    CREATE INDEX scope_attempt ON scope (attempt_open) WHERE attempt_open = 1;

    CREATE TABLE entry (
      id INTEGER PRIMARY KEY,
      scope_key INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
      seq INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
      type TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      writer TEXT NOT NULL,
      token INTEGER NOT NULL,
      payload TEXT NOT NULL,
      sha256 BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entry_at ON entry (scope_key, at_ms);

    -- What follows from the entries up to seq. The oldest one of a scope is that of its base.
    CREATE TABLE snapshot (
      scope_key INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      entry_sha256 BLOB NOT NULL,
      state TEXT NOT NULL,
      sha256 BLOB NOT NULL,
      PRIMARY KEY (scope_key, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE cursor (
      scope_key INTEGER NOT NULL,
      runtime_run_id TEXT NOT NULL,
      seq INTEGER NOT NULL,
      PRIMARY KEY (scope_key, runtime_run_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE nonce (
      nonce TEXT PRIMARY KEY NOT NULL,
      keep_until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX nonce_until ON nonce (keep_until_ms);

    -- One row: how often a fact, a cursor or a fence was written. Leases and beats do not count.
    CREATE TABLE change (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      count INTEGER NOT NULL
    ) STRICT;
    INSERT INTO change (id, count) VALUES (1, 0);

    CREATE TABLE controller (
      holder TEXT PRIMARY KEY NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      started_at_ms INTEGER NOT NULL,
      beat_at_ms INTEGER NOT NULL,
      scopes_held INTEGER NOT NULL,
      version TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE tally (
      scope_key INTEGER NOT NULL,
      from_ms INTEGER NOT NULL,
      standing INTEGER NOT NULL,
      drifted INTEGER NOT NULL,
      unseen INTEGER NOT NULL,
      PRIMARY KEY (scope_key, from_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tally_fine ON tally (from_ms) WHERE from_ms % 3600000 <> 0;

    CREATE TABLE lease (
      name TEXT PRIMARY KEY NOT NULL,
      holder TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      boot_id TEXT NOT NULL,
      acquired_at_ms INTEGER NOT NULL,
      renewed_at_ms INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
