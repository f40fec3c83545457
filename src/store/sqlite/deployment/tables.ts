/**
 * The tables of a scope's deployment: since when a database has them, and whether this one does. It never makes any; that is
 * the migration's.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../../errors.ts";
import { pragma } from "../migrate.ts";
import { deployment } from "../migrations/0003-deployment.ts";

export const deploymentTables = [
  "scope_lease",
  "owned_resource",
  "revision",
  "rollout",
  "plan",
  "rollout_request",
] as const;

/** False for a database of an earlier shape: nothing was deployed with it. @throws AkcError STORE_DAMAGED when tables are missing */
export function hasDeployment(db: Database): boolean {
  if (pragma(db, "user_version") < deployment.version) return false;
  requireDeployment(db);
  return true;
}

/** @throws AkcError STORE_DAMAGED */
export function requireDeployment(db: Database): void {
  const there = new Set(
    db
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map(({ name }) => name),
  );
  const missing = deploymentTables.filter((name) => !there.has(name));
  if (missing.length === 0) return;
  throw new AkcError("STORE_DAMAGED", {
    message: "tables of the state database are missing",
    details: { why: missing.join(", ") },
  });
}
