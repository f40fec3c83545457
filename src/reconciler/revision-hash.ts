/**
 * The identity of a revision. Pure.
 */
import { fingerprint } from "../json/fingerprint.ts";
import type { Revision } from "../providers/contract.ts";

/**
 * What a revision is known by: over all that is applied. The documented desired hash alone is not enough, since a manifest may
 * change under an intent that does not.
 */
export function revisionHash({ resourceId, desiredHash, fields, snapshot, replicas }: Revision): string {
  return fingerprint({ resourceId, desiredHash, fields, snapshot, replicas: replicas ?? null });
}

/** A key for a revision among those of all resources; `hash` is its `revisionHash`. */
export function revisionKey(resourceId: string, hash: string): string {
  return `${resourceId}\n${hash}`;
}
