/**
 * Who deploys in a scope: one lease beside those of the runs, held by a writer on behalf of its run. Whatever is written of the
 * deployment is fenced by its token inside the same transaction; expiry only says when somebody else may take it.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../../limits.ts";
import type { Lease } from "../../contract.ts";
import { scopeHeld, scopeLost } from "../../deployment/refusals.ts";
import { isHeld } from "../holder.ts";
import { type LeaseColumns, leaseOf } from "../leases.ts";
import { requireDeployment } from "./tables.ts";

/** As it was given last, also when nobody has it now; null when nobody ever had it. */
function lastScopeLease(db: Database): Lease | null {
  const row = db
    .query<LeaseColumns, []>(
      "SELECT runtime_run_id, token, expires_at_ms, name, host, pid, boot_id FROM scope_lease",
    )
    .get();
  return row === null ? null : leaseOf(row);
}

/** Null while nobody has it. Its holder may be gone. */
export function scopeLeaseNow(db: Database): Lease | null {
  const lease = lastScopeLease(db);
  return lease === null || lease.expiresAtMs === 0 ? null : lease;
}

/**
 * Gives the scope to the holder of `run`. Call it inside a transaction that may write and in which that lease was compared.
 * @param held as this writer last had it; null when it never took it
 * @throws AkcError SCOPE_HELD, STORE_DAMAGED
 */
export function takeScope(db: Database, run: Lease, held: Lease | null, nowMs: number): Lease {
  requireDeployment(db);
  const last = lastScopeLease(db);
  const own = isOwn(last, held);
  if (last !== null && !own && isHeld(last, run.holder, nowMs)) throw scopeHeld(last);
  const { holder, runtimeRunId } = run;
  const token = (last?.token ?? 0) + (own ? 0 : 1);
  const expiresAtMs = nowMs + limits.leaseTtlMs;
  db.query(
    `INSERT OR REPLACE INTO scope_lease (one, runtime_run_id, token, expires_at_ms, name, host, pid, boot_id)
     VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(runtimeRunId, token, expiresAtMs, holder.name, holder.host, holder.pid, holder.bootId);
  return { runtimeRunId, holder, token, expiresAtMs };
}

/** Call it inside the turn's transaction. @throws AkcError LEASE_LOST */
export function fenceScope(db: Database, run: Lease, held: Lease | null): void {
  if (held === null || !isOwn(lastScopeLease(db), held)) throw scopeLost(run, held);
}

/** Moves the end on. @throws AkcError LEASE_LOST */
export function renewScope(db: Database, run: Lease, held: Lease, nowMs: number): Lease {
  const expiresAtMs = nowMs + limits.leaseTtlMs;
  const { changes } = db
    .query("UPDATE scope_lease SET expires_at_ms = ? WHERE token = ? AND name = ?")
    .run(expiresAtMs, held.token, held.holder.name);
  if (changes === 0) throw scopeLost(run, held);
  return { ...held, expiresAtMs };
}

/** Gives it back. Does nothing when somebody else has it. */
export function releaseScope(db: Database, held: Lease): void {
  db.query("UPDATE scope_lease SET expires_at_ms = 0 WHERE token = ? AND name = ?").run(
    held.token,
    held.holder.name,
  );
}

/** Takes the scope away from whoever has it on behalf of the run: its next write is refused. Call it inside a transaction. */
export function endScopeOf(db: Database, runtimeRunId: string): void {
  requireDeployment(db);
  db.query("UPDATE scope_lease SET token = token + 1, expires_at_ms = 0 WHERE runtime_run_id = ?").run(
    runtimeRunId,
  );
}

function isOwn(last: Lease | null, held: Lease | null): boolean {
  return held !== null && last?.token === held.token && last.holder.name === held.holder.name;
}
