/**
 * The part of a check that looks at a scope's deployment: whether its tables are there and its rows can be what they say. It
 * knows nothing of what their texts mean, and removes nothing.
 */
import type { Database } from "bun:sqlite";
import type { FaultList } from "../check.ts";
import { hasDeployment } from "./tables.ts";

/** Texts that have to be JSON, and how a row is called for people. */
const texts: readonly { readonly table: string; readonly column: string; readonly name: string }[] = [
  { table: "owned_resource", column: "depends_on", name: "resource_id" },
  { table: "owned_resource", column: "handle", name: "resource_id" },
  { table: "revision", column: "revision", name: "resource_id || ' ' || desired_hash" },
  { table: "rollout", column: "state", name: "rollout_id" },
  { table: "plan", column: "plan", name: "plan_id" },
];

/** Adds what is wrong. @throws AkcError STORE_DAMAGED when tables are missing */
export function checkDeployment(db: Database, faults: FaultList): void {
  if (!hasDeployment(db)) return;
  for (const { table, column, name } of texts) {
    const rows = db
      .prepare<{ name: string; run: string }, []>(
        `SELECT ${name} AS name, runtime_run_id AS run FROM ${table} WHERE NOT json_valid(${column})`,
      )
      .all();
    for (const row of rows)
      faults.add("deployment", `${table} ${row.name}: its ${column} is no JSON`, row.run);
  }
  const open = db
    .prepare<{ rollout_id: string; runtime_run_id: string }, []>(
      "SELECT rollout_id, runtime_run_id FROM rollout NOT INDEXED WHERE open = 1 ORDER BY number",
    )
    .all();
  for (const row of open.slice(1)) {
    faults.add("deployment", `rollout ${row.rollout_id} is open beside another one`, row.runtime_run_id);
  }
  const lost = db
    .prepare<{ number: number; rollout_id: string }, []>(
      `SELECT number, rollout_id FROM rollout_request
       WHERE taken = 0 AND rollout_id NOT IN (SELECT rollout_id FROM rollout) ORDER BY number`,
    )
    .all();
  for (const { number, rollout_id } of lost) {
    faults.add("deployment", `request ${number} is to rollout ${rollout_id}, which is not there`);
  }
}
