/**
 * Signatures of promotion packets: ed25519 over the canonical JSON of the packet without the keys that vouch for it. Says whether one
 * of the given keys has signed; it never takes a checksum, an unknown key or a foreign algorithm for a signature.
 *
 * Source: RFC 8032, RFC 8410; spec bundle §10.1, bundle:W-14, cli:W-11.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { member, objectsAt, textAt } from "../../bundle/member.ts";
import { AkcError, type Issue } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";

/** Keys of a packet that are made from the rest of it. */
export const sealKey = "packet_signature_sha256";
/** A list of `{key_id, algorithm: "ed25519", signature}`, the signature as base64 of 64 bytes. */
export const signaturesKey = "signatures";

export interface PacketKey {
  /** First 16 hexadecimal digits of the SHA-256 of the 32 bytes. */
  readonly keyId: string;
  readonly key: KeyObject;
}

/** Every point that keeps the packet from counting as signed by one of the keys; none when it is. */
export function signatureIssues(packet: JsonObject, keys: readonly PacketKey[]): readonly Issue[] {
  const path = `packet:/${signaturesKey}`;
  if (keys.length === 0) return [{ path, message: "cannot be checked: there is no public key" }];
  if (member(packet, signaturesKey) === undefined) return [{ path, message: "is missing" }];
  const signatures = objectsAt(packet, signaturesKey).slice(0, limits.packetSignaturesMax);
  const text = signedText(packet);
  const holds = signatures.some((one) => keys.some((key) => isBy(key, one, text)));
  return holds ? [] : [{ path, message: "holds none that one of the public keys has made" }];
}

/** What is signed: as `openssl pkeyutl -sign -rawin` takes it from a file. */
export function signedText(packet: JsonObject): Uint8Array {
  return new TextEncoder().encode(canonicalJson(without(packet, [sealKey, signaturesKey])));
}

function isBy({ keyId, key }: PacketKey, entry: JsonObject, text: Uint8Array): boolean {
  if (textAt(entry, "algorithm") !== "ed25519" || textAt(entry, "key_id") !== keyId) return false;
  const signature = bytesOf(textAt(entry, "signature") ?? "");
  return signature?.length === signatureBytes && verify(null, text, key, signature);
}

const signatureBytes = 64;
const keyBytes = 32;

/**
 * @param text PEM, 32 bytes in base64, or `ed25519:` and those, as `akc plugin keygen` writes it
 * @returns undefined for what is no ed25519 public key
 */
export function packetKeyOf(text: string): PacketKey | undefined {
  try {
    const trimmed = text.trim();
    // A private key is no public one, even though the public one could be worked out.
    if (trimmed.startsWith("-----") && !trimmed.startsWith("-----BEGIN PUBLIC KEY-----")) return undefined;
    const key = trimmed.startsWith("-----") ? createPublicKey(trimmed) : rawKey(trimmed);
    return key?.asymmetricKeyType === "ed25519" ? { keyId: keyIdOf(key), key } : undefined;
  } catch {
    return undefined;
  }
}

function rawKey(text: string): KeyObject | undefined {
  const bytes = bytesOf(text.replace(/^ed25519:/, ""));
  if (bytes?.length !== keyBytes) return undefined;
  const x = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function keyIdOf(key: KeyObject): string {
  const { x = "" } = key.export({ format: "jwk" });
  return createHash("sha256")
    .update(Uint8Array.fromBase64(x, { alphabet: "base64url" }))
    .digest("hex")
    .slice(0, 16);
}

/**
 * The packet with one more signature, or with another one in place of the same key's.
 * @param privateKey `ed25519-private:` and 32 bytes in base64, as `akc plugin keygen` writes it
 * @throws AkcError PLUGIN_KEY_INVALID, which repeats nothing of the text
 */
export function signedPacket(
  packet: JsonObject,
  privateKey: string,
): { readonly packet: JsonObject; readonly keyId: string } {
  const [, seed] = /^ed25519-private:([A-Za-z0-9+/]{43}=)$/.exec(privateKey.trim()) ?? [];
  if (seed === undefined) throw new AkcError("PLUGIN_KEY_INVALID");
  const der = Buffer.concat([pkcs8Frame, Uint8Array.fromBase64(seed)]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const keyId = keyIdOf(createPublicKey(key));
  const entry: JsonObject = {
    key_id: keyId,
    algorithm: "ed25519",
    signature: Uint8Array.from(sign(null, signedText(packet), key)).toBase64(),
  };
  const others = objectsAt(packet, signaturesKey).filter((one) => textAt(one, "key_id") !== keyId);
  return { packet: { ...packet, [signaturesKey]: [...others, entry] }, keyId };
}

/** A seed in PKCS#8 follows these bytes (RFC 8410 §7). */
const pkcs8Frame = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    // Strictly: one signature has one text.
    return Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !keys.includes(name)));
}
