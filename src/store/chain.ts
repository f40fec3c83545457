/**
 * The hash chain over a run's events: each digest covers the event and the digest before it, so nothing in between can be
 * changed, dropped or put in without every later digest being wrong. It never reads or writes a database.
 *
 * digest(n) = SHA-256( digest(n-1) as 32 bytes || UTF-8 of "<seq>\n<type>\n<atMs>\n<payload>" ), digest(0) = `genesisOf(run)`.
 * `type` holds no line feed, so the text has one reading only.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { RunRow } from "./contract.ts";

export const digestBytes = 32;

/** What a run is from its first moment to its last: the columns that no turn changes. */
export type RunIdentity = Pick<
  RunRow,
  | "context"
  | "bundlePath"
  | "bundleSha256"
  | "coordinationSha256"
  | "traceId"
  | "startedAtMs"
  | "factsSha256"
  | "genesis"
>;

/**
 * Where the chain of a run starts, so that an identity that was changed afterwards breaks it at the first event: SHA-256 of
 * the UTF-8 bytes of a JSON array of the format's name and the identity's columns, in the order below; 32 zero bytes for
 * runs of before it was bound. Take it of a row as the database has it.
 */
export function genesisOf(run: RunIdentity): Uint8Array {
  if (run.genesis === "zeros") return new Uint8Array(digestBytes);
  const { scope, runId, runtimeRunId, mode, adapterId } = run.context;
  const text = JSON.stringify([
    "akc.run_identity.v1",
    runtimeRunId,
    scope.tenantId,
    scope.repoId,
    runId,
    mode,
    adapterId,
    run.bundlePath,
    run.bundleSha256,
    run.coordinationSha256,
    run.traceId,
    run.startedAtMs,
    run.factsSha256,
  ]);
  const digest = new Uint8Array(digestBytes);
  Bun.SHA256.hash(text, digest);
  return digest;
}

/** Follows the chain, one event after the other. The digest it holds stands in a buffer of its own that is used again. */
export class EventChain {
  #buffer = Buffer.alloc(16 * 1024);
  #head = this.#buffer.subarray(0, digestBytes);

  /** Starts after the event whose digest is `head`; before the first one that is the run's genesis. */
  constructor(head: Uint8Array) {
    this.#head.set(head);
  }

  /**
   * The digest of the next event. Valid until the next call: copy it to keep it.
   * @throws AkcError INTERNAL for a payload above `eventPayloadBytesMax` or a type with a line feed.
   */
  append(seq: number, type: string, atMs: number, payload: string): Uint8Array {
    const before = `${seq}\n${type}\n${atMs}\n`;
    if (type.includes("\n")) refuse(type, before.length);
    // A UTF-16 unit takes three bytes at most; counting exactly is for the rare long text.
    if (digestBytes + (before.length + payload.length) * 3 > this.#buffer.length) {
      this.#makeRoom(type, before + payload);
    }
    // In two parts: to put the texts together first would copy the payload once more.
    const start = digestBytes + this.#buffer.write(before, digestBytes);
    const end = start + this.#buffer.write(payload, start);
    // The digest replaces its predecessor in the very bytes that the next event is hashed after.
    Bun.SHA256.hash(this.#buffer.subarray(0, end), this.#head);
    return this.#head;
  }

  get head(): Uint8Array {
    return Uint8Array.from(this.#head);
  }

  /** Goes back to an earlier digest, after a transaction that was not committed. */
  reset(head: Uint8Array): void {
    this.#head.set(head);
  }

  #makeRoom(type: string, text: string): void {
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > limits.eventPayloadBytesMax) refuse(type, sizeBytes);
    if (digestBytes + sizeBytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * (digestBytes + sizeBytes));
    larger.set(this.#head);
    this.#buffer = larger;
    this.#head = larger.subarray(0, digestBytes);
  }
}

function refuse(type: string, sizeBytes: number): never {
  throw new AkcError("INTERNAL", {
    message: "an event cannot be stored: its type has a line feed or it is too large",
    details: { type, sizeBytes, bytesMax: limits.eventPayloadBytesMax },
  });
}
