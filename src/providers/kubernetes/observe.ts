/**
 * One look at all resources: what bears the scope's mark, what is asked for by name, what the server would make of what is
 * wanted, and pods where something is not whole. A handful of calls whatever the number of resources; changes nothing.
 *
 * Source: spec reconcile §4.7, §4.10.
 */
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type {
  HealthCondition,
  Observation,
  OwnedResource,
  ProviderCall,
  Revision,
  Standing,
} from "../contract.ts";
import { observedHash } from "../observed-hash.ts";
import { dryRun, type Stands } from "./cluster/dry-run.ts";
import type { Failure } from "./cluster/failure.ts";
import type { Asking, Kubectl } from "./cluster/kubectl.ts";
import { liveKey, liveRef, lookAtPods, lookByMark, lookByName, type Seen } from "./cluster/look.ts";
import { handleOf, handleRefs } from "./desired/snapshot.ts";
import { type Wanted, wantedByAll, wantedOf } from "./desired/wanted.ts";
import { fieldsByObject } from "./fields.ts";
import { type Judgement, judgeAll, podOwners } from "./health/judge.ts";
import { clipped, type WorkloadPods } from "./health/opinion.ts";
import { markOn } from "./mark.ts";
import { groupKind, keyOf, type ObjectRef } from "./object.ts";
import { kubernetesObservedBody } from "./observed-body.ts";
import { gathered, type Resource, standingFields, worldOf } from "./resource.ts";

export interface ObserveDeps {
  readonly kubectl: Kubectl;
  readonly scope: string;
  readonly home: string;
  /** Which resource of the bundle names the object of a key; a look may be of a part of the bundle. */
  readonly wantedBy: ReadonlyMap<string, string>;
  /** Asked once a look; of the provider as a whole. */
  readonly probe?: (call: ProviderCall) => Promise<readonly HealthCondition[]>;
  readonly observeHashContract?: JsonObject;
}

export interface Looked {
  readonly observations: readonly Observation[];
  /** By resource: its objects that stand, those too that its revision does not name. */
  readonly standing: ReadonlyMap<string, readonly ObjectRef[]>;
  /** Which resource's revision names the object of a key. */
  readonly wantedBy: ReadonlyMap<string, string>;
}

export async function observe(
  revisions: readonly Revision[],
  owned: readonly OwnedResource[],
  deps: ObserveDeps,
  call: ProviderCall,
): Promise<Looked> {
  const { kubectl, scope, home, probe } = deps;
  const asking = kubectl.within(call, limits.providerObserveMsMax);
  const wanted = new Map(revisions.map((revision) => [revision.resourceId, wantedOf(revision, home)]));
  const wantedBy = new Map([...deps.wantedBy, ...wantedByAll([...wanted.values()])]);
  const seen = await lookAtAll(asking, scope, home, [...wanted.values()], owned);
  const world = worldOf({ scope, home, objects: seen.objects, wantedBy });

  const classes = new Map(owned.map(({ resourceId, resourceClass }) => [resourceId, resourceClass]));
  for (const [id, [object]] of world.byResource)
    if (object !== undefined && !classes.has(id))
      classes.set(id, markOn(object, scope)?.resourceClass ?? "service");
  for (const { resourceId, resourceClass } of revisions) classes.set(resourceId, resourceClass);

  const found = new Map<string, Resource | Failure | undefined>();
  for (const id of classes.keys()) {
    const refs = owned
      .filter(({ resourceId }) => resourceId === id)
      .flatMap(({ handle }) => handleRefs(handle));
    const keys = [...(wanted.get(id)?.objects.keys() ?? []), ...refs.map((ref) => keyOf(ref, home))];
    const unknown = keys.map((key) => seen.unknown.get(key)).find((failure) => failure !== undefined);
    found.set(id, unknown ?? gathered(id, wanted.get(id)?.objects ?? new Map(), world));
  }

  const present = [...found.values()].filter((one) => isResource(one));
  const dry = await dryRun(asking, stands(present, wanted, home), home);
  const judged = await judgements(asking, present);
  const probed = present.length === 0 || probe === undefined ? [] : await probe(call);

  const asked = new Set([...wanted.keys(), ...owned.map(({ resourceId }) => resourceId)]);
  const told = [...classes].filter(([id]) => asked.has(id) || found.get(id) !== undefined);
  const observations = told.map(([resourceId, resourceClass]): Observation => {
    const about = { resourceId, resourceClass };
    const resource = found.get(resourceId);
    if (resource === undefined) return { ...about, standing: { kind: "absent" } };
    if (!isResource(resource)) return { ...about, standing: unobservable(resource) };
    const want = wanted.get(resourceId);
    const undecided = [...(want?.objects.keys() ?? [])].map((key) => dry.unknown.get(key));
    const failure = undecided.find((one) => one !== undefined);
    if (failure !== undefined) return { ...about, standing: unobservable(failure) };
    const standing = {
      ...presentStanding(resource, judged.get(resource), probed, home, want?.watched === true),
      ...documentedHash(resource, deps),
    };
    if (want === undefined || want.watched) return { ...about, standing };
    return { ...about, wanted: wantedFields(want, dry, home), standing };
  });
  return {
    observations,
    standing: new Map(
      present.map(({ resourceId, mine, extras }) => [resourceId, [...mine, ...extras].map(liveRef)]),
    ),
    wantedBy,
  };
}

