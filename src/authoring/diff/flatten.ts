/**
 * Takes a JSON document apart into its leaves, each under the path of its keys, so that two of them can be compared member by
 * member. Values that may be secrets leave only their size and digest.
 */
import { canonicalJson } from "../../json/canonical.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";

/** Maps whose values are often secrets, wherever they stand. */
const secretMaps = /^(env|environment|headers|secrets?|annotations)$/i;
const secretMembers = /(password|passwd|secret|token|api_?key|credential|private_?key|stdin|body)$/i;

/** Leaves by `a.b[0].c`. A list of texts or numbers is one leaf. */
export function flatten(value: JsonValue, path = "", hidden = false): ReadonlyMap<string, JsonValue> {
  const leaves = new Map<string, JsonValue>();
  collect(value, path, hidden, leaves);
  return leaves;
}

/** `object` without the members named. */
export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** A text that can be compared and not read: `12 bytes, sha256 9f86d081884c`. */
export function digestOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return `${bytes.byteLength} ${bytes.byteLength === 1 ? "byte" : "bytes"}, sha256 ${sha256Hex(bytes).slice(0, 12)}`;
}

function collect(value: JsonValue, path: string, hidden: boolean, leaves: Map<string, JsonValue>): void {
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) {
      const secret = hidden || secretMaps.test(key) || (secretMembers.test(key) && !isJsonObject(item));
      collect(item, path === "" ? key : `${path}.${key}`, secret, leaves);
    }
  } else if (isJsonArray(value) && value.some((item) => isJsonObject(item) || isJsonArray(item))) {
    for (const [index, item] of value.entries()) collect(item, `${path}[${index}]`, hidden, leaves);
  } else {
    leaves.set(path, hidden ? digestOf(typeof value === "string" ? value : canonicalJson(value)) : value);
  }
}
