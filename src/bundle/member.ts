/**
 * Reads members of JSON objects whose shape has already been checked, by names that may come from data.
 * Never walks the prototype chain: `constructor` is found only where somebody wrote it.
 */
import { AkcError } from "../errors.ts";
import { isJsonArray, isJsonObject, type JsonArray, type JsonObject, type JsonValue } from "../json/value.ts";

export const emptyObject: JsonObject = Object.freeze({});
const emptyArray: JsonArray = Object.freeze([]);

/** The member `key`, or undefined when the object has none of its own. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The object at `key`; an empty one when there is none, or something else stands there. */
export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = member(object, key);
  return isJsonObject(value) ? value : emptyObject;
}

/** The array at `key`; an empty one when there is none, or something else stands there. */
export function listAt(object: JsonObject, key: string): JsonArray {
  const value = member(object, key);
  return isJsonArray(value) ? value : emptyArray;
}

/** The objects of the array at `key`, in order; items of another kind are left out. */
export function objectsAt(object: JsonObject, key: string): readonly JsonObject[] {
  return listAt(object, key).filter(isJsonObject);
}

/** The string at `key` without surrounding white space, or undefined when it is absent, blank or no string. */
export function textAt(object: JsonObject, key: string): string | undefined {
  const value = member(object, key);
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return text === "" ? undefined : text;
}

/** The string at `key`, where the shape was checked to have one. @throws AkcError INTERNAL when it was not. */
export function requiredText(object: JsonObject, key: string): string {
  const text = textAt(object, key);
  if (text === undefined) throw new AkcError("INTERNAL", { message: `no text at ${key} after its check` });
  return text;
}

/** The strings of the array at `key`, trimmed, in order; blank items and items of another kind are left out. */
export function textsAt(object: JsonObject, key: string): readonly string[] {
  const texts: string[] = [];
  for (const item of listAt(object, key)) {
    const text = typeof item === "string" ? item.trim() : "";
    if (text !== "") texts.push(text);
  }
  return texts;
}

/** A copy without the members whose value is null. */
export function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
