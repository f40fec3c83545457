/**
 * Reads a scope's deployment over a connection that only reads, never waiting for the writer. A database of an earlier shape
 * has nothing to tell: every answer is empty.
 */
import type { Database } from "bun:sqlite";
import type { DeploymentReader, Lease, RolloutRequest } from "../../contract.ts";
import { rolloutIdCharsMin } from "../../deployment/refusals.ts";
import { storeFault } from "../faults.ts";
import { openRequestsSql } from "./requests.ts";
import {
  type OwnedColumns,
  ownedColumns,
  ownedOf,
  type PlanColumns,
  planColumns,
  planOf,
  type RequestColumns,
  type RevisionColumns,
  type RolloutColumns,
  requestOf,
  revisionColumns,
  revisionOf,
  rolloutColumns,
  rolloutOf,
} from "./rows.ts";
import { scopeLeaseNow } from "./scope-lease.ts";
import { hasDeployment } from "./tables.ts";

export interface DeploymentLook extends DeploymentReader {
  scopeLease(): Promise<Lease | null>;
}

/** @param connection read-only, nobody else's; asked for at the first look. */
export function createDeploymentReader(connection: () => Database, path: string): DeploymentLook {
  let isThere = false;
  const look = async <T>(nothing: T, work: (db: Database) => T): Promise<T> => {
    try {
      const db = connection();
      // Somebody may bring the database to its new shape while this one looks.
      isThere ||= hasDeployment(db);
      return isThere ? work(db) : nothing;
    } catch (cause) {
      throw storeFault(cause, path);
    }
  };
  let seen: number | undefined;
  let requests: readonly RolloutRequest[] = [];

  return {
    owned: () =>
      look([], (db) =>
        db
          .query<OwnedColumns, []>(
            `SELECT ${ownedColumns} FROM owned_resource ORDER BY provider_id, resource_id`,
          )
          .all()
          .map(ownedOf),
      ),
    revisions: (providerId, resourceId) =>
      look([], (db) =>
        db
          .query<RevisionColumns, [string, string]>(
            `SELECT ${revisionColumns} FROM revision WHERE provider_id = ? AND resource_id = ? ORDER BY number DESC`,
          )
          .all(providerId, resourceId)
          .map(revisionOf),
      ),
    revision: (providerId, resourceId, desiredHash) =>
      look(null, (db) => {
        const row = db
          .query<RevisionColumns, [string, string, string]>(
            `SELECT ${revisionColumns} FROM revision WHERE provider_id = ? AND resource_id = ? AND desired_hash = ?`,
          )
          .get(providerId, resourceId, desiredHash);
        return row === null ? null : revisionOf(row);
      }),
    lastGood: (providerId) =>
      look([], (db) => db.query<RevisionColumns, [string]>(lastGoodSql).all(providerId).map(revisionOf)),
    rollouts: (limit) =>
      look([], (db) =>
        db
          .query<RolloutColumns, [number]>(
            `SELECT ${rolloutColumns} FROM rollout ORDER BY number DESC LIMIT ?`,
          )
          .all(limit)
          .map(rolloutOf),
      ),
    rollout: (id) =>
      look(null, (db) => {
        const whole = db
          .query<RolloutColumns, [string]>(`SELECT ${rolloutColumns} FROM rollout WHERE rollout_id = ?`)
          .get(id);
        if (whole !== null) return rolloutOf(whole);
        if (id.length < rolloutIdCharsMin) return null;
        const [only, ...others] = db
          .query<RolloutColumns, [string, string]>(
            `SELECT ${rolloutColumns} FROM rollout WHERE substr(rollout_id, 1, length(?)) = ? LIMIT 2`,
          )
          .all(id, id);
        return only === undefined || others.length > 0 ? null : rolloutOf(only);
      }),
    openRollout: () =>
      look(null, (db) => {
        const row = db
          .query<RolloutColumns, []>(`SELECT ${rolloutColumns} FROM rollout WHERE open = 1`)
          .get();
        return row === null ? null : rolloutOf(row);
      }),
    plan: (planId) =>
      look(null, (db) => {
        const row = db
          .query<PlanColumns, [string]>(`SELECT ${planColumns} FROM plan WHERE plan_id = ?`)
          .get(planId);
        return row === null ? null : planOf(row);
      }),
    openRequests: () =>
      look([], (db) => {
        // It counts the commits that this connection did not make, so all there are: the rows are asked again only after one.
        const version = db.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version;
        if (version === undefined || version !== seen) {
          requests = db.query<RequestColumns, []>(openRequestsSql).all().map(requestOf);
          seen = version;
        }
        return requests;
      }),
    scopeLease: () => look(null, scopeLeaseNow),
  };
}

const lastGoodSql = `
  SELECT ${revisionColumns} FROM revision WHERE number IN (
    SELECT number FROM (
      SELECT number, row_number() OVER (PARTITION BY resource_id ORDER BY good_at_ms DESC, number DESC) AS place
      FROM revision WHERE provider_id = ? AND good_at_ms IS NOT NULL
    ) WHERE place = 1
  ) ORDER BY resource_id`;
