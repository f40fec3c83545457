/**
 * Follows the hash chain of a run's events from its identity on and says where it breaks. It reads nothing: events are handed
 * to it in the order of their numbers.
 */
import { digestBytes, EventChain, genesisOf } from "../store/chain.ts";
import type { RunRow, StoredEvent } from "../store/contract.ts";
import type { Divergence } from "./divergence.ts";

export class ChainCheck {
  readonly #chain: EventChain;
  #seq = 0;
  #headSha256: string;

  constructor(run: RunRow) {
    const genesis = genesisOf(run);
    this.#chain = new EventChain(genesis);
    this.#headSha256 = genesis.toHex();
  }

  /** Number of the last event seen. */
  get seq(): number {
    return this.#seq;
  }

  /** Digest of the last event seen, as stored; of the run's identity before the first. */
  get headSha256(): string {
    return this.#headSha256;
  }

  /** What is wrong with the next event, if something is. The chain goes on from what is stored, so that each fault counts once. */
  next({ seq, type, atMs, payload, sha256 }: StoredEvent): Divergence | undefined {
    const expectedSeq = this.#seq + 1;
    this.#seq = seq;
    this.#headSha256 = sha256;
    const digest = this.#chain.append(seq, type, atMs, payload).toHex();
    if (seq === expectedSeq && digest === sha256) return undefined;
    this.#chain.reset(headBytes(sha256));
    if (seq !== expectedSeq) {
      const missing =
        seq - expectedSeq === 1 ? `event ${expectedSeq}` : `events ${expectedSeq} to ${seq - 1}`;
      return {
        place: "chain",
        event_seq: expectedSeq,
        event_type: null,
        name: `${missing} removed`,
        expected: `event ${expectedSeq}`,
        found: `event ${seq} (${type})`,
      };
    }
    const name = seq === 1 ? "event 1, or the run's identity" : `event ${seq}`;
    return { place: "chain", event_seq: seq, event_type: type, name, expected: sha256, found: digest };
  }
}

/** A digest of a wrong length cannot be followed: any other one tells the next event as wrong too. */
function headBytes(sha256: string): Uint8Array {
  const bytes = Buffer.from(sha256, "hex");
  return bytes.length === digestBytes ? bytes : new Uint8Array(digestBytes);
}
