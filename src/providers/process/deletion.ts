/**
 * Takes a service away: every copy ends, then its records go, the service's own last. Asked again it goes on where it was.
 * Leaves the logs, and whatever bears another scope's mark.
 */
import { AkcError } from "../../errors.ts";
import type { Deletion, ProviderCall } from "../contract.ts";
import type { ChangeDeps } from "./change.ts";

/** A full disk must not keep anybody from taking away what fills it. */
function goOnIfFull(error: unknown): void {
  if (!(error instanceof AkcError) || error.code !== "DISK_FULL") throw error;
}

/** Ends every copy and forgets the service; its logs stay. @throws as `applyChange` */
export function deleteService(deps: ChangeDeps, deletion: Deletion, { signal }: ProviderCall): Promise<void> {
  const { store, starter, sockets, board } = deps;
  const { resourceId } = deletion.resource;
  return store.locked(resourceId, async () => {
    const kept = store.read(resourceId);
    const { service, replicas } = kept;
    if (service === undefined) return;
    if (service.scope !== deletion.mark.scope)
      throw new AkcError("PROVIDER_NOT_OWNED", { details: { resourceId, scope: service.scope } });
    const { expectedVersion: expected, idempotencyKey } = deletion;
    if (expected !== null && service.idempotency_key !== idempotencyKey) {
      const found = deps.version(resourceId, kept);
      if (found !== expected)
        throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, expected, found } });
    }
    // From here on the same deletion goes on, whatever is gone already.
    await store
      .writeService({ ...service, idempotency_key: idempotencyKey, wanted_copies: 0 })
      .catch(goOnIfFull);
    const ends = await Promise.allSettled(
      replicas.map(async (record) => {
        await starter.end(resourceId, record, signal);
        store.removeReplica(resourceId, record.slot);
      }),
    );
    board.keepOnly(resourceId, new Set());
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    sockets.release(resourceId);
    store.removeService(resourceId);
  });
}
