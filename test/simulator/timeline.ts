/**
 * Simulated time: everything that will happen, in order, with chance deciding between what happens at the same moment.
 * Time stands still while code runs; it never looks at a real clock.
 */
import type { Random } from "./random.ts";

export interface Occurrence {
  readonly atMs: number;
  cancelled: boolean;
}

interface Planned extends Occurrence {
  readonly tie: number;
  readonly happen: () => void;
}

export class Timeline {
  /** Milliseconds since the world began; only grows. */
  nowMs = 0;
  /** How many things have happened. */
  happened = 0;
  readonly #random: Random;
  /** Sorted, the next one last. */
  #planned: Planned[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Something that happens after `delayMs`. */
  plan(delayMs: number, happen: () => void): Occurrence {
    const planned: Planned = {
      atMs: this.nowMs + Math.max(0, delayMs),
      tie: this.#random.next(),
      cancelled: false,
      happen,
    };
    let low = 0;
    let high = this.#planned.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#planned[middle];
      if (other !== undefined && later(other, planned)) low = middle + 1;
      else high = middle;
    }
    this.#planned.splice(low, 0, planned);
    return planned;
  }

  /** Lets the next thing happen and all that follows from it at once. False when nothing is to come. */
  async advance(): Promise<boolean> {
    let next = this.#planned.pop();
    while (next?.cancelled === true) next = this.#planned.pop();
    if (next === undefined) return false;
    this.nowMs = next.atMs;
    this.happened += 1;
    next.happen();
    await settled();
    return true;
  }
}

function later(one: Planned, other: Planned): boolean {
  return one.atMs === other.atMs ? one.tie > other.tie : one.atMs > other.atMs;
}

/** Until no code of the simulated processes can go on: they yield to the event loop once a turn at most. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
