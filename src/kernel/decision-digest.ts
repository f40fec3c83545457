/**
 * The digest over all decisions of a run, in their order: the run's last event holds it, so the hash chain covers them too.
 *
 * SHA-256 over a line for each: "<seq> <atMs> <allowed|denied> " and then action, reason, source, rule, mode and context, each
 * after its length and a colon.
 */
import type { DecisionRow } from "../store/contract.ts";

/** A text after its length in UTF-16 units: whatever it holds, a line has one reading. */
function told(text: string): string {
  return `${text.length}:${text}`;
}

export class DecisionDigest {
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #count = 0;

  add(decisions: readonly DecisionRow[]): void {
    if (decisions.length === 0) return;
    this.#count += decisions.length;
    let text = "";
    for (const { seq, atMs, action, allowed, reason, source, rule, mode, context } of decisions) {
      text += `${seq} ${atMs} ${allowed ? "allowed" : "denied"} ${told(action)}${told(reason)}${told(source)}${told(rule)}${told(mode)}${told(context)}\n`;
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
