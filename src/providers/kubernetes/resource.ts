/**
 * One resource as it stands, put together from live objects: whose they are, which version they have, which fields. Pure.
 */
import { fingerprint } from "../../json/fingerprint.ts";
import { compareCodePoints } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import { generationOf, liveKey, uidOf } from "./cluster/look.ts";
import { fieldsByObject, fieldsOf } from "./fields.ts";
import { markOn } from "./mark.ts";

/** What is wanted of a resource, by key; empty when its revision is gone and only the inventory knows it. */
export type WantedObjects = ReadonlyMap<string, JsonObject>;

export interface Resource {
  readonly resourceId: string;
  /** Objects of its revision that stand, whoever made them. */
  readonly mine: readonly JsonObject[];
  /** Objects that bear its mark and that its revision does not name: to be taken away. */
  readonly extras: readonly JsonObject[];
  readonly owner: "akc" | "other";
  /** Of all its objects the same; absent while a change is made by half. */
  readonly markedHash?: string;
  readonly version: string;
}

export interface World {
  readonly scope: string;
  readonly home: string;
  /** By key. */
  readonly objects: ReadonlyMap<string, JsonObject>;
  /** Those that bear the scope's mark, by the resource that it names. */
  readonly byResource: ReadonlyMap<string, readonly JsonObject[]>;
  /** Which resource's revision names a key: an object that went over to another resource is not taken away. */
  readonly wantedBy: ReadonlyMap<string, string>;
}

export function worldOf(world: Omit<World, "byResource">): World {
  const byResource = new Map<string, JsonObject[]>();
  for (const object of world.objects.values()) {
    const id = markOn(object, world.scope)?.resourceId;
    if (id === undefined) continue;
    const others = byResource.get(id);
    if (others === undefined) byResource.set(id, [object]);
    else others.push(object);
  }
  return { ...world, byResource };
}

/** Undefined where nothing of it stands. */
export function gathered(resourceId: string, wanted: WantedObjects, world: World): Resource | undefined {
  const { scope, home, objects, wantedBy, byResource } = world;
  const mine: JsonObject[] = [];
  for (const key of wanted.keys()) {
    const object = objects.get(key);
    if (object !== undefined) mine.push(object);
  }
  const extras = (byResource.get(resourceId) ?? []).filter((object) => {
    const key = liveKey(object, home);
    return !wanted.has(key) && (wantedBy.get(key) ?? resourceId) === resourceId;
  });
  const all = [...mine, ...extras];
  if (all.length === 0) return undefined;
  const marks = (mine.length > 0 ? mine : extras).map((object) => markOn(object, scope));
  const hashes = new Set(marks.map((mark) => mark?.desiredHash));
  const [hash] = hashes;
  return {
    resourceId,
    mine,
    extras,
    owner: marks.every((mark) => mark !== undefined) ? "akc" : "other",
    ...(hashes.size === 1 && hash !== undefined ? { markedHash: hash } : {}),
    version: versionOf(all, scope, home),
  };
}

/**
 * Changes with the fields of any object, its mark, or when another object takes its place; not with its status, which changes
 * by itself all the time.
 */
function versionOf(objects: readonly JsonObject[], scope: string, home: string): string {
  const rows = objects
    .map((object) => ({
      key: liveKey(object, home),
      uid: uidOf(object),
      generation: generationOf(object),
      fields: fingerprint(fieldsOf(object, home)),
      hash: markOn(object, scope)?.desiredHash ?? null,
    }))
    .sort((a, b) => compareCodePoints(a.key, b.key));
  return fingerprint(rows);
}

export function standingFields({ mine, extras }: Resource, home: string): JsonObject {
  return fieldsByObject([...mine, ...extras], home);
}
