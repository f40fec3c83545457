/** A clock in the hand: time goes on when it is told to, and whoever sleeps wakes up at the time and in the order it asked for. */
import type { Clock } from "../../src/system/clock.ts";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export class HandClock implements Clock {
  #monotonicMs = 1_000;
  #wallMs: number;
  #sleepers: Sleeper[] = [];

  constructor(wallMs: number) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** What is under way outside and takes no time by this clock. */
  readonly busy = new Set<Promise<unknown>>();

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        atMs: this.#monotonicMs + ms,
        wake: () => {
          this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  /** Sets the wall clock alone. */
  set(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Time that passes without anybody waking up: the process was stopped. */
  stop(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }

  /** Time that passes. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await this.settled();
    for (;;) {
      const next = this.#sleepers.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.stop(Math.max(next.atMs - this.#monotonicMs, 0));
      next.wake();
      await this.settled();
    }
    this.stop(endMs - this.#monotonicMs);
    await this.settled();
  }

  /** What is under way comes as far as it can without time. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.busy.size > 0) turn = 0;
    }
  }
}
