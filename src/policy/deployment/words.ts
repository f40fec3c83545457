/**
 * The words that packets, attestations and manifests are written in, as schemas that say what is wrong with one. They judge the form
 * of one value and compare nothing.
 */
import * as v from "valibot";
import { textAt } from "../../bundle/member.ts";
import type { JsonObject } from "../../json/value.ts";

export const Word = v.pipe(v.string(said("must be a string")), v.trim());

const hex64 = /^[0-9a-f]{64}$/;
export const Hex64 = v.pipe(Word, v.toLowerCase(), v.regex(hex64, "must be 64 hexadecimal digits"));

/** An object with at least these members. */
export function membersOf<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.looseObject(entries, said("must be an object"));
}

/** Truthy is not allowed: only `true` is. */
export const Yes = v.literal(true, said("must be true"));
export const Allowed = membersOf({ allowed: Yes });

/** The digest at `key` in lower case; undefined when there is none, or something else stands there. */
export function hexAt(object: JsonObject, key: string): string | undefined {
  const text = textAt(object, key)?.toLowerCase();
  return text !== undefined && hex64.test(text) ? text : undefined;
}

/** The missing member of an object is told by the object's own message. */
function said(fault: string) {
  return ({ input }: { readonly input: unknown }) => (input === undefined ? "is missing" : fault);
}
