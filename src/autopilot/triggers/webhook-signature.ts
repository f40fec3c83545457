/**
 * Who sent a delivery, and when: keyed digests over its raw bytes, compared in constant time. Knows nothing of what is in it.
 *
 * Source: spec cli §15.5; RFC 2104. `v1=` is over the body alone, as the old senders sign; `v2=` over `<timestamp>.<body>`.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Signed {
  /** `X-AKC-Signature`: `v1=<hex>`, `v2=<hex>`, or both with a comma between. */
  readonly signature: string | null;
  /** `X-AKC-Timestamp`: whole seconds since the epoch. */
  readonly timestamp: string | null;
  readonly body: Uint8Array;
}

export type Sender =
  /** `sentAtMs` was signed together with the body. */
  | { readonly kind: "stamped"; readonly sentAtMs: number }
  /** The body is the sender's; when it was sent nobody knows. */
  | { readonly kind: "unstamped" }
  | { readonly kind: "unknown" };

export function senderOf({ signature, timestamp, body }: Signed, secret: Uint8Array): Sender {
  const given = signaturesIn(signature);
  const seconds = timestamp === null || !/^\d{1,12}$/.test(timestamp) ? undefined : timestamp;
  if (seconds !== undefined && isOne(given.get("v2"), secret, [`${seconds}.`, body])) {
    return { kind: "stamped", sentAtMs: Number(seconds) * 1_000 };
  }
  return isOne(given.get("v1"), secret, [body]) ? { kind: "unstamped" } : { kind: "unknown" };
}

/** `v2=<hex>`, as a sender signs. @param timestamp whole seconds, as in the header */
export function stampedSignature(secret: Uint8Array, timestamp: string, body: Uint8Array | string): string {
  return `v2=${digest(secret, [`${timestamp}.`, body]).toString("hex")}`;
}

/** `v1=<hex>`, over the body alone. */
export function bodySignature(secret: Uint8Array, body: Uint8Array | string): string {
  return `v1=${digest(secret, [body]).toString("hex")}`;
}

function signaturesIn(header: string | null): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  // Nobody needs more, and every one costs a comparison.
  for (const part of (header ?? "").slice(0, headerCharsMax).split(",").slice(0, signaturesMax)) {
    const [, version, hex] = /^\s*(v[12])=([0-9a-fA-F]{64})\s*$/.exec(part) ?? [];
    if (version !== undefined && hex !== undefined) found.set(version, Buffer.from(hex, "hex"));
  }
  return found;
}

const headerCharsMax = 512;
const signaturesMax = 4;

/** Takes as long whether or not there is a signature, so that its absence tells nothing either. */
function isOne(
  given: Uint8Array | undefined,
  secret: Uint8Array,
  parts: readonly (string | Uint8Array)[],
): boolean {
  const wanted = digest(secret, parts);
  return timingSafeEqual(given ?? new Uint8Array(wanted.length), wanted) && given !== undefined;
}

function digest(secret: Uint8Array, parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
