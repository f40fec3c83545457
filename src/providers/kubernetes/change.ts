/**
 * Changes one resource: applies its objects with their mark, takes away what its revision no longer names, deletes it. Only what
 * bears the scope's mark, or may be adopted, and only while it is as it was when the change was planned.
 */
import { objectAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Change, Deletion, ProviderCall } from "../contract.ts";
import { applyArgs } from "./cluster/dry-run.ts";
import { type Failure, failureError } from "./cluster/failure.ts";
import type { Asking, Kubectl } from "./cluster/kubectl.ts";
import { liveKey, liveRef, lookByName } from "./cluster/look.ts";
import { remove } from "./cluster/remove.ts";
import { handleRefs } from "./desired/snapshot.ts";
import { type Wanted, wantedOf } from "./desired/wanted.ts";
import { changeOf, marked, markOn } from "./mark.ts";
import { keyOf, listOf, type ObjectRef, wordsFor } from "./object.ts";
import { gathered, type Resource, type World, worldOf } from "./resource.ts";

export interface ChangeDeps {
  readonly kubectl: Kubectl;
  readonly scope: string;
  readonly home: string;
  /** Objects of the resource that stood at the last look, or were applied since. */
  readonly standing: readonly ObjectRef[];
  /** Which resource's revision names the object of a key. */
  readonly wantedBy: ReadonlyMap<string, string>;
}

/** @throws AkcError PROVIDER_CONFLICT, PROVIDER_NOT_OWNED, PROVIDER_FAILED, TOOL_TIMEOUT, CANCELLED */
export async function apply(change: Change, deps: ChangeDeps, call: ProviderCall): Promise<void> {
  const { kubectl, home } = deps;
  const asking = kubectl.within(call, limits.providerChangeMsMax);
  const wanted = wantedOf(change.revision, home);
  const key = changeOf(change.idempotencyKey);
  for (let tries = 0; tries < limits.kubernetesApplyTriesMax; tries += 1) {
    const world = await lookAgain(asking, [...deps.standing, ...wanted.refs], deps);
    const resource = gathered(change.revision.resourceId, wanted.objects, world);
    const stage = stageOf(resource, wanted, key, deps.scope);
    if (stage === "made") return;
    refuseForeign(resource, change, deps.scope);
    // A change that was begun goes on: what moved since was moved by itself.
    if (stage === "not_begun")
      refuseMoved(resource?.version, change.expectedVersion, change.revision.resourceId);
    const failure = await put(asking, wanted, resource, change, key, home);
    if (failure?.reason === "conflict") continue;
    if (failure !== undefined)
      throw failureError(failure, `${change.revision.resourceId} could not be applied`);
    return remove(asking, (resource?.extras ?? []).toReversed(), home);
  }
  throw new AkcError("PROVIDER_CONFLICT", {
    message: "somebody else keeps changing the objects",
    details: { resourceId: change.revision.resourceId, tries: limits.kubernetesApplyTriesMax },
  });
}

/** @throws AkcError as `apply` */
export async function removeResource(
  deletion: Deletion,
  deps: ChangeDeps,
  call: ProviderCall,
): Promise<void> {
  const { kubectl, home } = deps;
  const { resource: owned, mark, expectedVersion } = deletion;
  const asking = kubectl.within(call, limits.providerChangeMsMax);
  const world = await lookAgain(asking, [...handleRefs(owned.handle), ...deps.standing], deps);
  const resource = gathered(mark.resourceId, new Map(), world);
  if (resource === undefined) return;
  if (expectedVersion !== null) refuseMoved(resource.version, expectedVersion, mark.resourceId);
  await remove(asking, resource.extras.toReversed(), home);
}

async function lookAgain(asking: Asking, refs: readonly ObjectRef[], deps: ChangeDeps): Promise<World> {
  const { scope, home, wantedBy } = deps;
  // The last of two names of one object counts: the revision's, in whose version it was looked at when the change was planned.
  const named = new Map(refs.map((ref) => [keyOf(ref, home), ref]));
  const { objects, unknown } = await lookByName(asking, [...named.values()], home);
  const [failure] = unknown.values();
  if (failure !== undefined) throw failureError(failure, "nobody knows what stands");
  return worldOf({ scope, home, objects, wantedBy });
}

type Stage = "not_begun" | "begun" | "made";

/** How far an earlier try of this very change came. */
function stageOf(resource: Resource | undefined, wanted: Wanted, key: string, scope: string): Stage {
  const mine = resource?.mine ?? [];
  const done = mine.filter((object) => markOn(object, scope)?.change === key);
  if (done.length === 0) return "not_begun";
  return done.length === wanted.refs.length && resource?.extras.length === 0 ? "made" : "begun";
}

function refuseForeign(resource: Resource | undefined, { adopt, revision }: Change, scope: string): void {
  const foreign = (resource?.mine ?? []).filter((object) => markOn(object, scope) === undefined);
  if (foreign.length === 0 || adopt) return;
  throw new AkcError("PROVIDER_NOT_OWNED", {
    details: {
      resourceId: revision.resourceId,
      objects: foreign.map((object) => wordsFor(liveRef(object))),
    },
  });
}

function refuseMoved(version: string | undefined, expected: string | null, resourceId: string): void {
  if ((version ?? null) === expected) return;
  throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, expected, found: version ?? null } });
}

/**
 * New objects first, as those that stand may need them. Without force nothing that somebody made in between is taken over; what
 * stands is changed only if it is the object that was looked at, as it was then.
 */
async function put(
  asking: Asking,
  { objects }: Wanted,
  resource: Resource | undefined,
  { mark, revision }: Change,
  change: string,
  home: string,
): Promise<Failure | undefined> {
  const live = new Map((resource?.mine ?? []).map((object) => [liveKey(object, home), object]));
  const full = { ...mark, resourceClass: revision.resourceClass, change };
  const fresh: JsonObject[] = [];
  const standing: JsonObject[] = [];
  for (const [key, object] of objects) {
    const stands = live.get(key);
    if (stands === undefined) fresh.push(marked(object, full));
    else standing.push(onlyIfSame(marked(object, full), stands));
  }
  return (await send(asking, fresh, [])) ?? (await send(asking, standing, ["--force-conflicts"]));
}

async function send(
  asking: Asking,
  objects: readonly JsonObject[],
  flags: readonly string[],
): Promise<Failure | undefined> {
  if (objects.length === 0) return undefined;
  const args = [...applyArgs, ...flags, "--output=name"];
  return (await asking.ask({ args, stdin: listOf(objects), silent: true })).failure;
}

/** The server refuses it with a conflict for another object, and for the same one changed since. */
function onlyIfSame(object: JsonObject, live: JsonObject): JsonObject {
  const { uid, resourceVersion } = objectAt(live, "metadata");
  const same = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return { ...object, metadata: { ...objectAt(object, "metadata"), ...same } };
}
