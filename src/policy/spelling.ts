/**
 * Finds the word that somebody probably meant in an operator's file.
 * Never corrects on its own: a guess is only ever shown.
 */

/** The word closest to `word`, if it is at most a third of its letters away. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  const near = words
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (near === undefined || near.distance > Math.max(1, Math.floor(word.length / 3))) return undefined;
  return near.candidate;
}

/** Letters to insert, drop or replace on the way from `a` to `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
