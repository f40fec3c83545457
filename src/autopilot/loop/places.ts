/**
 * How many visits are made at a time, and how many long steps are under way. A visit that takes long gives its place away, so that
 * what hangs, rolls out or recompiles in some scopes holds up no look at the others. Pure but for what it counts.
 */
export class Places {
  readonly #max: () => number;
  readonly #freed: () => void;
  /** Scopes that came for a long step and found no place, in their order. */
  readonly #waiting = new Set<string>();
  #visits = 0;
  #steps = 0;

  /** @param freed called whenever there is a place again */
  constructor(max: () => number, freed: () => void) {
    this.#max = max;
    this.#freed = freed;
  }

  hasVisitPlace(): boolean {
    return this.#visits < this.#max();
  }

  /** Returns how to give it back, any number of times. */
  takeVisit(): () => void {
    this.#visits += 1;
    return once(() => {
      this.#visits -= 1;
      this.#freed();
    });
  }

  takeStep(key: string): (() => void) | undefined {
    if (this.#steps >= this.#max()) {
      this.#waiting.add(key);
      return undefined;
    }
    this.#steps += 1;
    this.#waiting.delete(key);
    return once(() => {
      this.#steps -= 1;
      this.#freed();
    });
  }

  /** Those who may come for a step now, as many as there are places. */
  called(): readonly string[] {
    const free = Math.max(0, this.#max() - this.#steps);
    const called = [...this.#waiting].slice(0, free);
    for (const key of called) this.#waiting.delete(key);
    return called;
  }
}

function once(free: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    free();
  };
}
