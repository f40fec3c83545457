/**
 * The fields of an object that are compared: what somebody wrote, without what the server and akc itself keep there.
 * The same for a manifest, a live object and the answer of a dry run; never holds the data of a Secret.
 */
import { member, objectAt } from "../../bundle/member.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { withoutMarks } from "./mark.ts";
import { groupKind, localName, type ObjectRef, refOf } from "./object.ts";

/** Kept by the server, of no one's making, or different with every look. */
const serverMetadata: ReadonlySet<string> = new Set([
  "managedFields",
  "resourceVersion",
  "generation",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "selfLink",
]);
/** Notes of kubectl and of the Deployment controller about fields that are compared anyway. */
const bookkeeping: ReadonlySet<string> = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
]);

export function fieldsOf(object: JsonObject, home: string): JsonObject {
  const secret = object["kind"] === "Secret";
  const fields = Object.entries(object).flatMap(([key, value]): [string, JsonValue][] => {
    if (key === "status") return [];
    if (secret && (key === "data" || key === "stringData")) return [];
    if (key === "metadata") return [[key, metadataFields(objectAt(object, key), home)]];
    return [[key, withoutNoTime(value)]];
  });
  return Object.fromEntries(fields);
}

function metadataFields(metadata: JsonObject, home: string): JsonObject {
  const fields = Object.entries(metadata).flatMap(([key, value]): [string, JsonValue][] => {
    if (serverMetadata.has(key) || (key === "namespace" && value === home)) return [];
    if (key !== "labels" && key !== "annotations") return [[key, value]];
    const kept = Object.entries(withoutMarks(objectAt(metadata, key))).filter(
      ([name]) => !bookkeeping.has(name),
    );
    return kept.length === 0 ? [] : [[key, Object.fromEntries(kept)]];
  });
  return Object.fromEntries(fields);
}

/** Old servers and generated manifests say `creationTimestamp: null` in templates. */
function withoutNoTime(value: JsonValue): JsonValue {
  if (isJsonArray(value)) return value.map(withoutNoTime);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !(key === "creationTimestamp" && inner === null))
      .map(([key, inner]) => [key, withoutNoTime(inner)]),
  );
}

/** Fields of many objects in one: `/Deployment.apps/web/spec/replicas`. */
export function fieldsByObject(objects: readonly JsonObject[], home: string): JsonObject {
  const kinds = new Map<string, [string, JsonObject][]>();
  for (const object of objects) {
    const ref = refOf(object);
    if (ref === undefined) continue;
    const kind = groupKind(ref);
    kinds.set(kind, [...(kinds.get(kind) ?? []), [localName(ref, home), fieldsOf(object, home)]]);
  }
  return Object.fromEntries([...kinds].map(([kind, named]) => [kind, Object.fromEntries(named)]));
}

/**
 * What the object would be with all that `wanted` says, for want of the server's own word: members are laid over each other, a
 * list of named items by name, of the same length place by place; any other list takes the place of the old one.
 */
export function laidOver(live: JsonValue | undefined, wanted: JsonValue): JsonValue {
  if (isJsonObject(live) && isJsonObject(wanted)) {
    const over = Object.entries(wanted).map(([key, value]): [string, JsonValue] => [
      key,
      laidOver(member(live, key), value),
    ]);
    return { ...live, ...Object.fromEntries(over) };
  }
  if (isJsonArray(live) && isJsonArray(wanted)) {
    if ([...live, ...wanted].some((item) => nameOf(item) === undefined)) {
      return live.length === wanted.length ? wanted.map((item, at) => laidOver(live[at], item)) : wanted;
    }
    const mine = wanted.map((item) =>
      laidOver(
        live.find((other) => nameOf(other) === nameOf(item)),
        item,
      ),
    );
    const kept = live.map((item) => mine.find((other) => nameOf(other) === nameOf(item)) ?? item);
    return [...kept, ...mine.filter((item) => !live.some((other) => nameOf(other) === nameOf(item)))];
  }
  return wanted;
}

function nameOf(item: JsonValue): JsonValue | undefined {
  return isJsonObject(item) ? member(item, "name") : undefined;
}

/** How many copies the object asks for; undefined where that means nothing. */
export function replicasOf(object: JsonObject, ref: ObjectRef): number | undefined {
  if (!scaled.has(groupKind(ref))) return undefined;
  const replicas = member(objectAt(object, "spec"), "replicas");
  return typeof replicas === "number" ? replicas : 1;
}
const scaled: ReadonlySet<string> = new Set(["Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps"]);
