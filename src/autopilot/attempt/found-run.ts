/**
 * Looks a run up by its id in its scope's store, and ends the hold of a controller that has no right to it any more. It never guesses
 * which run is meant (cli:W-28), and never breaks a lease of this very process or of a person.
 */
import { AkcError } from "../../errors.ts";
import type { RunHost } from "../../run/ready.ts";
import type { LeaseHolder, RunReader, RunRow, Store } from "../../store/contract.ts";
import { isHeld, thisProcess } from "../../store/sqlite/holder.ts";
import { leaseHeld } from "../../store/sqlite/leases.ts";
import { openStore } from "../../store/sqlite/open.ts";
import type { ScopeId } from "../model.ts";

export interface FoundRun {
  readonly store: Store;
  readonly reader: RunReader;
  readonly row: RunRow;
}

/** Undefined where the scope has no such run. @throws AkcError of the store */
export async function withRun<T>(
  scopeRoot: string,
  runtimeRunId: string,
  work: (found: FoundRun) => Promise<T>,
): Promise<T | undefined> {
  const store = await unlessAbsent(() => openStore(scopeRoot, { create: false }));
  if (store === undefined) return undefined;
  try {
    const reader = await unlessAbsent(() => store.openRun(runtimeRunId));
    if (reader === undefined) return undefined;
    try {
      return await work({ store, reader, row: await reader.run() });
    } finally {
      await reader.close();
    }
  } finally {
    await store.close();
  }
}

async function unlessAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "RUN_NOT_FOUND") return undefined;
    throw cause;
  }
}

/** Who works in runs without having been asked to by a person. */
export interface FenceHost extends Pick<RunHost, "clock"> {
  /** Whether that process is, or was, a controller; absent: whoever holds a run of an attempt is one. */
  isController?(holder: Pick<LeaseHolder, "host" | "pid">, scope: ScopeId): Promise<boolean>;
}

/**
 * Ends the lease of a controller that still holds the run: it had the scope before, and has it no more. What it writes is refused from
 * here on. A person who works on behalf of the run is waited for.
 * @throws AkcError LEASE_HELD naming the person's process, LEASE_MOVED when somebody else was faster
 */
export async function fenceOff({ store, reader, row }: FoundRun, host: FenceHost): Promise<void> {
  const lease = await reader.lease();
  const here = thisProcess();
  if (lease === null || !isHeld(lease, here, host.clock.nowMs()) || isSame(lease.holder, here)) return;
  const { tenantId, repoId } = row.context.scope;
  if ((await host.isController?.(lease.holder, { tenantId, repoId })) === false) throw leaseHeld(lease);
  await store.breakLease(row.context.runtimeRunId, lease.token);
}

function isSame(one: LeaseHolder, other: LeaseHolder): boolean {
  return one.host === other.host && one.pid === other.pid && one.bootId === other.bootId;
}
