/**
 * What a run needs to be taken over, sealed and removed. Runs of the first shape keep their chain of zeros and stay as they are.
 *
 * Which run has an artifact was not written down before. It is read off what names artifacts: the output of an action, and
 * the hashes in the outputs of an attempt's event.
 *
 * Source: architecture "State".
 */
import type { Migration } from "../migrate.ts";

export const resume: Migration = {
  version: 2,
  sql: `
    ALTER TABLE run ADD COLUMN facts_sha256 TEXT;
    ALTER TABLE run ADD COLUMN evidence_seq INTEGER;
    ALTER TABLE run ADD COLUMN genesis TEXT NOT NULL DEFAULT 'zeros';

    -- A key is given once: whoever still holds that of a run that was removed must never meet another run under it.
    CREATE TABLE run_key_counter (last INTEGER NOT NULL) STRICT;
    INSERT INTO run_key_counter SELECT coalesce(max(run_key), 0) FROM run;

    CREATE TABLE signal (
      run_key INTEGER NOT NULL,
      number INTEGER NOT NULL,
      id TEXT NOT NULL,
      name TEXT NOT NULL,
      payload TEXT NOT NULL,
      sent_at_ms INTEGER NOT NULL,
      sender TEXT NOT NULL,
      taken_seq INTEGER,
      PRIMARY KEY (run_key, number),
      UNIQUE (run_key, id)
    ) STRICT;
    CREATE INDEX signal_open ON signal (run_key, number) WHERE taken_seq IS NULL;

    CREATE TABLE evidence_file (
      run_key INTEGER NOT NULL,
      name TEXT NOT NULL,
      sha256 BLOB NOT NULL,
      size_bytes INTEGER NOT NULL,
      PRIMARY KEY (run_key, name)
    ) STRICT, WITHOUT ROWID;

    -- Which runs have an artifact; the last one that goes takes it along.
    CREATE TABLE artifact_ref (
      run_key INTEGER NOT NULL,
      sha256 BLOB NOT NULL,
      PRIMARY KEY (run_key, sha256)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX artifact_ref_sha256 ON artifact_ref (sha256);

    -- Files whose row is gone and that are still to be removed.
    CREATE TABLE dead_file (sha256 BLOB PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;

    INSERT OR IGNORE INTO artifact_ref
      SELECT run_key, output_sha256 FROM action WHERE output_sha256 IS NOT NULL;
    INSERT OR IGNORE INTO artifact_ref
      SELECT event.run_key, artifact.sha256
      FROM event, json_tree(CASE WHEN json_valid(event.payload) THEN event.payload ELSE 'null' END) AS member
      JOIN artifact ON artifact.sha256 = unhex(member.atom)
      WHERE event.type LIKE 'runtime.action.%' AND instr(event.payload, 'sha256') > 0
        AND member.type = 'text' AND length(member.atom) = 64;
  `,
};
