/**
 * From an object with optional members to JSON. Pure.
 */
import type { JsonObject, JsonValue } from "../json/value.ts";

/** Members that are undefined are no members. */
export function jsonOf(value: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const members = Object.entries(value).flatMap(([key, one]): [string, JsonValue][] =>
    one === undefined ? [] : [[key, one]],
  );
  return Object.fromEntries(members);
}
