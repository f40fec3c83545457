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
  const hasher = new Bun.CryptoHasher("sha256");
  writeCanonical(value, (block) => {
    hasher.update(block);
  });
  return hasher.digest("hex");
}

/** SHA-256 of the bytes, or of the text's UTF-8 bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return Bun.SHA256.hash(data, "hex");
}
