/**
 * Which scopes are due, when: each stands in it once, and the one that is due longest comes first. One queue for all scopes, so that a
 * thousand of them that sleep cost nothing. Pure but for what it remembers; time comes in as an argument.
 */
export class DueQueue {
  readonly #due = new Map<string, Ticket>();
  /** A heap by time, then by order of coming; tickets that do not count any more are passed over when they come up. */
  #heap: Ticket[] = [];
  #order = 0;

  /** In place of what was set before. */
  set(key: string, dueMs: number): void {
    const ticket = { key, dueMs, order: this.#order++ };
    this.#due.set(key, ticket);
    this.#push(ticket);
    if (this.#heap.length > 2 * this.#due.size + 64) this.#rebuild();
  }

  /** Not later than this. */
  hasten(key: string, dueMs: number): void {
    const before = this.#due.get(key);
    if (before === undefined || dueMs < before.dueMs) this.set(key, dueMs);
  }

  delete(key: string): void {
    this.#due.delete(key);
  }

  dueMs(key: string): number | undefined {
    return this.#due.get(key)?.dueMs;
  }

  /** When the next one is due; undefined when none waits. */
  nextDueMs(): number | undefined {
    return this.#first()?.dueMs;
  }

  /** The one that is due longest, taken out. */
  take(nowMs: number): string | undefined {
    const first = this.#first();
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#pop();
    this.#due.delete(first.key);
    return first.key;
  }

  #first(): Ticket | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || this.#due.get(top.key) === top) return top;
      this.#pop();
    }
  }

  #push(ticket: Ticket): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(ticket);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(ticket, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = ticket;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const lower = heap[left];
      if (lower === undefined) break;
      const other = heap[right];
      const [child, ticket] = other !== undefined && isBefore(other, lower) ? [right, other] : [left, lower];
      if (!isBefore(ticket, last)) break;
      heap[at] = ticket;
      at = child;
    }
    heap[at] = last;
  }

  #rebuild(): void {
    // In order it is a heap as well.
    this.#heap = [...this.#due.values()].sort((one, other) => (isBefore(one, other) ? -1 : 1));
  }
}

interface Ticket {
  readonly key: string;
  readonly dueMs: number;
  readonly order: number;
}

function isBefore(one: Ticket, other: Ticket): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs;
}
