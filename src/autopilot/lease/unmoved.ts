/**
 * Says for how long a lease was not moved on by whoever holds it, by this process's own monotonic clock from when it first saw it as
 * it is. Two hosts whose clocks differ, and a clock that is set, cannot make it say too much; it only ever says too little.
 *
 * Source: client-go tools/leaderelection, "observedTime" (design only).
 */
import { limits } from "../../limits.ts";

export class Unmoved {
  readonly #monotonicMs: () => number;
  readonly #seen = new Map<string, { readonly as: string; readonly sinceMs: number }>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** @param as what a holder that lives changes with every renewal */
  forMs(name: string, as: string): number {
    const nowMs = this.#monotonicMs();
    const seen = this.#seen.get(name);
    if (seen?.as === as) return nowMs - seen.sinceMs;
    this.#seen.set(name, { as, sinceMs: nowMs });
    return 0;
  }
}

/** How long it was taken for; one that says something absurd holds nobody up for ever. */
export function termOf({
  renewedAtMs,
  expiresAtMs,
}: {
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
}): number {
  return Math.min(Math.max(expiresAtMs - renewedAtMs, 0), limits.autopilotLeaseTtlMsMax);
}
