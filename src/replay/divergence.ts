/**
 * What a check of a run found: nothing, or places where its records are not what its events say. Data and its making only.
 */

/** Which of a run's records says something else. */
export type Place =
  | "chain"
  | "action"
  | "run"
  | "decision"
  | "signal"
  | "deployment"
  | "artifact"
  | "evidence";

export interface Divergence {
  readonly place: Place;
  /** The event that the place follows from; null when it follows from none in particular. */
  readonly event_seq: number | null;
  readonly event_type: string | null;
  /** What diverges: an action's id, a column, a file with its line, a digest. */
  readonly name: string;
  readonly expected: string;
  readonly found: string;
}

/** Counts all of them and keeps the first ones. */
export class Divergences {
  readonly #kept: Divergence[] = [];
  readonly #keptMax: number;
  #count = 0;

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  add(divergence: Divergence): void {
    this.#count += 1;
    if (this.#kept.length >= this.#keptMax) return;
    const { expected, found } = divergence;
    this.#kept.push({
      ...divergence,
      expected: shortened(expected, found),
      found: shortened(found, expected),
    });
  }

  /** Those that were counted elsewhere, after the ones that are here. */
  take(others: { readonly count: number; readonly kept: readonly Divergence[] }): void {
    for (const divergence of others.kept) this.add(divergence);
    this.#count += others.count - others.kept.length;
  }

  get count(): number {
    return this.#count;
  }

  get first(): Divergence | undefined {
    return this.#kept[0];
  }

  get kept(): readonly Divergence[] {
    return this.#kept;
  }

  in(place: Place): boolean {
    return this.#kept.some((divergence) => divergence.place === place);
  }
}

const shownChars = 240;

/** The part of a long text around the place where it begins to differ from the other one. */
function shortened(text: string, other: string): string {
  if (text.length <= shownChars) return text;
  let same = 0;
  while (same < text.length && text.charCodeAt(same) === other.charCodeAt(same)) same += 1;
  const start = Math.max(0, Math.min(same - shownChars / 4, text.length - shownChars));
  const end = Math.min(text.length, start + shownChars);
  return `${start > 0 ? "…" : ""}${text.slice(start, end).toWellFormed()}${end < text.length ? "…" : ""}`;
}
