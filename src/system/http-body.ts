/**
 * Reads the body of an answer, and never more of it than the bound: beyond it the answer is refused, or cut and read no further.
 * Knows no request, and undoes no encoding.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Deadline } from "./deadline.ts";

export interface BodyBound {
  readonly bytesMax: number;
  readonly excess: "refuse" | "cut";
  /** Whether the announced length is that of a body that comes. */
  readonly announced: boolean;
}

export interface Body {
  readonly body: Uint8Array;
  /** Whether there was more of it. */
  readonly truncated: boolean;
}

/** The connection is closed unless the body was read to its end. @throws AkcError HTTP_RESPONSE_TOO_LARGE, or what the stream broke with */
export async function readBody(response: Response, bound: BodyBound, deadline: Deadline): Promise<Body> {
  const { bytesMax } = bound;
  const refuses = bound.excess === "refuse";
  const length = bound.announced ? Number(response.headers.get("content-length") ?? 0) : 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return { body: new Uint8Array(), truncated: false };
  const parts = new Parts(bytesMax, { frugal: !refuses });
  try {
    if (refuses && length > bytesMax) throw new AkcError("HTTP_RESPONSE_TOO_LARGE");
    while (true) {
      const { done, value } = await deadline.race(reader.read());
      if (done) return { body: parts.taken(), truncated: false };
      if (value.byteLength <= parts.room) {
        parts.add(value);
        continue;
      }
      if (refuses) throw new AkcError("HTTP_RESPONSE_TOO_LARGE");
      parts.add(value.subarray(0, parts.room));
      await reader.cancel().catch(() => undefined);
      return { body: parts.taken(), truncated: true };
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}

/** What has come so far: joined at its end, or where it is frugal now and then, so that a large body is never there twice. */
class Parts {
  readonly #bytesMax: number;
  readonly #frugal: boolean;
  #loose: Uint8Array[] = [];
  #looseBytes = 0;
  #joined: Uint8Array | undefined;
  #joinedBytes = 0;

  constructor(bytesMax: number, { frugal }: { readonly frugal: boolean }) {
    this.#bytesMax = bytesMax;
    this.#frugal = frugal;
  }

  get room(): number {
    return this.#bytesMax - this.#joinedBytes - this.#looseBytes;
  }

  add(part: Uint8Array): void {
    this.#loose.push(part);
    this.#looseBytes += part.byteLength;
    if (!this.#frugal || this.#looseBytes < limits.httpLooseBytesMax) return;
    this.#join();
    // Left to itself the collector comes for the parts when all of them are there: a body of 8 MiB would take 24.
    Bun.gc(true);
  }

  /** All of it; nothing may be added any more. */
  taken(): Uint8Array {
    if (this.#joined === undefined) return Buffer.concat(this.#loose, this.#looseBytes);
    this.#join();
    return this.#joined.subarray(0, this.#joinedBytes);
  }

  #join(): void {
    // Pages that nothing is written to take no memory.
    this.#joined ??= new Uint8Array(this.#bytesMax);
    for (const part of this.#loose) {
      this.#joined.set(part, this.#joinedBytes);
      this.#joinedBytes += part.byteLength;
    }
    this.#loose = [];
    this.#looseBytes = 0;
  }
}
