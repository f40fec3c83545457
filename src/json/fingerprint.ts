/**
 * The identity of JSON values and of bytes: SHA-256, written as 64 lower-case hexadecimal digits.
 * It only hashes; what the text of a value is stands in `canonical.ts`.
 *
 * Source: spec bundle §1.2.
 */
import { writeCanonical } from "./canonical.ts";
import type { JsonValue } from "./value.ts";

/** SHA-256 of the UTF-8 bytes of the canonical text. @throws AkcError as `canonicalJson`. */
export function fingerprint(value: JsonValue): string {
  let hasher: Bun.CryptoHasher | undefined;
  return writeCanonical(
    value,
    (block) => {
      hasher ??= new Bun.CryptoHasher("sha256");
      hasher.update(block);
    },
    // Most values fit one block, and for those the hash in one call takes half the time.
    (rest) => (hasher === undefined ? Bun.SHA256.hash(rest, "hex") : hasher.update(rest).digest("hex")),
  );
}

/** SHA-256 of the bytes, or of the text's UTF-8 bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return Bun.SHA256.hash(data, "hex");
}
