/**
 * The hash chain over a scope's facts: each digest covers the fact, who wrote it by which right, and the digest before it. It
 * never reads or writes a database.
 *
 * digest(n) = SHA-256( digest(n-1) as 32 bytes || UTF-8 of "<seq>\n<type>\n<atMs>\n<token>\n<writer>\n<payload>" ), digest(0) =
 * `genesisOf(scope)`. Neither type nor writer holds a line feed, so the text has one reading only.
 */
import { AkcError } from "../../errors.ts";
import { EventChain } from "../../store/chain.ts";
import type { ScopeId } from "../model.ts";

export interface Link {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly token: number;
  readonly writer: string;
  /** The fact as JSON text. */
  readonly payload: string;
}

/** Where the chain of a scope starts: SHA-256 of the UTF-8 bytes of a JSON array of the format's name and the scope's two ids. */
export function genesisOf({ tenantId, repoId }: ScopeId): Uint8Array {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(JSON.stringify(["akc.autopilot_scope.v1", tenantId, repoId]), digest);
  return digest;
}

/** Follows the chain from `head` on. */
export class FactChain {
  readonly #chain: EventChain;

  constructor(head: Uint8Array) {
    this.#chain = new EventChain(head);
  }

  /** The digest of the next fact, in bytes of its own. @throws AkcError INTERNAL for a writer with a line feed */
  append({ seq, type, atMs, token, writer, payload }: Link): Uint8Array {
    if (writer.includes("\n")) throw new AkcError("INTERNAL", { message: "a writer's name has a line feed" });
    return Uint8Array.from(this.#chain.append(seq, type, atMs, `${token}\n${writer}\n${payload}`));
  }
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
