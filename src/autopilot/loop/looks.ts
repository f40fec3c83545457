/**
 * Looks at what stands, counted in buckets of five minutes until they are written with the next beat. What could not be written is
 * counted on; it never grows beyond one bucket a scope and five minutes.
 */
import { limits } from "../../limits.ts";
import type { Tally } from "../contract.ts";
import { type ScopeId, type Sighting, scopeName } from "../model.ts";

export class Looks {
  #buckets = new Map<string, Tally>();

  count(scope: ScopeId, kind: Sighting["kind"], atMs: number): void {
    // A bundle that wants nothing to stand says nothing of health.
    if (kind === "nothing") return;
    const fromMs = Math.floor(atMs / limits.autopilotTallyBucketMs) * limits.autopilotTallyBucketMs;
    this.#add({ scope, fromMs, standing: 0, drifted: 0, unseen: 0, [kind]: 1 });
  }

  /** All that was counted, taken out. */
  take(): readonly Tally[] {
    const taken = [...this.#buckets.values()];
    this.#buckets = new Map();
    return taken;
  }

  /** Puts back what could not be written. The oldest go when there are too many. */
  giveBack(tallies: readonly Tally[]): void {
    for (const tally of tallies) this.#add(tally);
    while (this.#buckets.size > limits.autopilotTalliesKeptMax) {
      const [oldest] = this.#buckets.keys();
      if (oldest === undefined) return;
      this.#buckets.delete(oldest);
    }
  }

  #add(more: Tally): void {
    const key = `${scopeName(more.scope)}/${more.fromMs}`;
    const before = this.#buckets.get(key);
    this.#buckets.set(key, {
      ...more,
      standing: more.standing + (before?.standing ?? 0),
      drifted: more.drifted + (before?.drifted ?? 0),
      unseen: more.unseen + (before?.unseen ?? 0),
    });
  }
}
