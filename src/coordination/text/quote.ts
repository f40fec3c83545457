/**
 * Writes one string as JSON text, fast when it needs no escaping, which nearly every id does not.
 * The rules of escaping are those of `json/`; only the shortcut is here.
 *
 * Source: spec kernel §2.
 */
import { canonicalJson, prettyJson } from "../../json/canonical.ts";

/** As in canonical JSON: what is not ASCII stays as it is. */
export function quotedForHash(text: string): string {
  return plain.test(text) ? `"${text}"` : canonicalJson(text);
}

/** As in pretty JSON: what is not ASCII is escaped. */
export function quotedForPeople(text: string): string {
  return plain.test(text) ? `"${text}"` : prettyJson(text);
}

/** Printable ASCII without the quote and the backslash. */
const plain = /^[ !#-[\]-~]*$/;
