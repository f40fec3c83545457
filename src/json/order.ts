/**
 * The order of keys in canonical text: by Unicode code point.
 * JavaScript's own order is by UTF-16 unit, which puts U+1F600 before U+FFEE; it is right only where no surrogate is involved.
 *
 * Source: spec bundle §1.3.
 */

/** A new array in code-point order; `keys` is left alone. */
export function sortedByCodePoint(keys: readonly string[]): string[] {
  const sorted = [...keys];
  if (isAscending(sorted)) return sorted;
  return sorted.some(hasSurrogate) ? sorted.sort(compareCodePoints) : sorted.sort();
}

/** Negative, zero or positive as `left` comes before, with or after `right`. */
export function compareCodePoints(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above U+FFFF, so among units they come last. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function hasSurrogate(key: string): boolean {
  return /[\ud800-\udfff]/.test(key);
}

function isAscending(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index += 1) {
    if (compareCodePoints(keys[index - 1] ?? "", keys[index] ?? "") > 0) return false;
  }
  return true;
}
