/** The fresh database that a salvage writes, and what it is filled from. It takes rows only as they fit the tables of a state. */
import type { Database } from "bun:sqlite";
import { applicationId, schemaVersion } from "../migrate.ts";
import { createStateTables, mark, stateTables } from "../sealed-file.ts";
import type { Value } from "./cells.ts";
import type { FoundEvent } from "./chain.ts";
import { type Rank, valuesOf } from "./found.ts";
import type { SalvagedTable } from "./tables.ts";

export interface FoundRow {
  readonly key: Value;
  readonly values: readonly Value[];
}

/**
 * Each row of a run once: of several versions the one from the best place and, where `newest` names a column, the one with the
 * greatest number there. `rankMax` leaves out what was found in worse places.
 */
export function newestOf(
  found: Database,
  table: SalvagedTable,
  runKey: number,
  newest?: number,
  rankMax?: Rank,
): readonly FoundRow[] {
  const chosen: FoundRow[] = [];
  for (const row of versionsOf(found, table, runKey, rankMax)) {
    const before = chosen.at(-1);
    if (before === undefined || before.key !== row.key) chosen.push(row);
    else if (newest !== undefined && Number(row.values[newest]) > Number(before.values[newest])) {
      chosen[chosen.length - 1] = row;
    }
  }
  return chosen;
}

/** All versions of all rows of a run, one at a time: by their keys, the best first. */
export function* versionsOf(
  found: Database,
  table: SalvagedTable,
  runKey: number,
  rankMax: Rank = 2,
): Generator<FoundRow> {
  const rows = found.prepare<{ key: Value; cells: string }, [string, number, number]>(
    "SELECT key, cells FROM found_row WHERE tab = ? AND run_key = ? AND rank <= ? ORDER BY key, rank, rowid",
  );
  try {
    for (const { key, cells } of rows.iterate(table, runKey, rankMax)) yield { key, values: valuesOf(cells) };
  } finally {
    rows.finalize();
  }
}

export type SalvageTarget = ReturnType<typeof createTarget>;

export function createTarget(db: Database) {
  db.run("BEGIN");
  createStateTables(db, schemaVersion);
  const columnsOf = new Map(stateTables(schemaVersion).map(({ name, columns }) => [name, columns]));
  const insert = (table: string, values: readonly Value[]): boolean => {
    const columns = (columnsOf.get(table) ?? "").split(", ").slice(0, values.length);
    const marks = columns.map(() => "?").join(", ");
    const sql = `INSERT OR IGNORE INTO ${table} (${columns.join(", ")}) VALUES (${marks})`;
    return db.query<unknown, Value[]>(sql).run(...values).changes > 0;
  };
  return {
    db,
    insert,
    insertEvent(id: number, { type, at_ms, payload, sha256 }: FoundEvent): void {
      insert("event", [id, type, at_ms, payload, sha256]);
    },
    /** False for a second run of the same name. Rows of the first shape lack columns, which have their defaults. */
    insertRun(key: number, values: readonly Value[]): boolean {
      return insert("run", [key, ...values.slice(1)]);
    },
    /** Whoever held the run does not hold what came of it. */
    insertLease(key: number, [, token, , ...holder]: readonly Value[]): void {
      insert("lease", [key, Number(token) + 1, 0, ...holder]);
    },
    closeRun(key: number, lastSeq: number, atMs: number): void {
      db.query(
        `UPDATE run SET status = 'failed', outcome = 'failed', finished_at_ms = coalesce(finished_at_ms, ?), last_error = ?
         WHERE run_key = ?`,
      ).run(atMs, `the state was damaged: what followed event ${lastSeq} is lost or not certain`, key);
    },
    removeRun(key: number): void {
      db.query("DELETE FROM run WHERE run_key = ?").run(key);
    },
    finish(): void {
      db.run("UPDATE run_key_counter SET last = max(last, (SELECT coalesce(max(run_key), 0) FROM run))");
      mark(db, applicationId, schemaVersion);
      db.run("COMMIT");
    },
  };
}
