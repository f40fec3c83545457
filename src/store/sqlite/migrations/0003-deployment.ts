/**
 * What a scope has deployed, and who deploys in it. These rows are the scope's, not a run's: they name the run that wrote them
 * and stay when that run is removed.
 *
 * Columns that may be large stand last, so that what stands before them is read without them. A row's number says which came
 * later; a clock may be set back. No two tables of the state have columns of the same types in the same order, by which
 * `salvage/tables.ts` tells them apart.
 *
 * Source: architecture "State"; spec reconcile §1.
 */
import type { Migration } from "../migrate.ts";

export const deployment: Migration = {
  version: 3,
  sql: `
    -- At most one row. The token only grows: a scope that is given back is one whose lease expired at 0.
    CREATE TABLE scope_lease (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      runtime_run_id TEXT NOT NULL,
      token INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL,
      name TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      boot_id TEXT NOT NULL
    ) STRICT;

    CREATE TABLE owned_resource (
      provider_id TEXT NOT NULL,
      resource_id TEXT NOT NULL,
      resource_class TEXT NOT NULL,
      desired_hash TEXT NOT NULL,
      runtime_run_id TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      depends_on TEXT NOT NULL,
      handle TEXT NOT NULL,
      PRIMARY KEY (provider_id, resource_id)
    ) STRICT;

    CREATE TABLE revision (
      number INTEGER PRIMARY KEY,
      provider_id TEXT NOT NULL,
      resource_id TEXT NOT NULL,
      desired_hash TEXT NOT NULL,
      runtime_run_id TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      good_at_ms INTEGER,
      revision TEXT NOT NULL,
      UNIQUE (provider_id, resource_id, desired_hash)
    ) STRICT;
    CREATE INDEX revision_good ON revision (provider_id, resource_id, good_at_ms) WHERE good_at_ms IS NOT NULL;

    CREATE TABLE rollout (
      number INTEGER PRIMARY KEY,
      rollout_id TEXT NOT NULL UNIQUE,
      runtime_run_id TEXT NOT NULL,
      phase TEXT NOT NULL,
      open INTEGER NOT NULL CHECK (open IN (0, 1)),
      started_at_ms INTEGER NOT NULL,
      updated_at_ms INTEGER NOT NULL,
      state TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX rollout_open ON rollout (open) WHERE open = 1;

    CREATE TABLE plan (
      number INTEGER PRIMARY KEY,
      plan_id TEXT NOT NULL UNIQUE,
      runtime_run_id TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      plan TEXT NOT NULL
    ) STRICT;

    -- The newest one is never removed, taken or not: so a number is given once.
    CREATE TABLE rollout_request (
      number INTEGER PRIMARY KEY,
      rollout_id TEXT NOT NULL,
      command TEXT NOT NULL,
      sender TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      taken INTEGER NOT NULL CHECK (taken IN (0, 1))
    ) STRICT;
    CREATE UNIQUE INDEX rollout_request_open ON rollout_request (rollout_id, command) WHERE taken = 0;
  `,
};
