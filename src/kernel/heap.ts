/**
 * A binary min-heap, ordered by a number that is fixed while an item is inside.
 * Never knows what its items are.
 */
export class MinHeap<T> {
  readonly #items: T[] = [];
  readonly #keys: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** The smallest key, or Infinity when empty. */
  peekKey(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  push(key: number, item: T): void {
    let at = this.#items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentKey = this.#keys[parent] ?? 0;
      if (parentKey <= key) break;
      this.#place(at, parentKey, this.#items[parent]);
      at = parent;
    }
    this.#place(at, key, item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    const lastKey = this.#keys.pop();
    const size = this.#items.length;
    if (size === 0 || lastKey === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#keyAt(child + 1) < this.#keyAt(child)) child += 1;
      if (this.#keyAt(child) >= lastKey) break;
      this.#place(at, this.#keyAt(child), this.#items[child]);
      at = child;
    }
    this.#place(at, lastKey, last);
    return first;
  }

  #keyAt(at: number): number {
    return this.#keys[at] ?? Number.POSITIVE_INFINITY;
  }

  #place(at: number, key: number, item: T | undefined): void {
    if (item === undefined) return;
    this.#keys[at] = key;
    this.#items[at] = item;
  }
}
