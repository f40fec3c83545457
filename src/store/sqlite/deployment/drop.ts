/**
 * Drops what a scope keeps no longer, inside the transaction of the turn after which it is too much. What goes is decided in
 * `store/deployment/kept.ts`; here it is only looked up and removed.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../../limits.ts";
import type { DeploymentTurn } from "../../contract.ts";
import { type Names, namesIn, plansToDrop, revisionsToDrop, rolloutsToDrop } from "../../deployment/kept.ts";
import { forgetRequests } from "./requests.ts";

export function dropOld(db: Database, turn: DeploymentTurn): void {
  let names: Names | undefined;
  /** Read only where something is to go: the state may be large. */
  const named = () => {
    names ??= namesIn(openState(db));
    return names;
  };
  // With its rollout's end what it named is needed no more.
  const touched = turn.rollout?.open === false ? resourcesWithMany(db) : (turn.revisions ?? []);
  dropRevisions(db, touched, named);
  if (turn.rollout !== undefined) dropRollouts(db);
  if (turn.plan !== undefined || turn.rollout?.open === false) dropPlans(db, named);
}

interface Resource {
  readonly providerId: string;
  readonly resourceId: string;
}

function resourcesWithMany(db: Database): readonly Resource[] {
  return db
    .query<Resource, [number]>(
      `SELECT provider_id AS providerId, resource_id AS resourceId FROM revision
       GROUP BY provider_id, resource_id HAVING count(*) > ?`,
    )
    .all(limits.revisionsKeptMax);
}

function dropRevisions(db: Database, touched: readonly Resource[], named: () => Names): void {
  const rows = db.query<
    { readonly number: number; readonly desiredHash: string; readonly goodAtMs: number | null },
    [string, string]
  >(
    `SELECT number, desired_hash AS desiredHash, good_at_ms AS goodAtMs FROM revision
     WHERE provider_id = ? AND resource_id = ? ORDER BY number DESC`,
  );
  const standing = db.query<{ desired_hash: string }, [string, string]>(
    "SELECT desired_hash FROM owned_resource WHERE provider_id = ? AND resource_id = ?",
  );
  for (const { providerId, resourceId } of touched) {
    const newestFirst = rows.all(providerId, resourceId);
    if (newestFirst.length <= limits.revisionsKeptMax) continue;
    const standingHash = standing.get(providerId, resourceId)?.desired_hash ?? null;
    for (const { number } of revisionsToDrop(newestFirst, { named: named(), standingHash })) {
      db.query("DELETE FROM revision WHERE number = ?").run(number);
    }
  }
}

function dropRollouts(db: Database): void {
  const newestFirst = db
    .query<{ number: number; open: number }, []>("SELECT number, open FROM rollout ORDER BY number DESC")
    .all()
    .map(({ number, open }) => ({ number, open: open === 1 }));
  const old = rolloutsToDrop(newestFirst);
  for (const { number } of old) db.query("DELETE FROM rollout WHERE number = ?").run(number);
  if (old.length === 0) return;
  forgetRequests(db);
}

function dropPlans(db: Database, named: () => Names): void {
  const newestFirst = db
    .query<{ number: number; planId: string }, []>(
      "SELECT number, plan_id AS planId FROM plan ORDER BY number DESC",
    )
    .all();
  if (newestFirst.length <= limits.plansKeptMax) return;
  for (const { number } of plansToDrop(newestFirst, named())) {
    db.query("DELETE FROM plan WHERE number = ?").run(number);
  }
}

function openState(db: Database): string | null {
  return db.query<{ state: string }, []>("SELECT state FROM rollout WHERE open = 1").get()?.state ?? null;
}
