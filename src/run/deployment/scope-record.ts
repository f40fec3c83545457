/**
 * What a scope's store says of its deployment, read anew only when its database has changed: looking at a thousand scopes that stand
 * still opens none of their databases. It writes nothing and keeps no database open.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { DeploymentReader, Lease, OwnedRow, RolloutRow } from "../../store/contract.ts";
import { openStore } from "../../store/sqlite/open.ts";
import { databaseStamp } from "../../store/sqlite/stamp.ts";
import { systemClock } from "../../system/clock.ts";
import { isSettled } from "../../system/file-stamp.ts";

export interface ScopeRecord extends Pick<DeploymentReader, "owned" | "rollouts"> {
  /** Whether a rollout is under way. */
  readonly rolloutOpen: boolean;
  /** Who deploys in the scope; null while nobody does. */
  readonly lease: Lease | null;
}

interface Read {
  readonly owned: readonly OwnedRow[];
  /** Newest first, as many as are ever kept. */
  readonly rollouts: readonly RolloutRow[];
  readonly rolloutOpen: boolean;
  readonly lease: Lease | null;
}

/**
 * The next look at the scope.
 * @throws AkcError STORE_DAMAGED, STORE_TOO_NEW, STORE_BUSY, PATH_UNSAFE; STORE_UNWRITABLE where the database is of a shape so early that
 *   it has to be brought up before anybody reads it
 */
export function scopeRecords(scopeRoot: string): () => Promise<ScopeRecord> {
  let kept: { readonly stamp: string; readonly read: Read } | undefined;
  return async () => {
    // Before it is read: what is written meanwhile has another stamp.
    const { text, changedAtMs } = databaseStamp(scopeRoot);
    if (kept?.stamp === text) return recordOf(kept.read);
    kept = undefined;
    const read = await readScope(scopeRoot);
    if (isSettled(changedAtMs, systemClock.nowMs()) && bytesOf(read) <= limits.scopeRecordBytesKept) {
      kept = { stamp: text, read };
    }
    return recordOf(read);
  };
}

function recordOf({ owned, rollouts, rolloutOpen, lease }: Read): ScopeRecord {
  return {
    owned: async () => owned,
    rollouts: async (limit) => rollouts.slice(0, limit),
    rolloutOpen,
    lease,
  };
}

async function readScope(scopeRoot: string): Promise<Read> {
  let store: Awaited<ReturnType<typeof openStore>>;
  try {
    store = await openStore(scopeRoot, { readOnly: true });
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code !== "RUN_NOT_FOUND") throw cause;
    // Nothing was ever deployed here.
    return { owned: [], rollouts: [], rolloutOpen: false, lease: null };
  }
  try {
    const { deployment } = store;
    return {
      owned: await deployment.owned(),
      rollouts: await deployment.rollouts(limits.rolloutsKeptMax),
      rolloutOpen: (await deployment.openRollout()) !== null,
      lease: await store.scopeLease(),
    };
  } finally {
    await store.close();
  }
}

/** Of what is long in it. */
function bytesOf({ owned, rollouts }: Read): number {
  const handles = owned.reduce((sum, { handle, dependsOn }) => sum + handle.length + dependsOn.length, 0);
  return rollouts.reduce((sum, { state }) => sum + state.length, handles);
}
