/**
 * What people asked of rollouts: each word once, in the order of arrival, until the process that drives the rollout takes it.
 * It never carries one out.
 */
import type { Database } from "bun:sqlite";
import type { RolloutRequest } from "../../contract.ts";
import { notToBeTaken, refuseRequest } from "../../deployment/refusals.ts";
import { type RequestColumns, requestColumns, requestOf } from "./rows.ts";
import { requireDeployment } from "./tables.ts";

/**
 * One that is open already is answered instead of being doubled.
 * @throws AkcError ROLLOUT_NOT_FOUND, ROLLOUT_ENDED, ROLLOUT_REQUESTS_TOO_MANY
 */
export function putRequest(db: Database, request: Omit<RolloutRequest, "number">): RolloutRequest {
  const { rolloutId, command, by, atMs } = request;
  return db
    .transaction(() => {
      requireDeployment(db);
      const open = db
        .query<RequestColumns, [string]>(
          `SELECT ${requestColumns} FROM rollout_request WHERE rollout_id = ? AND taken = 0`,
        )
        .all(rolloutId);
      const same = open.find((row) => row.command === command);
      if (same !== undefined) return requestOf(same);
      const rollout = db
        .query<{ open: number; phase: string }, [string]>(
          "SELECT open, phase FROM rollout WHERE rollout_id = ?",
        )
        .get(rolloutId);
      const standing = rollout === null ? null : { open: rollout.open === 1, phase: rollout.phase };
      refuseRequest(request, standing, open.length);
      const row = db
        .query<RequestColumns, [string, string, string, number]>(
          `INSERT INTO rollout_request (rollout_id, command, sender, at_ms, taken) VALUES (?, ?, ?, ?, 0)
           RETURNING ${requestColumns}`,
        )
        .get(rolloutId, command, by, atMs);
      forgetTaken(db);
      return row === null ? { ...request, number: 0 } : requestOf(row);
    })
    .immediate();
}

/** Call it inside the turn's transaction. @throws AkcError INTERNAL when one is not there to be taken */
export function takeRequests(db: Database, numbers: readonly number[]): void {
  if (numbers.length === 0) return;
  const take = db.query("UPDATE rollout_request SET taken = 1 WHERE number = ? AND taken = 0");
  for (const number of numbers) if (take.run(number).changes !== 1) throw notToBeTaken(number);
  forgetTaken(db);
}

/** In the order of arrival. */
export const openRequestsSql = `SELECT ${requestColumns} FROM rollout_request WHERE taken = 0 ORDER BY number`;

/** Those to rollouts that are no more. Call it inside a transaction. */
export function forgetRequests(db: Database): void {
  db.run("UPDATE rollout_request SET taken = 1 WHERE rollout_id NOT IN (SELECT rollout_id FROM rollout)");
  forgetTaken(db);
}

/** The newest stays: the next number follows from it. */
function forgetTaken(db: Database): void {
  db.run(
    "DELETE FROM rollout_request WHERE taken = 1 AND number < (SELECT max(number) FROM rollout_request)",
  );
}
