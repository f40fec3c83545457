/**
 * How a run changes hands: taken over when nobody holds it, or taken away from whoever does. Each is one transaction, so of
 * several processes that try at once exactly one succeeds; what the run did so far is not touched.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { genesisOf } from "../chain.ts";
import type { Lease, LeaseHolder } from "../contract.ts";
import { endScopeOf } from "./deployment/scope-lease.ts";
import { isHeld } from "./holder.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { grant, leaseHeld } from "./leases.ts";
import { leaseNamed, runNamed } from "./runs.ts";

/** Where a writer goes on. */
export interface RunTail {
  /** Number of the last event; 0 when there is none. */
  readonly lastSeq: number;
  /** Its digest; the run's genesis when there is none. */
  readonly head: Uint8Array;
  /** Number of the last decision. */
  readonly decisions: number;
}

/** @throws AkcError LEASE_HELD naming the holder, RUN_NOT_FOUND */
export function takeOver(
  db: Database,
  runtimeRunId: string,
  holder: LeaseHolder,
  nowMs: number,
): { readonly key: number; readonly lease: Lease; readonly tail: RunTail } {
  failpoint("takeover.before");
  return db
    .transaction(() => {
      const { key, row } = runNamed(db, runtimeRunId);
      refuseHeld(db, runtimeRunId, holder, nowMs);
      const lease = grant(db, key, runtimeRunId, holder, nowMs);
      failpoint("takeover.inside");
      // The request was made to the holder that is gone; the outcome of a run that has ended stays until a turn changes it.
      db.query(
        `UPDATE run SET stop_requested_at_ms = NULL,
           status = CASE WHEN outcome IS NULL AND status = 'stop_requested' THEN 'running' ELSE status END
         WHERE run_key = ?`,
      ).run(key);
      return { key, lease, tail: tailOf(db, key, genesisOf(row)) };
    })
    .immediate();
}

/** @throws AkcError RUN_NOT_FOUND, LEASE_MOVED with the token found */
export function takeAway(db: Database, runtimeRunId: string, token: number): Lease {
  return db
    .transaction(() => {
      const { key } = runNamed(db, runtimeRunId);
      const lease = leaseNamed(db, runtimeRunId);
      if (lease === null || lease.token !== token) {
        throw new AkcError("LEASE_MOVED", {
          details: { runtimeRunId, given: token, token: lease?.token ?? 0, holder: lease?.holder.name ?? "" },
        });
      }
      // Expiry alone would let the holder renew; a token that is not its own stops it at its next write.
      db.query("UPDATE lease SET token = token + 1, expires_at_ms = 0 WHERE run_key = ?").run(key);
      endScopeOf(db, runtimeRunId);
      return { ...lease, token: token + 1, expiresAtMs: 0 };
    })
    .immediate();
}

/** Call it inside a transaction that may write. @throws AkcError LEASE_HELD */
export function refuseHeld(db: Database, runtimeRunId: string, here: LeaseHolder, nowMs: number): void {
  const lease = leaseNamed(db, runtimeRunId);
  if (lease !== null && isHeld(lease, here, nowMs)) throw leaseHeld(lease);
}

function tailOf(db: Database, key: number, genesis: Uint8Array): RunTail {
  const base = rowIdBase(key);
  const range = [base, rowIdEnd(key)] as const;
  const event = db
    .query<{ id: number; sha256: Uint8Array }, [number, number]>(
      "SELECT id, sha256 FROM event WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1",
    )
    .get(...range);
  const decision = db
    .query<{ id: number }, [number, number]>(
      "SELECT id FROM decision WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1",
    )
    .get(...range);
  return {
    lastSeq: event === null ? 0 : event.id - base,
    head: event === null ? genesis : Uint8Array.from(event.sha256),
    decisions: decision === null ? 0 : decision.id - base,
  };
}
