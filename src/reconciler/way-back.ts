/**
 * What each change of a rollout goes back to should it fail, settled before anything is changed. It keeps nothing itself, and takes
 * no way back for granted that cannot be gone.
 *
 * Source: spec reconcile §1.9, §4.6, §4.10; W-06.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { DesiredResource, Observation, Provider, Revision } from "../providers/contract.ts";
import type { DeploymentReader } from "../store/contract.ts";
import { askWithin } from "./look.ts";
import type { PlannedChange } from "./plan.ts";
import { revisionHash } from "./revision-hash.ts";

/** A revision by its hash. */
export interface WayBack {
  /** Null: there is none (a create goes back by being deleted). */
  readonly hash: string | null;
  /** The revision itself, where the store does not have it yet. */
  readonly stored?: Revision;
}

export interface WayBackDeps {
  readonly provider: Provider;
  readonly deployment: DeploymentReader;
  readonly signal: AbortSignal;
}

/** What a change is worked out from. */
export interface Wished {
  readonly desired: readonly DesiredResource[];
  readonly observations: ReadonlyMap<string, Observation>;
}

/**
 * By resource. Back to what was good last; to what was applied last only while nothing was ever good; and where akc has kept neither,
 * to what the settings hold ready for the mark that stands.
 * @throws AkcError DESIRED_STATE_INVALID where what they hold ready cannot be used; as the provider
 */
export async function waysBack(
  changes: readonly PlannedChange[],
  { desired, observations }: Wished,
  deps: WayBackDeps,
): Promise<ReadonlyMap<string, WayBack>> {
  const { provider, deployment } = deps;
  const good = new Map(
    (await deployment.lastGood(provider.id)).map((row) => [row.resourceId, row.desiredHash]),
  );
  const wanted = new Map(desired.map((resource) => [resource.resourceId, resource]));
  const ways = new Map<string, WayBack>();
  for (const change of changes) {
    const { resourceId, type, revisionHash: target, appliedHash } = change;
    if (type === "delete") {
      ways.set(resourceId, { hash: appliedHash });
      continue;
    }
    const hash = previousOf(target, appliedHash, good.get(resourceId));
    const isKept = hash !== null && (await deployment.revision(provider.id, resourceId, hash)) !== null;
    const resource = wanted.get(resourceId);
    const stored =
      isKept || resource === undefined
        ? undefined
        : await storedRevision(change, resource, observations.get(resourceId), deps);
    ways.set(resourceId, stored ?? { hash: isKept ? hash : null });
  }
  return ways;
}

function previousOf(target: string, applied: string | null, good: string | undefined): string | null {
  if (good !== undefined && good !== target) return good;
  return applied === target ? null : applied;
}

/** Only of what bears the mark: what somebody else has made is of no revision. */
async function storedRevision(
  { resourceId, revisionHash: target, correction }: PlannedChange,
  resource: DesiredResource,
  observation: Observation | undefined,
  { provider, deployment, signal }: WayBackDeps,
): Promise<WayBack | undefined> {
  const standing = observation?.standing;
  if (correction || standing?.kind !== "present" || standing.owner !== "akc") return undefined;
  const { markedHash } = standing;
  if (markedHash === undefined) return undefined;
  const resolution = await askWithin(
    signal,
    limits.providerObserveMsMax,
    async (call) => await provider.resolveStored?.(resource, markedHash, call),
  );
  if (resolution === undefined) return undefined;
  if (resolution.kind === "refused") throw unusable(resourceId, markedHash, resolution.message);
  const { revision } = resolution;
  const hash = revisionHash(revision);
  if (hash === target) return undefined;
  const isKept = (await deployment.revision(provider.id, resourceId, hash)) !== null;
  return isKept ? { hash } : { hash, stored: revision };
}

/** A way back that only seems to be there is found out now, and not when it is needed. */
function unusable(resourceId: string, desiredHash: string, why: string): AkcError {
  return new AkcError("DESIRED_STATE_INVALID", {
    message: `what the bundle holds ready to go back to for ${resourceId} cannot be used: ${why}`,
    hint: "Mend the manifest, or take its row out of deployment_provider.rollback_apply_manifest_by_desired_hash.",
    details: { resource: resourceId, desired_hash: desiredHash },
  });
}
