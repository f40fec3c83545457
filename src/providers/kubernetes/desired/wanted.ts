/**
 * What revisions want, by the keys of their objects. Pure.
 */
import type { JsonObject } from "../../../json/value.ts";
import type { Revision } from "../../contract.ts";
import { keyOf, type ObjectRef, refOf } from "../object.ts";
import { readSnapshot } from "./snapshot.ts";

export interface Wanted {
  readonly revision: Revision;
  /** By key, in the order in which they are applied. */
  readonly objects: ReadonlyMap<string, JsonObject>;
  readonly refs: readonly ObjectRef[];
  readonly watched: boolean;
}

export function wantedOf(revision: Revision, home: string): Wanted {
  const { objects, watched } = readSnapshot(revision);
  const named = objects.flatMap((object) => {
    const ref = refOf(object);
    return ref === undefined ? [] : [{ ref, object }];
  });
  return {
    revision,
    objects: new Map(named.map(({ ref, object }) => [keyOf(ref, home), object])),
    refs: named.map(({ ref }) => ref),
    watched,
  };
}

/** Which resource's revision names the object of a key. */
export function wantedByAll(wanted: readonly Wanted[]): ReadonlyMap<string, string> {
  return new Map(
    wanted.flatMap(({ revision, objects }) =>
      [...objects.keys()].map((key) => [key, revision.resourceId] as const),
    ),
  );
}
