/**
 * Finds the word that somebody probably meant.
 * Never corrects on its own: a guess is only ever shown.
 */

/** The word closest to `word`, whatever their case, or undefined when none is close enough to be worth a line. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  // What is no word is compared with nothing: that takes as long as both are, times each other.
  if (word.length > wordCharsMax) return undefined;
  const written = word.toLowerCase();
  let best: string | undefined;
  // One slip in three letters is a typo; more is another word.
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const candidate of words) {
    // No way is shorter than the difference in length; a word of any length costs nothing.
    if (Math.abs(candidate.length - written.length) >= bestDistance) continue;
    const distance = editDistance(written, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== undefined || written.length < 2) return best;
  const continued = words.filter((candidate) => candidate.toLowerCase().startsWith(written));
  return continued.length === 1 ? continued[0] : undefined;
}

/** Names of ours have 128. */
const wordCharsMax = 256;

/** Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
