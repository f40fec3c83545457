/**
 * The order of ids: by Unicode code point, as every hash and every plan needs it.
 * JavaScript's own order is by UTF-16 unit, which puts U+1F600 before U+FFFF; never a locale's.
 *
 * Source: spec kernel §2, §11.9; kernel:W-25.
 */

/** Negative, zero or positive, like a comparator of `Array.prototype.sort`. */
export function compareCodePoints(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return codePointOrder(a) - codePointOrder(b);
  }
  return left.length - right.length;
}

/** Sorts `texts` in place and returns it. */
export function sortCodePoints(texts: string[]): string[] {
  if (isAscending(texts)) return texts;
  // Without surrogates both orders agree, and the engine's own sort of strings is several times faster.
  return texts.some((text) => surrogate.test(text)) ? texts.sort(compareCodePoints) : texts.sort();
}

/** A new array: `texts` without repetitions, in order. */
export function sortedUnique(texts: Iterable<string>): string[] {
  return sortCodePoints([...new Set(texts)]);
}

const surrogate = /[\ud800-\udfff]/;

/** Moves surrogates (which stand for U+10000 and above) behind U+E000–FFFF. */
function codePointOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

function isAscending(texts: readonly string[]): boolean {
  for (let at = 1; at < texts.length; at++) {
    if (compareCodePoints(texts[at - 1] ?? "", texts[at] ?? "") > 0) return false;
  }
  return true;
}
