/**
 * Takes a run out of the database with everything that is its own. An artifact goes with the last run that has it.
 */
import type { Database } from "bun:sqlite";
import { failpoint } from "../../system/failpoint.ts";
import type { LeaseHolder } from "../contract.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { runNamed } from "./runs.ts";
import { refuseHeld } from "./takeover.ts";

/** One transaction. Files whose row goes are only noted; `removeDeadFiles` removes them. @throws AkcError LEASE_HELD, RUN_NOT_FOUND */
export function deleteRunRows(db: Database, runtimeRunId: string, here: LeaseHolder, nowMs: number): void {
  db.transaction(() => {
    const { key } = runNamed(db, runtimeRunId);
    refuseHeld(db, runtimeRunId, here, nowMs);
    for (const table of ["event", "decision"]) {
      db.query(`DELETE FROM ${table} WHERE id > ? AND id <= ?`).run(rowIdBase(key), rowIdEnd(key));
    }
    failpoint("prune.inside");
    deleteOwnArtifacts(db, key);
    for (const table of ["action", "signal", "evidence_file", "artifact_ref", "lease", "run"]) {
      db.query(`DELETE FROM ${table} WHERE run_key = ?`).run(key);
    }
  }).immediate();
}

function deleteOwnArtifacts(db: Database, key: number): void {
  const own = `
    SELECT sha256 FROM artifact_ref AS own WHERE run_key = ?
      AND NOT EXISTS (SELECT 1 FROM artifact_ref AS other WHERE other.sha256 = own.sha256 AND other.run_key <> own.run_key)`;
  db.query(
    `INSERT OR IGNORE INTO dead_file SELECT sha256 FROM artifact WHERE content IS NULL AND sha256 IN (${own})`,
  ).run(key);
  db.query(`DELETE FROM artifact WHERE sha256 IN (${own})`).run(key);
}
