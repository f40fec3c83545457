/**
 * Reads what stands in the cluster, in a bounded number of calls: all that bears a mark of the scope, all that is asked for by
 * name, and pods. An object counts as absent only when the server said so.
 *
 * Source: spec reconcile §4.10; reconcile:W-17, W-20.
 */
import { objectAt, objectsAt, textAt } from "../../../bundle/member.ts";
import { AkcError } from "../../../errors.ts";
import { asDouble, type JsonObject } from "../../../json/value.ts";
import type { WorkloadPods } from "../health/opinion.ts";
import { labelValue, scopeLabel } from "../mark.ts";
import { groupKind, keyOf, listOf, type ObjectRef, refOf, stub } from "../object.ts";
import type { Failure, FailureReason } from "./failure.ts";
import type { Asking } from "./kubectl.ts";

/**
 * Kinds that every server has, asked for in the version that it likes best. Of others, and of Secrets, only those are found
 * that somebody names.
 */
const listedKinds = [
  "deployments.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "replicasets.apps",
  "jobs.batch",
  "cronjobs.batch",
  "pods",
  "services",
  "configmaps",
  "persistentvolumeclaims",
  "serviceaccounts",
  "ingresses.networking.k8s.io",
  "networkpolicies.networking.k8s.io",
  "roles.rbac.authorization.k8s.io",
  "rolebindings.rbac.authorization.k8s.io",
  "poddisruptionbudgets.policy",
  "horizontalpodautoscalers.autoscaling",
].join(",");

export interface Seen {
  /** By key. */
  readonly objects: ReadonlyMap<string, JsonObject>;
  /** Why nobody knows whether the object of a key stands. */
  readonly unknown: ReadonlyMap<string, Failure>;
}

/** Failures after which what was found is right, and what was not found is not there. */
const harmless: ReadonlySet<FailureReason> = new Set(["no_such_kind", "not_found"]);

export function isComplete(failure: Failure | undefined): boolean {
  return failure === undefined || [...failure.reasons].every((reason) => harmless.has(reason));
}

/**
 * All that bears the scope's mark, of the kinds that every server has. One call. Not being allowed to list some kind is no
 * failure: what is known by name is looked for by name afterwards.
 */
export async function lookByMark(asking: Asking, scope: string): Promise<readonly JsonObject[] | Failure> {
  const args = ["get", listedKinds, `--selector=${scopeLabel}=${labelValue(scope)}`, "--output=json"];
  const { objects, failure } = await asking.ask({ args });
  if (failure === undefined || isComplete(failure)) return objects;
  const denied = [...failure.reasons].every((reason) => reason === "denied" || harmless.has(reason));
  return denied ? objects : failure;
}

/** The objects of these names, in the versions asked for. One call a namespace, and one more a kind that is not allowed. */
export async function lookByName(asking: Asking, refs: readonly ObjectRef[], home: string): Promise<Seen> {
  const objects = new Map<string, JsonObject>();
  const unknown = new Map<string, Failure>();
  for (const group of grouped(refs, ({ namespace }) => namespace ?? home)) {
    const failure = await lookIn(asking, group, home, objects);
    if (isComplete(failure)) continue;
    const missing = group.filter((ref) => !objects.has(keyOf(ref, home)));
    const kinds = grouped(missing, groupKind);
    // One kind that may not be read must not hide whether the others stand.
    const again = failure?.reason === "denied" && kinds.length > 1 ? kinds : [];
    for (const kind of again) {
      const refused = await lookIn(asking, kind, home, objects);
      if (refused !== undefined && !isComplete(refused)) note(kind, refused);
    }
    if (again.length === 0 && failure !== undefined) note(missing, failure);
  }
  return { objects, unknown };

  function note(missing: readonly ObjectRef[], failure: Failure): void {
    for (const ref of missing) if (!objects.has(keyOf(ref, home))) unknown.set(keyOf(ref, home), failure);
  }
}

async function lookIn(
  asking: Asking,
  refs: readonly ObjectRef[],
  home: string,
  found: Map<string, JsonObject>,
): Promise<Failure | undefined> {
  const namespace = refs[0]?.namespace ?? home;
  const { objects, failure } = await asking.ask({
    args: [
      ...(namespace === home ? [] : [`--namespace=${namespace}`]),
      ...["get", "--filename=-", "--ignore-not-found", "--output=json"],
    ],
    stdin: listOf(refs.map((ref) => stub(ref, home))),
  });
  for (const object of objects) found.set(liveKey(object, home), object);
  return failure;
}

/** Of an object that the server gave. */
export function liveKey(object: JsonObject, home: string): string {
  return keyOf(liveRef(object), home);
}

export function liveRef(object: JsonObject): ObjectRef {
  const ref = refOf(object);
  if (ref === undefined) throw new AkcError("INTERNAL", { message: "kubectl gave an object without a name" });
  return ref;
}

export function uidOf(object: JsonObject): string {
  return textAt(objectAt(object, "metadata"), "uid") ?? "";
}

/**
 * The pods of every workload of the namespace, by the workload's uid. One call, whatever the number of workloads. Undefined
 * where they may not be read: then a status says all there is to say.
 */
export async function lookAtPods(asking: Asking): Promise<((uid: string) => WorkloadPods) | undefined> {
  const { objects, failure } = await asking.ask({ args: ["get", "replicasets.apps,pods", "--output=json"] });
  if (failure !== undefined) return undefined;
  const children = new Map<string, JsonObject[]>();
  for (const object of objects) {
    for (const owner of objectsAt(objectAt(object, "metadata"), "ownerReferences")) {
      const uid = textAt(owner, "uid") ?? "";
      children.set(uid, [...(children.get(uid) ?? []), object]);
    }
  }
  const podsUnder = (uid: string) => (children.get(uid) ?? []).filter(({ kind }) => kind === "Pod");
  return (uid) => {
    const sets = (children.get(uid) ?? []).filter(({ kind }) => kind === "ReplicaSet");
    const own = podsUnder(uid);
    const newestSet = sets.toSorted((a, b) => revisionNumber(b) - revisionNumber(a))[0];
    return {
      all: [...own, ...sets.flatMap((set) => podsUnder(uidOf(set)))],
      newest: newestSet === undefined ? newestBy(own) : podsUnder(uidOf(newestSet)),
    };
  };
}

function revisionNumber(replicaSet: JsonObject): number {
  const annotations = objectAt(objectAt(replicaSet, "metadata"), "annotations");
  return Number(textAt(annotations, "deployment.kubernetes.io/revision") ?? "0") || 0;
}

/** Pods that a StatefulSet or DaemonSet made last all bear one revision: that of the youngest. */
function newestBy(pods: readonly JsonObject[]): readonly JsonObject[] {
  const revision = (pod: JsonObject) =>
    textAt(objectAt(objectAt(pod, "metadata"), "labels"), "controller-revision-hash");
  const born = (pod: JsonObject) => textAt(objectAt(pod, "metadata"), "creationTimestamp") ?? "";
  const youngest = pods.toSorted((a, b) => (born(a) < born(b) ? 1 : -1))[0];
  return youngest === undefined ? [] : pods.filter((pod) => revision(pod) === revision(youngest));
}

export function generationOf(object: JsonObject): number {
  return asDouble(objectAt(object, "metadata")["generation"]) ?? 0;
}

function grouped<Item>(items: readonly Item[], by: (item: Item) => string): readonly (readonly Item[])[] {
  return [...Map.groupBy(items, by).values()];
}
