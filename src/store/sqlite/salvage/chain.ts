/**
 * The longest history of a run that its hash chain vouches for. Of several versions of an event the one is taken that follows
 * from the one before; where none does, the history ends.
 */
import type { Database } from "bun:sqlite";
import { limits } from "../../../limits.ts";
import { EventChain } from "../../chain.ts";

export interface FoundEvent {
  readonly seq: number;
  readonly type: string;
  readonly at_ms: number;
  readonly payload: string;
  readonly sha256: Uint8Array;
}

/** In order from event 1. @param genesis what the chain starts from */
export function* chained(found: Database, runKey: number, genesis: Uint8Array): Generator<FoundEvent> {
  const candidates = found.prepare<FoundEvent, [number]>(
    "SELECT seq, type, at_ms, payload, sha256 FROM found_event WHERE run_key = ? ORDER BY seq, rank",
  );
  const chain = new EventChain(genesis);
  let last = 0;
  let head = chain.head;
  try {
    for (const event of candidates.iterate(runKey)) {
      if (event.seq <= last) continue;
      // A number is missing; a version of the next number that does not follow may have another one after it.
      if (event.seq > last + 1) return;
      if (!follows(chain, event)) {
        chain.reset(head);
        continue;
      }
      last = event.seq;
      head = chain.head;
      yield event;
    }
  } finally {
    candidates.finalize();
  }
}

function follows(chain: EventChain, { seq, type, at_ms, payload, sha256 }: FoundEvent): boolean {
  if (type.includes("\n") || Buffer.byteLength(payload) > limits.eventPayloadBytesMax) return false;
  return Buffer.compare(chain.append(seq, type, at_ms, payload), sha256) === 0;
}
