/**
 * Beats of controllers, and what their looks counted. Cheap rows that nothing is decided by alone: they are written without waiting
 * for the disk, and a power cut may take the last seconds of them.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../limits.ts";
import type { ControllerRow, Tally } from "../contract.ts";
import type { ScopeId } from "../model.ts";
import { knownScope } from "./rows.ts";

const { autopilotTallyBucketMs: bucketMs, autopilotTallyHourMs: hourMs } = limits;

export function putBeat(db: Database, controller: ControllerRow, tallies: readonly Tally[]): void {
  db.transaction(() => {
    db.query(
      `INSERT INTO controller (holder, host, pid, started_at_ms, beat_at_ms, scopes_held, version) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET beat_at_ms = excluded.beat_at_ms, scopes_held = excluded.scopes_held`,
    ).run(
      controller.holder,
      controller.host,
      controller.pid,
      Math.floor(controller.startedAtMs),
      Math.floor(controller.beatAtMs),
      controller.scopesHeld,
      controller.version,
    );
    const add = db.query(
      `INSERT INTO tally (scope_key, from_ms, standing, drifted, unseen) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET standing = standing + excluded.standing, drifted = drifted + excluded.drifted,
         unseen = unseen + excluded.unseen`,
    );
    for (const { scope, fromMs, standing, drifted, unseen } of tallies) {
      add.run(knownScope(db, scope).key, fromMs - (fromMs % bucketMs), standing, drifted, unseen);
    }
  }).immediate();
}

/** Makes hours of what is older than a day, and forgets controllers that beat no more. */
export function tidyTallies(db: Database, nowMs: number): void {
  const old = nowMs - limits.autopilotTallyFineMs;
  const before = old - (old % hourMs);
  // The partial index `tally_fine` is used for a condition that is written as the index has it.
  const fine = "from_ms < ? AND from_ms % 3600000 <> 0";
  db.transaction(() => {
    db.query(
      `INSERT INTO tally (scope_key, from_ms, standing, drifted, unseen)
         SELECT scope_key, from_ms - from_ms % 3600000, sum(standing), sum(drifted), sum(unseen)
         FROM tally WHERE ${fine} GROUP BY 1, 2
       ON CONFLICT DO UPDATE SET standing = standing + excluded.standing, drifted = drifted + excluded.drifted,
         unseen = unseen + excluded.unseen`,
    ).run(before);
    db.query(`DELETE FROM tally WHERE ${fine}`).run(before);
    db.query("DELETE FROM controller WHERE beat_at_ms < ?").run(nowMs - limits.autopilotControllerKeptMs);
  }).immediate();
}

export function talliesBetween(
  db: Database,
  scope: ScopeId,
  key: number,
  fromMs: number,
  toMs: number,
): readonly Tally[] {
  return db
    .query<Omit<Tally, "scope">, [number, number, number]>(
      `SELECT from_ms AS fromMs, standing, drifted, unseen FROM tally
       WHERE scope_key = ? AND from_ms >= ? AND from_ms < ? ORDER BY from_ms`,
    )
    .all(key, fromMs, toMs)
    .map((row) => ({ scope, ...row }));
}

export function controllerRows(db: Database): readonly ControllerRow[] {
  return db
    .query<ControllerRow, []>(
      `SELECT holder, host, pid, started_at_ms AS startedAtMs, beat_at_ms AS beatAtMs, scopes_held AS scopesHeld, version
       FROM controller ORDER BY holder`,
    )
    .all();
}
