/**
 * The decoded answer of a system as an artifact shows it: bounded at every level, and always an object. Pure.
 *
 * Source: spec reconcile §6.4.
 */
import { canonicalJson } from "../../../json/canonical.ts";
import { type MutableJsonObject, setMember } from "../../../json/member.ts";
import { parseJson } from "../../../json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";

/**
 * JSON objects as they are within the limits, other JSON as `{"value": …}`, anything else as `{"text": …}`; so too what was cut, since
 * it is no document, and what is too large nevertheless.
 */
export function summaryOf(body: Uint8Array, { cut = false }: { readonly cut?: boolean } = {}): JsonObject {
  if (cut) return textOf(body);
  let value: JsonValue;
  try {
    value = parseJson(body);
  } catch {
    return textOf(body);
  }
  const shown = within(value, 1);
  const summary = isJsonObject(shown) ? shown : { value: shown };
  return canonicalJson(summary).length <= limits.summaryCharsMax ? summary : textOf(body);
}

/** Only as much of it is decoded as is shown: an answer may be large. */
function textOf(body: Uint8Array): JsonObject {
  const charsMax = limits.summaryTextCharsMax;
  const text = new TextDecoder("utf-8").decode(body.subarray(0, (charsMax + 1) * utf8BytesMax));
  return { text: firstChars(text, charsMax) };
}

/** Of one character. */
const utf8BytesMax = 4;

function within(value: JsonValue, depth: number): JsonValue {
  if (typeof value === "string") return firstChars(value, limits.summaryTextCharsMax);
  if (!isJsonArray(value) && !isJsonObject(value)) return value;
  if (depth > limits.summaryDepthMax) return null;
  if (isJsonArray(value))
    return value.slice(0, limits.summaryItemsMax).map((item) => within(item, depth + 1));
  const members: MutableJsonObject = {};
  for (const [key, item] of Object.entries(value).slice(0, limits.summaryKeysMax)) {
    setMember(members, key, within(item, depth + 1));
  }
  return members;
}

/** Characters are code points: a pair is never cut in two. */
function firstChars(text: string, count: number): string {
  if (text.length <= count) return text;
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken += 1) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  // A copy: a slice keeps all of a large text in memory.
  return Buffer.from(text.slice(0, end)).toString();
}
