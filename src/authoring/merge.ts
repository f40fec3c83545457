/** How the ways out (`bundle`, `node`, `intent`) are laid over what akc writes: objects deeply, everything else replaced. */
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";

/** `over` on `base`. A list replaces a list; `null` stands for itself, since in a bundle it means something. */
export function merged(base: JsonObject, over: JsonObject | undefined): JsonObject {
  if (over === undefined) return base;
  const members = new Map<string, JsonValue>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const own = members.get(key);
    members.set(key, isJsonObject(own) && isJsonObject(value) ? merged(own, value) : value);
  }
  // fromEntries defines members, so a key called `__proto__` stays data.
  return Object.fromEntries(members);
}
