/**
 * Which step comes before which by way of others, asked again and again: what was found out for one step is kept for the next,
 * so that thousands of steps that take something of a far one cost no more than one walk. Judges nothing.
 */
export class Precedence {
  readonly #needed: ReadonlyMap<string, readonly { readonly from: string }[]>;
  /** By the step that comes first: of which others it is known whether they come after it. */
  readonly #known = new Map<string, Map<string, boolean>>();

  /** @param needed what each step needs itself; circles are no trouble */
  constructor(needed: ReadonlyMap<string, readonly { readonly from: string }[]>) {
    this.#needed = needed;
  }

  /** Whether `id` needs `first`, directly or not. The nearest are looked at first. */
  comesBefore(first: string, id: string): boolean {
    const known = this.#known.get(first) ?? new Map<string, boolean>();
    this.#known.set(first, known);
    const settled = known.get(id);
    if (settled !== undefined) return settled;
    /** Each step that was met, and the one on whose behalf: the way back to `id`. */
    const metFor = new Map<string, string | undefined>([[id, undefined]]);
    // A map is walked in the order in which it grows.
    for (const [step] of metFor) {
      for (const { from } of this.#needed.get(step) ?? []) {
        if (from === first || known.get(from) === true) {
          for (let on: string | undefined = step; on !== undefined; on = metFor.get(on)) known.set(on, true);
          return true;
        }
        if (known.get(from) === undefined && !metFor.has(from)) metFor.set(from, step);
      }
    }
    for (const step of metFor.keys()) known.set(step, false);
    return false;
  }
}
