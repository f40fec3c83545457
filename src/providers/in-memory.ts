/**
 * A provider whose resources are only remembered, for tests and for bundles that name it. It reaches nothing outside and
 * says so by its id; what it remembers beyond its process is what the inventory keeps of it.
 *
 * Source: spec reconcile §4.5.
 */
import { AkcError } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import type { Observation, OwnedResource, Provider, Revision, Standing } from "./contract.ts";

export const inMemoryProviderId = "in_memory";

interface Remembered {
  readonly resourceClass: string;
  readonly markedHash: string;
  readonly fields: JsonObject;
  /** Of the change that made it: the same change twice is made once. */
  readonly key: string;
}

/** @param world remembered resources by id; null for what was deleted. Providers that share it see the same. */
export function createInMemoryProvider(world = new Map<string, Remembered | null>()): Provider {
  const found = (resourceId: string, owned?: OwnedResource): Remembered | null => {
    const known = world.get(resourceId);
    if (known !== undefined || owned === undefined) return known ?? null;
    return fromHandle(owned);
  };
  return {
    id: inMemoryProviderId,
    capabilities: new Set(["observe", "apply", "delete", "rollback"]),
    resolve: async (resources) =>
      resources.map(({ resourceId, resourceClass, desiredHash, dependsOn, intent }) => {
        const fields = { intent };
        const revision = { resourceId, resourceClass, desiredHash, dependsOn, snapshot: {}, fields };
        return { kind: "resolved", revision };
      }),
    async observe(revisions, owned) {
      const rows = new Map(owned.map((row) => [row.resourceId, row]));
      const ids = new Set(
        [...revisions, ...owned].map(({ resourceId }) => resourceId).concat([...world.keys()]),
      );
      const classes = new Map([...owned, ...revisions].map((one) => [one.resourceId, one.resourceClass]));
      return [...ids].map((resourceId): Observation => {
        const remembered = found(resourceId, rows.get(resourceId));
        world.set(resourceId, remembered);
        const resourceClass = remembered?.resourceClass ?? classes.get(resourceId) ?? "service";
        return { resourceId, resourceClass, standing: standingOf(remembered) };
      });
    },
    async apply({ revision, idempotencyKey, expectedVersion }) {
      const { resourceId } = revision;
      const standing = found(resourceId);
      if (standing?.key === idempotencyKey) return;
      refuseMoved(resourceId, expectedVersion, standing);
      world.set(resourceId, remember(revision, idempotencyKey));
    },
    async delete({ resource: { resourceId }, expectedVersion }) {
      const standing = found(resourceId);
      if (standing !== null && expectedVersion !== null) refuseMoved(resourceId, expectedVersion, standing);
      world.set(resourceId, null);
    },
    close: async () => {},
  };
}

function remember({ resourceClass, desiredHash, fields }: Revision, key: string): Remembered {
  return { resourceClass, markedHash: desiredHash, fields, key };
}

function fromHandle({ resourceClass, desiredHash, handle }: OwnedResource): Remembered | null {
  const fields = handle["fields"];
  // An intent that was recorded and never carried out has no fields yet.
  return isJsonObject(fields) ? { resourceClass, markedHash: desiredHash, fields, key: "" } : null;
}

function standingOf(remembered: Remembered | null): Standing {
  if (remembered === null) return { kind: "absent" };
  const { markedHash, fields } = remembered;
  return {
    kind: "present",
    owner: "akc",
    markedHash,
    version: versionOf(remembered),
    fields,
    health: "healthy",
    conditions: [],
    handle: { fields },
  };
}

function versionOf({ fields }: Remembered): string {
  return fingerprint(fields).slice(0, 16);
}

function refuseMoved(resourceId: string, expected: string | null, standing: Remembered | null): void {
  if ((standing === null ? null : versionOf(standing)) === expected) return;
  throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, expected } });
}
