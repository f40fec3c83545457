/** Which lines a text gains and loses, for people. Pure; for texts of some hundred lines. */

/** `- line` and `+ line`, in the order of the texts; what is the same in both is left out. */
export function changedLines(before: string, after: string): readonly string[] {
  const old = linesOf(before);
  const now = linesOf(after);
  // Longest common subsequence of what follows old[i] and now[j].
  const kept = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0));
  const at = (i: number, j: number) => kept[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    const row = kept[i] ?? [];
    for (let j = now.length - 1; j >= 0; j--)
      row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      i += 1;
      j += 1;
    } else if (j >= now.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`- ${old[i] ?? ""}`);
      i += 1;
    } else {
      lines.push(`+ ${now[j] ?? ""}`);
      j += 1;
    }
  }
  return lines;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
