/**
 * Leases as rows beside the state, for controllers of one host. It has connections of its own, so that a renewal never waits for
 * another statement of this process, and moves all leases on with one statement. Who only looks writes nothing.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { closeConnection, openReader } from "../../store/sqlite/connection.ts";
import { storeFault } from "../../store/sqlite/faults.ts";
import { isHeld } from "../../store/sqlite/holder.ts";
import { failpoint } from "../../system/failpoint.ts";
import { openBeatWriter } from "../state/file.ts";
import { heldAnswer, type LeasePlace, takenAnswer, unknownAnswer } from "./answer.ts";
import type { LeaseAnswer, LeaseBackend } from "./contract.ts";
import type { Identity } from "./name.ts";
import { termOf, Unmoved } from "./unmoved.ts";

export interface SqliteLeases {
  /** Of the state, which exists. */
  readonly path: string;
  readonly identity: Identity;
  readonly ttlMs: number;
  readonly monotonicMs: () => number;
}

interface Row {
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  readonly bootId: string;
  readonly acquiredAtMs: number;
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
}

export function createSqliteLeases({ path, identity, ttlMs, monotonicMs }: SqliteLeases): LeaseBackend {
  const { holder } = identity;
  const unmoved = new Unmoved(monotonicMs);
  let reader: Database | undefined;
  let writer: Database | undefined;
  const looking = () => (reader ??= openReader(path));
  const writing = () => (writer ??= openBeatWriter(path));

  /** Nobody else's: given back, over by the clock that both go by, of a process that is provably gone, or not moved on for its whole time. */
  const isFree = (name: string, row: Row | null, nowMs: number): boolean => {
    if (row === null || row.holder === holder) return true;
    const { host, pid, bootId, expiresAtMs } = row;
    const lease = {
      runtimeRunId: name,
      token: 0,
      expiresAtMs,
      holder: { name: row.holder, host, pid, bootId },
    };
    if (!isHeld(lease, identity.process, nowMs)) return true;
    return unmoved.forMs(name, `${row.holder} ${row.renewedAtMs}`) >= termOf(row);
  };

  const take = (name: string, nowMs: number): LeaseAnswer => {
    const db = writing();
    return db
      .transaction(() => {
        const row = rowOf(db, name);
        if (row !== null && !isFree(name, row, nowMs)) return takenAnswer(placeOf(name), row);
        const term = {
          holder,
          acquiredAtMs: row?.holder === holder ? row.acquiredAtMs : nowMs,
          renewedAtMs: nowMs,
          expiresAtMs: nowMs + ttlMs,
        };
        const { host, pid, bootId } = identity.process;
        db.query(
          `INSERT OR REPLACE INTO lease (name, holder, host, pid, boot_id, acquired_at_ms, renewed_at_ms, expires_at_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(name, holder, host, pid, bootId, term.acquiredAtMs, term.renewedAtMs, term.expiresAtMs);
        return heldAnswer(placeOf(name), term);
      })
      .immediate();
  };

  return {
    kind: "sqlite",
    async acquire(name, nowMs) {
      return answered(path, name, () => {
        const row = rowOf(looking(), name);
        if (row !== null && !isFree(name, row, nowMs)) return takenAnswer(placeOf(name), row);
        const answer = take(name, nowMs);
        failpoint("autopilot.lease_acquired");
        return answer;
      });
    },
    async renew(names, nowMs) {
      try {
        const db = writing();
        const moved = db
          .query<{ name: string; acquiredAtMs: number }, [number, number, string, string]>(
            `UPDATE lease SET renewed_at_ms = ?, expires_at_ms = ?
             WHERE holder = ? AND name IN (SELECT value FROM json_each(?)) RETURNING name, acquired_at_ms AS acquiredAtMs`,
          )
          .all(nowMs, nowMs + ttlMs, holder, JSON.stringify(names));
        const acquired = new Map(moved.map(({ name, acquiredAtMs }) => [name, acquiredAtMs]));
        return new Map(
          names.map((name) => [name, renewedAs(db, name, holder, nowMs, ttlMs, acquired.get(name))]),
        );
      } catch (cause) {
        return new Map(names.map((name) => [name, refused(path, name, cause)]));
      }
    },
    async release(names) {
      writing()
        .query(
          "UPDATE lease SET expires_at_ms = 0 WHERE holder = ? AND name IN (SELECT value FROM json_each(?))",
        )
        .run(holder, JSON.stringify(names));
    },
    async close() {
      for (const db of [reader, writer]) if (db !== undefined) closeConnection(db);
      reader = undefined;
      writer = undefined;
    },
  };
}

function renewedAs(
  db: Database,
  name: string,
  holder: string,
  nowMs: number,
  ttlMs: number,
  acquiredAtMs: number | undefined,
): LeaseAnswer {
  if (acquiredAtMs !== undefined) {
    return heldAnswer(placeOf(name), {
      holder,
      acquiredAtMs,
      renewedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
    });
  }
  const row = rowOf(db, name);
  // Somebody has removed it; whoever held it holds nothing now.
  return row === null ? unknownAnswer(placeOf(name), "lease_gone") : takenAnswer(placeOf(name), row);
}

function rowOf(db: Database, name: string): Row | null {
  return db
    .query<Row, [string]>(
      `SELECT holder, host, pid, boot_id AS bootId, acquired_at_ms AS acquiredAtMs, renewed_at_ms AS renewedAtMs,
         expires_at_ms AS expiresAtMs FROM lease WHERE name = ?`,
    )
    .get(name);
}

function placeOf(name: string): LeasePlace {
  return { backend: "sqlite", namespace: null, name };
}

function answered(path: string, name: string, work: () => LeaseAnswer): LeaseAnswer {
  try {
    return work();
  } catch (cause) {
    return refused(path, name, cause);
  }
}

/** What cannot be told is nobody's: fail closed. */
function refused(path: string, name: string, cause: unknown): LeaseAnswer {
  const fault = storeFault(cause, path);
  if (!(fault instanceof AkcError)) throw fault;
  return unknownAnswer(placeOf(name), `${fault.code}: ${fault.message}`);
}
