/**
 * Names of what a scope's state holds, the newest first: enough to complete a word, read in a few milliseconds. Opens for reading only,
 * waits for nobody, and never brings an older database to its new shape: there it finds nothing.
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { closeConnection } from "./connection.ts";
import { applicationId, pragma, schemaVersion } from "./migrate.ts";
import { databasePath } from "./open.ts";
import { openReadOnly } from "./read-only.ts";

export interface RunName {
  readonly runtimeRunId: string;
  /** null until it has ended. */
  readonly outcome: string | null;
  readonly startedAtMs: number;
}

export interface RolloutName {
  readonly rolloutId: string;
  readonly phase: string;
  readonly startedAtMs: number;
}

/** Of a step what it is called, of an event's action the parts that its name is made of. */
export interface ActionNames {
  readonly actionId: string;
  readonly nodeId: string;
  readonly stepId: string | null;
  readonly phase: string;
}

/** Ids that begin with `begins`. @param scopeRoot `<outputs_root>/<tenant>/<repo>`, absolute. @throws SQLiteError */
export function runNames(scopeRoot: string, begins: string, limit: number): readonly RunName[] {
  return look(scopeRoot, (db) =>
    db
      .query<RunName, [number, string, number]>(
        `SELECT runtime_run_id AS runtimeRunId, outcome, started_at_ms AS startedAtMs FROM run
         WHERE substr(runtime_run_id, 1, ?) = ? ORDER BY started_at_ms DESC, run_key DESC LIMIT ?`,
      )
      .all([...begins].length, begins, limit),
  );
}

/** As `runNames`. @throws SQLiteError */
export function rolloutNames(scopeRoot: string, begins: string, limit: number): readonly RolloutName[] {
  return look(scopeRoot, (db) =>
    db
      .query<RolloutName, [number, string, number]>(
        `SELECT rollout_id AS rolloutId, phase, started_at_ms AS startedAtMs FROM rollout
         WHERE substr(rollout_id, 1, ?) = ? ORDER BY number DESC LIMIT ?`,
      )
      .all([...begins].length, begins, limit),
  );
}

/** Of the newest run whose id begins with `run`. @throws SQLiteError */
export function actionNames(scopeRoot: string, run: string, limit: number): readonly ActionNames[] {
  return look(scopeRoot, (db) =>
    db
      .query<ActionNames, [number, string, number]>(
        `SELECT action_id AS actionId, node_id AS nodeId, step_id AS stepId, phase FROM action
         WHERE run_key = (SELECT run_key FROM run WHERE substr(runtime_run_id, 1, ?) = ?
                          ORDER BY started_at_ms DESC, run_key DESC LIMIT 1)
         ORDER BY seq LIMIT ?`,
      )
      .all([...run].length, run, limit),
  );
}

function look<T>(scopeRoot: string, read: (db: Database) => readonly T[]): readonly T[] {
  const path = databasePath(scopeRoot);
  if (!existsSync(path)) return [];
  const db = openReadOnly(path);
  try {
    const isOurs = pragma(db, "application_id") === applicationId;
    return isOurs && pragma(db, "user_version") === schemaVersion ? read(db) : [];
  } finally {
    closeConnection(db);
  }
}
