/**
 * What would be done, worked out from what should stand and one look at what does. Pure: the same facts give the same plan and
 * the same id, so a plan that was looked at is applied exactly or not at all.
 *
 * Source: spec reconcile §1.5, §16; §13 W-17, W-19, W-30.
 */
import { fingerprint } from "../json/fingerprint.ts";
import { compareCodePoints } from "../json/order.ts";
import type { JsonObject } from "../json/value.ts";
import type { Observation, OwnedResource, Revision, Standing } from "../providers/contract.ts";
import { diffFields, type FieldDiff, noDiff } from "./diff.ts";
import { heldBack } from "./held-back.ts";
import { jsonOf } from "./json-of.ts";
import type { OperationType } from "./model.ts";
import { layersOf } from "./order.ts";
import { revisionHash } from "./revision-hash.ts";
import type { RolloutReason } from "./rollout/model.ts";

export const absentHash = "absent";

export interface PlannedChange {
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly type: OperationType;
  /** `<resource>:<type>:<first 12 of the hash>`, as documented. */
  readonly operationId: string;
  /** Lower ones first; deletes the other way round. */
  readonly layer: number;
  /** As documented: of the intent. `absent` for a delete. */
  readonly desiredHash: string;
  /** Of the revision to apply, see `revisionHash`; `absent` for a delete. */
  readonly revisionHash: string;
  /** Of the revision that akc applied last; null where it applied none. */
  readonly appliedHash: string | null;
  /** What the change is compared and set on; null where nothing stands. */
  readonly expectedVersion: string | null;
  readonly diff: FieldDiff;
  /** The revision was applied already: somebody else has changed what stands. */
  readonly correction: boolean;
  /** Takes over what bears no mark. */
  readonly adopt: boolean;
  /** Why it is not done. */
  readonly blocked?: { readonly reason: RolloutReason; readonly message: string };
}

export interface ReconcilePlan {
  readonly planId: string;
  /** Every resource once, those with nothing to do included, in the order in which they are done. */
  readonly changes: readonly PlannedChange[];
}

export interface PlanInput {
  readonly scope: string;
  readonly providerId: string;
  readonly bundleSha256: string;
  readonly revisions: readonly Revision[];
  readonly refused: readonly { readonly resourceId: string; readonly message: string }[];
  readonly owned: readonly OwnedResource[];
  readonly observations: readonly Observation[];
  /** JSON pointers of fields that may differ. */
  ignoredOf(resourceId: string): readonly string[];
  /** Whether the correction was made too often (`corrections.ts`). */
  loops(resourceId: string, diff: FieldDiff): boolean;
  /** Whether the revision has stood, as far as is known: what has not is rolled out, and not corrected. */
  hasStood(resourceId: string, revisionHash: string): boolean;
  readonly adopt: boolean;
  /** The provider changes nothing: whose it is does not matter then, and what differs is only told. */
  readonly onlyLooks: boolean;
}

const cannotChange = { reason: "provider_refused", message: "the provider only looks" } as const;

/** @throws AkcError DEPENDENCY_CYCLE */
export function planOf(input: PlanInput): ReconcilePlan {
  const seen = new Map(input.observations.map((observation) => [observation.resourceId, observation]));
  const owned = new Map(input.owned.map((resource) => [resource.resourceId, resource]));
  const wanted = new Set([...input.revisions, ...input.refused].map(({ resourceId }) => resourceId));
  const layers = layersOf(input.revisions);
  const planned: PlannedChange[] = input.revisions.map((revision) =>
    changeOf(revision, layers.get(revision.resourceId) ?? 0, {
      input,
      observation: seen.get(revision.resourceId),
      owned: owned.get(revision.resourceId),
    }),
  );
  for (const { resourceId, message } of input.refused) {
    planned.push(refusedChange(resourceId, message, owned.get(resourceId)));
  }
  const leaving = input.onlyLooks ? [] : leavingOf(input.observations, owned, wanted);
  const leavingLayers = layersOf(leaving);
  for (const resource of leaving) {
    const layer = leavingLayers.get(resource.resourceId) ?? 0;
    planned.push(deletionOf(resource, layer, seen.get(resource.resourceId)?.standing));
  }
  const needs = new Map([...input.revisions, ...leaving].map((one) => [one.resourceId, one.dependsOn]));
  const changes = heldBack(planned.sort(inOrder), needs);
  return { planId: planIdOf(input, changes), changes };
}

/** Whether there is anything that may be done. */
export function isActive(change: PlannedChange): boolean {
  return change.type !== "noop" && change.blocked === undefined;
}

interface Known {
  readonly input: PlanInput;
  readonly observation: Observation | undefined;
  readonly owned: OwnedResource | undefined;
}

