/**
 * Takes a run out of the database with everything that is its own. An artifact goes with the last run that has it.
 */
import type { Database } from "bun:sqlite";
import { failpoint } from "../../system/failpoint.ts";
import type { LeaseHolder } from "../contract.ts";
import { rolloutOpen } from "../deployment/refusals.ts";
import { requireDeployment } from "./deployment/tables.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { runNamed } from "./runs.ts";
import { refuseHeld } from "./takeover.ts";

/**
 * One transaction. Files whose row goes are only noted; `removeDeadFiles` removes them. What is kept of the scope's deployment
 * stays, also where it names the run. @throws AkcError LEASE_HELD, RUN_NOT_FOUND, ROLLOUT_OPEN
 */
export function deleteRunRows(db: Database, runtimeRunId: string, here: LeaseHolder, nowMs: number): void {
  db.transaction(() => {
    const { key } = runNamed(db, runtimeRunId);
    refuseHeld(db, runtimeRunId, here, nowMs);
    refuseNeeded(db, runtimeRunId);
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

/** What goes on with a rollout needs the run that it is of. */
function refuseNeeded(db: Database, runtimeRunId: string): void {
  requireDeployment(db);
  const row = db
    .query<{ rollout_id: string }, [string]>(
      "SELECT rollout_id FROM rollout WHERE open = 1 AND runtime_run_id = ?",
    )
    .get(runtimeRunId);
  if (row !== null) throw rolloutOpen(runtimeRunId, row.rollout_id);
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
