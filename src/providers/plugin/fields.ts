/**
 * What stands beside what is wanted, as two objects that differ exactly where a plugin's resource does: by the plugin's own diff, or by
 * its fields and hash where it has none. Pure.
 */
import { type MutableJsonObject, setMember } from "../../json/member.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { FieldChange, SeenByPlugin } from "./wire.ts";

export interface Compared {
  readonly fields: JsonObject;
  readonly wanted: JsonObject;
}

/** Where nobody who knows better has compared: the difference of the hashes is a field like the others. */
const hashField = "observed_hash";

/** It stands as desired, as the plugin says by its hash. */
export function asDesired({ fields = {} }: SeenByPlugin): Compared {
  return { fields, wanted: fields };
}

/** By what the plugin says that `apply` would change. */
export function comparedByDiff({ fields = {} }: SeenByPlugin, changes: readonly FieldChange[]): Compared {
  // What the plugin leaves out of its fields stands nevertheless, if its diff says so.
  const found = changes.reduce(
    (all, { path, from }) => (from === undefined ? all : put(all, path, from)),
    fields,
  );
  const wanted = changes.reduce((all, { path, to }) => put(all, path, to), found);
  return { fields: found, wanted };
}

/**
 * Of the fields that the plugin tells, those that the intent has under the same name; and the hash, where the plugin tells one, so that
 * what no field shows is seen too.
 */
export function comparedByFields(seen: SeenByPlugin, intent: JsonValue, desiredHash: string): Compared {
  const { fields = {}, observed_hash: hash } = seen;
  const named = isJsonObject(intent)
    ? Object.entries(intent).filter(([key]) => Object.hasOwn(fields, key))
    : [];
  const wanted = withMembers(fields, named);
  if (hash === undefined) return { fields, wanted };
  return {
    fields: withMembers(fields, [[hashField, hash]]),
    wanted: withMembers(wanted, [[hashField, desiredHash]]),
  };
}

/** @param value undefined: nothing is there afterwards */
function put(object: JsonObject, path: readonly string[], value: JsonValue | undefined): JsonObject {
  const made = putIn(object, path, value);
  return isJsonObject(made) ? made : {};
}

function putIn(
  value: JsonValue | undefined,
  [key, ...rest]: readonly string[],
  to: JsonValue | undefined,
): JsonValue | undefined {
  if (key === undefined) return to;
  if (isJsonArray(value)) {
    const index = key === "-" ? value.length : Number(key);
    if (!Number.isInteger(index) || index < 0 || index > value.length) return value;
    const made = putIn(value[index], rest, to);
    return [...value.slice(0, index), ...(made === undefined ? [] : [made]), ...value.slice(index + 1)];
  }
  const object = isJsonObject(value) ? value : {};
  const made = putIn(Object.hasOwn(object, key) ? object[key] : undefined, rest, to);
  if (made !== undefined) return withMembers(object, [[key, made]]);
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

function withMembers(object: JsonObject, members: readonly (readonly [string, JsonValue])[]): JsonObject {
  const made: MutableJsonObject = {};
  for (const [key, value] of [...Object.entries(object), ...members]) setMember(made, key, value);
  return made;
}
