/**
 * How many calls of a plugin are under way at a time; the others wait in the order in which they came.
 * Whoever stops waiting leaves the queue at once; nobody is ever let in twice.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";

interface Waiting {
  readonly enter: () => void;
  readonly refuse: (error: AkcError) => void;
}

export class Slots {
  #free: number;
  readonly #waiting = new Set<Waiting>();

  constructor(count: number) {
    this.#free = count;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Undefined when there is a slot at once. @throws AkcError PLUGIN_FAILED when too many wait, or what `over` gives. */
  enter(over: Promise<AkcError>): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    if (this.#waiting.size >= limits.pluginCallsWaitingMax) {
      throw new AkcError("PLUGIN_FAILED", {
        message: "too many calls wait for the plugin",
        details: { waiting: this.#waiting.size, retryable: true },
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { enter: resolve, refuse: reject };
    this.#waiting.add(waiting);
    void over.then((error) => {
      if (this.#waiting.delete(waiting)) reject(error);
    });
    return promise;
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }

  refuseAll(error: AkcError): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
  }
}
