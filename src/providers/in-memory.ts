/**
 * A provider whose resources are only remembered, for tests and for bundles that name it. It reaches nothing outside and
 * says so by its id.
 *
 * Source: spec reconcile §4.5.
 */
import { AkcError } from "../errors.ts";
import type { Mark, Observation, Provider, Revision, Standing } from "./contract.ts";

export const inMemoryProviderId = "in_memory";

/** Keeps the last key of each resource: the same change twice is made once. */
interface Remembered {
  readonly revision: Revision;
  readonly mark: Mark;
  readonly key: string;
  readonly version: number;
}

/** `standing` is shared by providers that are to see the same world. */
export function createInMemoryProvider(standing = new Map<string, Remembered>()): Provider {
  let version = 0;
  const refuseMoved = (resourceId: string, expected: string | null, found: Remembered | undefined) => {
    if ((found === undefined ? null : String(found.version)) === expected) return;
    throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, expected } });
  };
  return {
    id: inMemoryProviderId,
    capabilities: new Set(["observe", "apply", "delete", "rollback"]),
    resolve: async (resources) =>
      resources.map(({ resourceId, resourceClass, desiredHash, dependsOn, intent }) => {
        const revision = {
          resourceId,
          resourceClass,
          desiredHash,
          dependsOn,
          snapshot: {},
          fields: { intent },
        };
        return { kind: "resolved", revision };
      }),
    async observe(revisions, owned) {
      const asked = [...revisions, ...owned, ...[...standing.values()].map(({ revision }) => revision)];
      const classes = new Map(asked.map(({ resourceId, resourceClass }) => [resourceId, resourceClass]));
      return [...classes].map(
        ([resourceId, resourceClass]): Observation => ({
          resourceId,
          resourceClass,
          standing: standingOf(standing.get(resourceId)),
        }),
      );
    },
    async apply({ revision, mark, idempotencyKey, expectedVersion }) {
      const { resourceId } = revision;
      const found = standing.get(resourceId);
      if (found?.key === idempotencyKey) return;
      refuseMoved(resourceId, expectedVersion, found);
      version += 1;
      standing.set(resourceId, { revision, mark, key: idempotencyKey, version });
    },
    async delete({ resource: { resourceId }, expectedVersion }) {
      const found = standing.get(resourceId);
      if (found === undefined) return;
      if (expectedVersion !== null) refuseMoved(resourceId, expectedVersion, found);
      standing.delete(resourceId);
    },
    close: async () => {},
  };
}

function standingOf(found: Remembered | undefined): Standing {
  if (found === undefined) return { kind: "absent" };
  const { revision, mark, version } = found;
  return {
    kind: "present",
    owner: "akc",
    markedHash: mark.desiredHash,
    version: String(version),
    fields: revision.fields,
    health: "healthy",
    conditions: [],
    handle: {},
  };
}
