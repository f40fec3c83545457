/**
 * Shell patterns on host names: `*`, `?`, `[a-z]`, `[!a]`, over the whole name.
 * Never a regular expression: matching costs at most pattern times name, whatever a bundle writes.
 *
 * Source: spec bundle §15.2.
 */
type Item =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "char"; readonly char: string }
  | {
      readonly kind: "set";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

export type HostGlob = readonly Item[];

/** A bracket that is never closed is a bracket. */
export function parseHostGlob(text: string): HostGlob {
  const items: Item[] = [];
  for (let at = 0; at < text.length; ) {
    const set = text[at] === "[" ? /^\[(!?)(.[^\]]*)\]/.exec(text.slice(at)) : null;
    if (set !== null) {
      items.push({ kind: "set", negated: set[1] === "!", ranges: rangesOf(set[2] ?? "") });
      at += set[0].length;
      continue;
    }
    items.push(itemOf(text.charAt(at)));
    at += 1;
  }
  return items;
}

export function globMatches(glob: HostGlob, name: string): boolean {
  let item = 0;
  let at = 0;
  /** Where to take up again when what follows the last star did not fit: one character later. */
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    const wanted = glob[item];
    if (wanted?.kind === "star") {
      star = item;
      resume = at;
      item += 1;
    } else if (wanted !== undefined && fits(wanted, name.charAt(at))) {
      item += 1;
      at += 1;
    } else if (star >= 0) {
      resume += 1;
      at = resume;
      item = star + 1;
    } else {
      return false;
    }
  }
  return glob.slice(item).every((rest) => rest.kind === "star");
}

function itemOf(char: string): Item {
  if (char === "*") return { kind: "star" };
  return char === "?" ? { kind: "any" } : { kind: "char", char };
}

function rangesOf(set: string): readonly (readonly [string, string])[] {
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < set.length; at += 1) {
    const from = set.charAt(at);
    if (set[at + 1] === "-" && at + 2 < set.length) {
      ranges.push([from, set.charAt(at + 2)]);
      at += 2;
    } else {
      ranges.push([from, from]);
    }
  }
  return ranges;
}

function fits(item: Item, char: string): boolean {
  switch (item.kind) {
    case "star":
      return false;
    case "any":
      return true;
    case "char":
      return item.char === char;
    case "set":
      return item.ranges.some(([from, to]) => char >= from && char <= to) !== item.negated;
  }
}
