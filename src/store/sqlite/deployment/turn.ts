/**
 * Writes the deployment part of a turn inside the turn's own transaction, and drops what the scope keeps no longer. It is
 * called only for whoever holds the scope; it compares no token itself.
 */
import type { Database } from "bun:sqlite";
import type { DeploymentTurn, RolloutRow } from "../../contract.ts";
import { secondOpenRollout } from "../../deployment/refusals.ts";
import { dropOld } from "./drop.ts";
import { takeRequests } from "./requests.ts";
import { ownedColumns, planColumns, revisionColumns, rolloutColumns } from "./rows.ts";

/** @throws AkcError INTERNAL for a second open rollout, and for a request that is not there to be taken */
export function writeDeployment(db: Database, turn: DeploymentTurn): void {
  for (const row of turn.owned ?? []) {
    db.query(`INSERT OR REPLACE INTO owned_resource (${ownedColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`).run(
      row.providerId,
      row.resourceId,
      row.resourceClass,
      row.desiredHash,
      row.runtimeRunId,
      row.atMs,
      row.dependsOn,
      row.handle,
    );
  }
  for (const { providerId, resourceId } of turn.disowned ?? []) {
    db.query("DELETE FROM owned_resource WHERE provider_id = ? AND resource_id = ?").run(
      providerId,
      resourceId,
    );
  }
  for (const row of turn.revisions ?? []) {
    // Replaced, it has a new number: it is the newest again.
    db.query(`INSERT OR REPLACE INTO revision (${revisionColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)`).run(
      row.providerId,
      row.resourceId,
      row.desiredHash,
      row.runtimeRunId,
      row.atMs,
      row.goodAtMs,
      row.revision,
    );
  }
  if (turn.rollout !== undefined) writeRollout(db, turn.rollout);
  if (turn.plan !== undefined) {
    const { planId, runtimeRunId, atMs, plan } = turn.plan;
    db.query(`INSERT OR REPLACE INTO plan (${planColumns}) VALUES (?, ?, ?, ?)`).run(
      planId,
      runtimeRunId,
      atMs,
      plan,
    );
  }
  takeRequests(db, turn.requestsTaken ?? []);
  dropOld(db, turn);
}

function writeRollout(db: Database, row: RolloutRow): void {
  if (row.open) {
    const other = db
      .query<{ rollout_id: string }, [string]>(
        "SELECT rollout_id FROM rollout WHERE open = 1 AND rollout_id <> ?",
      )
      .get(row.rolloutId);
    if (other !== null) throw secondOpenRollout(row.rolloutId, other.rollout_id);
  }
  db.query(
    `INSERT INTO rollout (${rolloutColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (rollout_id) DO UPDATE SET runtime_run_id = excluded.runtime_run_id, phase = excluded.phase,
       open = excluded.open, started_at_ms = excluded.started_at_ms, updated_at_ms = excluded.updated_at_ms,
       state = excluded.state`,
  ).run(
    row.rolloutId,
    row.runtimeRunId,
    row.phase,
    row.open ? 1 : 0,
    row.startedAtMs,
    row.updatedAtMs,
    row.state,
  );
}
