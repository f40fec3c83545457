/**
 * Sets of ids in the one order that hashes and plans need: by Unicode code point.
 * The order itself is that of canonical JSON; never a locale's.
 *
 * Source: spec kernel §2, §11.9; kernel:W-25.
 */
import { sortedByCodePoint } from "../json/order.ts";

export { compareCodePoints, sortedByCodePoint } from "../json/order.ts";

/** A new array: `texts` without repetitions, in order. */
export function sortedUnique(texts: Iterable<string>): string[] {
  return sortedByCodePoint([...new Set(texts)]);
}