/** What bears the mark, then by name what is wanted or owned and was not among it in the version wanted. */
async function lookAtAll(
  asking: Asking,
  scope: string,
  home: string,
  wanted: readonly Wanted[],
  owned: readonly OwnedResource[],
): Promise<Seen> {
  const named = new Map<string, ObjectRef>();
  for (const { handle } of owned) for (const ref of handleRefs(handle)) named.set(keyOf(ref, home), ref);
  for (const { refs } of wanted) for (const ref of refs) named.set(keyOf(ref, home), ref);
  const marked = await lookByMark(asking, scope);
  if ("reason" in marked)
    return { objects: new Map(), unknown: new Map([...named.keys()].map((key) => [key, marked])) };
  const objects = new Map(marked.map((object) => [liveKey(object, home), object]));
  const versions = new Map(
    wanted.flatMap(({ refs }) => refs.map((ref) => [keyOf(ref, home), ref.apiVersion])),
  );
  const missing = [...named].flatMap(([key, ref]) => {
    const live = objects.get(key);
    const version = versions.get(key);
    return live !== undefined && (version === undefined || live["apiVersion"] === version) ? [] : [ref];
  });
  const rest = await lookByName(asking, missing, home);
  return { objects: new Map([...objects, ...rest.objects]), unknown: rest.unknown };
}

function stands(
  present: readonly Resource[],
  wanted: ReadonlyMap<string, Wanted>,
  home: string,
): readonly Stands[] {
  return present.flatMap(({ resourceId, mine }) => {
    const want = wanted.get(resourceId);
    if (want === undefined || want.watched) return [];
    return mine.flatMap((live) => {
      const key = liveKey(live, home);
      const object = want.objects.get(key);
      return object === undefined ? [] : [{ key, wanted: object, live }];
    });
  });
}

/** Pods are looked at only where a status says that something is not whole. */
async function judgements(
  asking: Asking,
  present: readonly Resource[],
): Promise<ReadonlyMap<Resource, Judgement>> {
  const judge = (pods: (uid: string) => WorkloadPods | undefined) =>
    new Map(present.map((resource) => [resource, judgeAll(judgedObjects(resource), pods)]));
  const first = judge(() => undefined);
  const unsettled = present.some(
    (resource) => first.get(resource)?.health !== "healthy" && judgedObjects(resource).some(hasPods),
  );
  const pods = unsettled ? await lookAtPods(asking) : undefined;
  return pods === undefined ? first : judge(pods);
}

/** What is to be taken away is no part of the health of what stays. */
function judgedObjects({ mine, extras }: Resource): readonly JsonObject[] {
  return mine.length > 0 ? mine : extras;
}

function hasPods(object: JsonObject): boolean {
  return podOwners.has(groupKind(liveRef(object)));
}

function presentStanding(
  resource: Resource,
  judgement: Judgement | undefined,
  probed: readonly HealthCondition[],
  home: string,
  watched: boolean,
): Extract<Standing, { kind: "present" }> {
  const { owner, markedHash, version, mine, extras } = resource;
  const { health = "unknown", message, conditions = [], copies } = judgement ?? {};
  const failing = probed.find(({ status }) => status === "false");
  const unhealthy = health === "healthy" && failing !== undefined;
  const why = unhealthy ? `${failing.type}: ${failing.message ?? failing.reason ?? "false"}` : message;
  return {
    kind: "present",
    owner,
    ...(markedHash === undefined ? {} : { markedHash }),
    version,
    fields: watched ? {} : standingFields(resource, home),
    health: unhealthy ? "degraded" : health,
    ...(why === undefined ? {} : { message: clipped(why) }),
    conditions: [...conditions, ...probed].slice(0, limits.healthConditionsMax),
    ...(copies === undefined ? {} : { copies }),
    handle: handleOf([...mine, ...extras]),
  };
}

function documentedHash(
  { resourceId, mine, extras }: Resource,
  { home, observeHashContract }: ObserveDeps,
): { readonly observedHash?: string } {
  const body = kubernetesObservedBody(mine.length > 0 ? mine : extras, home);
  return body === undefined ? {} : { observedHash: observedHash(resourceId, body, observeHashContract) };
}

/** Of an object that does not stand yet, what the manifest says. */
function wantedFields({ objects }: Wanted, dry: Seen, home: string): JsonObject {
  return fieldsByObject(
    [...objects].map(([key, object]) => dry.objects.get(key) ?? object),
    home,
  );
}

function unobservable({ reason, message }: Failure): Standing {
  return { kind: "unobservable", reason, message };
}

function isResource(found: Resource | Failure | undefined): found is Resource {
  return found !== undefined && "version" in found;
}
