/**
 * The digest over all decisions of a run, in their order: the run's last event holds it, so the hash chain covers them too.
 */
import type { DecisionRow } from "../store/contract.ts";

export class DecisionDigest {
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #count = 0;

  add(decisions: readonly DecisionRow[]): void {
    if (decisions.length === 0) return;
    this.#count += decisions.length;
    let text = "";
    for (const row of decisions) {
      const { seq, atMs, action, allowed, reason, source, rule, mode, context } = row;
      text += `${JSON.stringify([seq, atMs, action, allowed, reason, source, rule, mode, context])}\n`;
    }
    this.#hasher.update(text);
  }

  get count(): number {
    return this.#count;
  }

  /** 64 hex digits over what was added so far; more may follow. */
  sha256(): string {
    return this.#hasher.copy().digest("hex");
  }
}
