/**
 * Writes one string as canonical JSON, fast when it needs no escaping, which nearly every id does not.
 * The rules of escaping are those of `json/`; only the shortcut is here.
 *
 * Source: spec kernel §2.
 */
import { canonicalJson } from "../../json/canonical.ts";

/** Exactly `canonicalJson(text)`. */
export function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : canonicalJson(text);
}

/** Printable ASCII without the quote and the backslash. */
const plain = /^[ !#-[\]-~]*$/;
