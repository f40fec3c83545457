/** Members of an object that may be absent: absent ones are left out, so that a bundle holds no empty words. */
import type { JsonObject, JsonValue } from "../../json/value.ts";

export type Loose = Readonly<Record<string, JsonValue | undefined>>;

export function present(members: Loose): JsonObject {
  const kept: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(members)) if (value !== undefined) kept.push([key, value]);
  return Object.fromEntries(kept);
}

/** `value`, or undefined where it says nothing. */
export function filledOnly<Value extends JsonObject | readonly JsonValue[]>(value: Value): Value | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

export function objectOf(table: ReadonlyMap<string, JsonValue> | undefined): JsonObject {
  return Object.fromEntries(table ?? []);
}
