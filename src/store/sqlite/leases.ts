/**
 * The lease of a run: one holder, a token that only grows, and an end that the holder keeps moving on. Every write of a
 * run is fenced by its token inside its own transaction; expiry only says when somebody else may take over.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Lease, LeaseHolder } from "../contract.ts";

export interface LeaseColumns {
  readonly runtime_run_id: string;
  readonly token: number;
  readonly expires_at_ms: number;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly boot_id: string;
}

export const leaseColumns =
  "lease.token, lease.expires_at_ms, lease.name, lease.host, lease.pid, lease.boot_id";

export function leaseOf(row: LeaseColumns): Lease {
  return {
    runtimeRunId: row.runtime_run_id,
    holder: { name: row.name, host: row.host, pid: row.pid, bootId: row.boot_id },
    token: row.token,
    expiresAtMs: row.expires_at_ms,
  };
}

/**
 * Gives the lease of a run to `holder` under the next token. Call it inside the transaction that makes the run, or that
 * found nobody holding it.
 */
export function grant(
  db: Database,
  runKey: number,
  runtimeRunId: string,
  holder: LeaseHolder,
  nowMs: number,
): Lease {
  const expiresAtMs = nowMs + limits.leaseTtlMs;
  const row = db
    .query<{ token: number }, [number, number, string, string, number, string]>(`
      INSERT INTO lease (run_key, token, expires_at_ms, name, host, pid, boot_id) VALUES (?, 1, ?, ?, ?, ?, ?)
      ON CONFLICT (run_key) DO UPDATE SET token = token + 1, expires_at_ms = excluded.expires_at_ms,
        name = excluded.name, host = excluded.host, pid = excluded.pid, boot_id = excluded.boot_id
      RETURNING token`)
    .get(runKey, expiresAtMs, holder.name, holder.host, holder.pid, holder.bootId);
  return { runtimeRunId, holder, token: row?.token ?? 1, expiresAtMs };
}

/** Moves the end on. @throws AkcError LEASE_LOST */
export function renewLease(db: Database, runKey: number, lease: Lease, nowMs: number): Lease {
  const expiresAtMs = nowMs + limits.leaseTtlMs;
  const { changes } = db
    .query("UPDATE lease SET expires_at_ms = ? WHERE run_key = ? AND token = ? AND name = ?")
    .run(expiresAtMs, runKey, lease.token, lease.holder.name);
  if (changes === 0) throw leaseLost(lease);
  return { ...lease, expiresAtMs };
}

/** Ends the lease now. Does nothing when another holder has it. */
export function releaseLease(db: Database, runKey: number, lease: Lease): void {
  db.query("UPDATE lease SET expires_at_ms = 0 WHERE run_key = ? AND token = ? AND name = ?").run(
    runKey,
    lease.token,
    lease.holder.name,
  );
}

export function leaseLost(lease: Lease): AkcError {
  return new AkcError("LEASE_LOST", {
    details: { runtimeRunId: lease.runtimeRunId, holder: lease.holder.name, token: lease.token },
  });
}

export function leaseHeld(lease: Lease): AkcError {
  const { name, host, pid } = lease.holder;
  const until = new Date(lease.expiresAtMs).toISOString();
  return new AkcError("LEASE_HELD", {
    message: `another process holds this run: pid ${pid} on ${host}, until ${until}`,
    details: {
      runtimeRunId: lease.runtimeRunId,
      holder: name,
      host,
      pid,
      expiresAtMs: lease.expiresAtMs,
    },
  });
}
