/**
 * Signatures of plugins: ed25519 over the canonical JSON of the manifest, whose digests stand for the files.
 * Keys are one line of text: `ed25519:` and base64, a private key with `-private` in its name. Uses WebCrypto only.
 *
 * Source: RFC 8032, RFC 8410 (the PKCS#8 frame of a private key).
 */
import { AkcError } from "../errors.ts";
import type { PluginSignature } from "./contract.ts";

export interface KeyPair {
  /** `ed25519:` and base64 of 32 bytes. */
  readonly publicKey: string;
  /** `ed25519-private:` and base64 of the 32 bytes of the seed. */
  readonly privateKey: string;
}

/** What a signature begins with, so that one made for a plugin is none for anything else. */
const purpose = "akc.plugin/v1\n";

/** A seed in PKCS#8 follows these bytes (RFC 8410 §7). */
const pkcs8Frame = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

const algorithm = { name: "Ed25519" } as const;

export async function makeKeyPair(): Promise<KeyPair> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  return {
    publicKey: `ed25519:${(await publicKeyOf(seed)).toBase64()}`,
    privateKey: `ed25519-private:${seed.toBase64()}`,
  };
}

/** @throws AkcError PLUGIN_KEY_INVALID when `privateKey` is none */
export async function signText(text: string, privateKey: string): Promise<PluginSignature> {
  const seed = seedOf(privateKey);
  const key = await importSeed(seed, false);
  const value = await crypto.subtle.sign(algorithm, key, bytesOf(text));
  return {
    algorithm: "ed25519",
    key: (await publicKeyOf(seed)).toBase64(),
    value: new Uint8Array(value).toBase64(),
  };
}

/** Whether `signature` was made over `text` with its key. Whose key it is, is another question. */
export async function holds(text: string, signature: PluginSignature): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", Uint8Array.fromBase64(signature.key), algorithm, false, [
      "verify",
    ]);
    return await crypto.subtle.verify(algorithm, key, Uint8Array.fromBase64(signature.value), bytesOf(text));
  } catch {
    // Bytes that are no point of the curve, or no base64.
    return false;
  }
}

/** `ed25519:…` of the key that made the signature. */
export function signerKey(signature: PluginSignature): string {
  return `ed25519:${signature.key}`;
}

function seedOf(privateKey: string): Uint8Array<ArrayBuffer> {
  const [, base64] = /^ed25519-private:([A-Za-z0-9+/]{43}=)$/.exec(privateKey.trim()) ?? [];
  if (base64 === undefined) throw new AkcError("PLUGIN_KEY_INVALID");
  return Uint8Array.fromBase64(base64);
}

async function importSeed(seed: Uint8Array, extractable: boolean): Promise<CryptoKey> {
  const pkcs8 = new Uint8Array(pkcs8Frame.length + seed.length);
  pkcs8.set(pkcs8Frame);
  pkcs8.set(seed, pkcs8Frame.length);
  return crypto.subtle.importKey("pkcs8", pkcs8, algorithm, extractable, ["sign"]);
}

async function publicKeyOf(seed: Uint8Array): Promise<Uint8Array> {
  const { x } = await crypto.subtle.exportKey("jwk", await importSeed(seed, true));
  if (x === undefined) throw new AkcError("PLUGIN_KEY_INVALID");
  return Uint8Array.fromBase64(x, { alphabet: "base64url" });
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(purpose + text);
}
