/**
 * What a revision keeps of a resource: its objects as text, enough to apply them again with every file gone. Never the data of
 * a Secret: a resource that has some is refused before it comes here.
 */
import { listAt, objectAt, objectsAt, textAt } from "../../../bundle/member.ts";
import { AkcError } from "../../../errors.ts";
import { canonicalJson } from "../../../json/canonical.ts";
import { parseJson } from "../../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../../json/value.ts";
import type { Revision } from "../../contract.ts";
import { type ObjectRef, refOf } from "../object.ts";

export interface Snapshot {
  /** In the order in which they are applied. */
  readonly objects: readonly JsonObject[];
  /** Only looked at: there is no manifest to compare it with. */
  readonly watched: boolean;
}

export function snapshotOf({ objects, watched }: Snapshot): JsonObject {
  return { objects: objects.map(canonicalJson), ...(watched ? { watched } : {}) };
}

/** @throws AkcError INTERNAL when another provider made the revision */
export function readSnapshot({ snapshot, resourceId }: Revision): Snapshot {
  const objects = listAt(snapshot, "objects").map((text) =>
    typeof text === "string" ? parseJson(text) : null,
  );
  const read = objects.filter((object) => isJsonObject(object));
  if (read.length === 0 || read.length !== objects.length) {
    throw new AkcError("INTERNAL", {
      message: `the revision of ${resourceId} is not one of Kubernetes objects`,
    });
  }
  return { objects: read, watched: snapshot["watched"] === true };
}

/** How to find objects again, with their uids: the inventory's row. */
export function handleOf(objects: readonly JsonObject[]): JsonObject {
  return {
    objects: objects.flatMap((object): JsonObject[] => {
      const ref = refOf(object);
      if (ref === undefined) return [];
      const uid = textAt(objectAt(object, "metadata"), "uid");
      return [{ ...ref, ...(uid === undefined ? {} : { uid }) }];
    }),
  };
}

export function handleRefs(handle: JsonObject): readonly ObjectRef[] {
  return objectsAt(handle, "objects").flatMap((row) => {
    const ref = refOf({ apiVersion: row["apiVersion"] ?? null, kind: row["kind"] ?? null, metadata: row });
    return ref === undefined ? [] : [ref];
  });
}
