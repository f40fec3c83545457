/**
 * Which resources are to be looked at, when: each key stands once however often it is added, earlier and more urgent wins.
 * Only a failure makes a key wait longer each time. Pure but for what it remembers; time comes in as an argument.
 *
 * Source: controller-runtime's priority queue (design only); spec reconcile §3.
 */
import { retryDelayMs } from "./backoff.ts";

export const priorities = { change: 0, resync: -100 } as const;

interface Entry {
  readonly priority: number;
  readonly dueMs: number;
}

export class KeyQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #failures = new Map<string, number>();
  /** Not taken before: waits out what failed, whoever asks meanwhile. */
  readonly #blockedUntil = new Map<string, number>();

  add(key: string, priority: number, dueMs: number): void {
    const there = this.#entries.get(key);
    const blocked = this.#blockedUntil.get(key) ?? 0;
    this.#entries.set(key, {
      priority: Math.max(priority, there?.priority ?? priority),
      dueMs: Math.max(blocked, Math.min(dueMs, there?.dueMs ?? dueMs)),
    });
  }

  /** Takes what is due, the most urgent first, then the longest due. */
  take(nowMs: number): readonly string[] {
    const due = [...this.#entries].filter(([, { dueMs }]) => dueMs <= nowMs);
    for (const [key] of due) this.#entries.delete(key);
    return due
      .sort(([, one], [, other]) => other.priority - one.priority || one.dueMs - other.dueMs)
      .map(([key]) => key);
  }

  /** When the next key is due; null when nothing waits. */
  nextDueMs(): number | null {
    const due = [...this.#entries.values()].map(({ dueMs }) => dueMs);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** It went wrong: comes back by itself, later each time. */
  failed(key: string, nowMs: number): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const dueMs = nowMs + retryDelayMs(key, failures);
    this.#blockedUntil.set(key, dueMs);
    this.add(key, priorities.change, dueMs);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
    this.#blockedUntil.delete(key);
  }

  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }
}