function changeOf(revision: Revision, layer: number, known: Known): PlannedChange {
  const { input, observation, owned } = known;
  const { resourceId, resourceClass, desiredHash } = revision;
  const standing: Standing = observation?.standing ?? unseen;
  const wantedHash = revisionHash(revision);
  const base = {
    resourceId,
    resourceClass,
    layer,
    desiredHash,
    revisionHash: wantedHash,
    appliedHash: owned?.desiredHash ?? null,
    expectedVersion: standing.kind === "present" ? standing.version : null,
    diff: noDiff,
    correction: false,
    adopt: false,
  };
  const change = (type: OperationType, more: Partial<PlannedChange> = {}): PlannedChange => ({
    ...base,
    type,
    operationId: operationId(resourceId, type, desiredHash),
    ...more,
  });
  const wasApplied = owned?.desiredHash === wantedHash && input.hasStood(resourceId, wantedHash);
  switch (standing.kind) {
    case "unobservable":
      return change("noop", { blocked: { reason: "unobservable", message: standing.message } });
    case "absent": {
      if (input.onlyLooks) return change("create", { blocked: cannotChange });
      const correction = wasApplied;
      const blocked = correction && input.loops(resourceId, noDiff) ? { blocked: loopOf([]) } : {};
      return change("create", { correction, ...blocked });
    }
    case "present": {
      const diff = diffFields(
        standing.fields,
        observation?.wanted ?? revision.fields,
        input.ignoredOf(resourceId),
      );
      if (input.onlyLooks) {
        return diff.changes.length === 0
          ? change("noop", { diff })
          : change("update", { diff, blocked: cannotChange });
      }
      if (standing.owner === "other" && !input.adopt) {
        const message = "something stands in its place that akc has not made; --adopt takes it over";
        return change("update", { diff, blocked: { reason: "not_owned", message } });
      }
      // A mark that names another revision is no reason to touch what stands as it should (W-19).
      if (diff.changes.length === 0 && standing.owner === "akc") return change("noop", { diff });
      const correction = wasApplied && standing.owner === "akc";
      const loop = correction && input.loops(resourceId, diff);
      const paths = diff.changes.map(({ path }) => path);
      return change("update", {
        diff,
        correction,
        adopt: standing.owner === "other",
        ...(loop ? { blocked: loopOf(paths) } : {}),
      });
    }
  }
}

const unseen: Standing = {
  kind: "unobservable",
  reason: "not_reported",
  message: "the provider said nothing of it",
};

function loopOf(paths: readonly string[]): { readonly reason: RolloutReason; readonly message: string } {
  const what = paths.length === 0 ? "its absence" : paths.slice(0, 3).join(", ");
  return {
    reason: "correction_loop",
    message: `somebody undoes the same correction again and again (${what}): it is left alone for a while`,
  };
}

function refusedChange(resourceId: string, message: string, owned: OwnedResource | undefined): PlannedChange {
  return {
    resourceId,
    resourceClass: owned?.resourceClass ?? "service",
    type: "noop",
    operationId: operationId(resourceId, "noop", ""),
    layer: 0,
    desiredHash: "",
    revisionHash: "",
    appliedHash: owned?.desiredHash ?? null,
    expectedVersion: null,
    diff: noDiff,
    correction: false,
    adopt: false,
    blocked: { reason: "provider_refused", message },
  };
}

/** What is akc's and not wanted any more: of the inventory, and what bears the mark though the inventory misses it. */
function leavingOf(
  observations: readonly Observation[],
  owned: ReadonlyMap<string, OwnedResource>,
  wanted: ReadonlySet<string>,
): readonly OwnedResource[] {
  const leaving = new Map([...owned].filter(([id]) => !wanted.has(id)));
  for (const { resourceId, resourceClass, standing } of observations) {
    if (wanted.has(resourceId) || leaving.has(resourceId)) continue;
    if (standing.kind !== "present" || standing.owner !== "akc") continue;
    leaving.set(resourceId, {
      providerId: "",
      resourceId,
      resourceClass,
      desiredHash: standing.markedHash ?? "",
      dependsOn: [],
      handle: standing.handle,
    });
  }
  return [...leaving.values()];
}

function deletionOf(
  { resourceId, resourceClass, desiredHash }: OwnedResource,
  layer: number,
  standing: Standing | undefined,
): PlannedChange {
  const present = standing?.kind === "present" ? standing : undefined;
  const blocked = blockedDeletion(standing);
  return {
    resourceId,
    resourceClass,
    type: "delete",
    operationId: operationId(resourceId, "delete", present?.markedHash ?? desiredHash),
    layer,
    desiredHash: absentHash,
    revisionHash: absentHash,
    appliedHash: desiredHash,
    expectedVersion: present?.version ?? null,
    diff: noDiff,
    correction: false,
    adopt: false,
    ...(blocked === undefined ? {} : { blocked }),
  };
}

function blockedDeletion(standing: Standing = unseen): PlannedChange["blocked"] {
  if (standing.kind === "unobservable") return { reason: "unobservable", message: standing.message };
  if (standing.kind === "absent" || standing.owner === "akc") return undefined;
  return { reason: "not_owned", message: "it does not bear akc's mark any more" };
}

function operationId(resourceId: string, type: OperationType, hash: string): string {
  return `${resourceId}:${type}:${hash.slice(0, 12)}`;
}

/** What comes first in a plan is done first: creations and updates along the dependencies, then deletes against them. */
function inOrder(one: PlannedChange, other: PlannedChange): number {
  const deletes = Number(one.type === "delete") - Number(other.type === "delete");
  if (deletes !== 0) return deletes;
  const layers = one.type === "delete" ? other.layer - one.layer : one.layer - other.layer;
  return layers === 0 ? compareCodePoints(one.resourceId, other.resourceId) : layers;
}

/** Over all that decides what would be done: another version of anything that would change is another plan. */
function planIdOf({ scope, providerId, bundleSha256 }: PlanInput, changes: readonly PlannedChange[]): string {
  const steps = changes
    .filter((change) => change.type !== "noop" || change.blocked !== undefined)
    .map(
      ({ operationId, revisionHash, expectedVersion, diff, adopt, blocked }): JsonObject => ({
        operation_id: operationId,
        revision_hash: revisionHash,
        expected_version: expectedVersion,
        diff: diff.changes.map((change) => jsonOf({ ...change })),
        adopt,
        blocked: blocked?.reason ?? null,
      }),
    );
  const text = { scope, provider_id: providerId, bundle_sha256: bundleSha256, steps };
  return `plan-${fingerprint(text).slice(0, 16)}`;
}
