import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { AkcError } from "../../errors.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../../json/value.ts";
import { packetKeyOf, signatureIssues, signedPacket } from "./packet-signature.ts";

/** RFC 8032 §7.1, test 1. */
const seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const publicHex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const privateKey = `ed25519-private:${Uint8Array.fromHex(seed).toBase64()}`;
const publicKey = Uint8Array.fromHex(publicHex).toBase64();

function keyOf(text: string) {
  const key = packetKeyOf(text);
  if (key === undefined) throw new Error("it is a key");
  return key;
}

const packet: JsonObject = { promotion_mode: "live_apply", issued_at_ms: 1 };
const signed = signedPacket(packet, privateKey).packet;

function signatureOf(from: JsonObject): JsonObject {
  const list = from["signatures"] ?? null;
  const [entry] = isJsonArray(list) ? list : [];
  if (entry === undefined || !isJsonObject(entry)) throw new Error("there is one");
  return entry;
}

test("keys are read in every form that is documented, and nothing else is a key", () => {
  const { publicKey: pem, privateKey: secret } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  expect(packetKeyOf(pem)).toBeDefined();
  expect(keyOf(publicKey).keyId).toBe(keyOf(` ed25519:${publicKey}\n`).keyId);
  expect(keyOf(publicKey).keyId).toBe(Bun.SHA256.hash(Uint8Array.fromHex(publicHex), "hex").slice(0, 16));
  const rsa = generateKeyPairSync("rsa", {
    modulusLength: 1024,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  for (const text of [secret, privateKey, rsa.publicKey, "", "AAAA", `${publicKey}AAAA`, "-----BEGIN"]) {
    expect(packetKeyOf(text)).toBeUndefined();
  }
  expect(() => signedPacket(packet, "ed25519-private:short")).toThrow(AkcError);
});

test("a signature holds for its key and packet, however the packet's keys stand", () => {
  expect(signatureIssues(signed, [keyOf(publicKey)])).toEqual([]);
  const turned = Object.fromEntries(Object.entries(signed).toReversed());
  expect(signatureIssues(turned, [keyOf(publicKey)])).toEqual([]);
  // The seal vouches for the rest, and is none of what is signed.
  expect(signatureIssues({ ...signed, packet_signature_sha256: "x" }, [keyOf(publicKey)])).toEqual([]);
  expect(signatureIssues({ ...signed, issued_at_ms: 2 }, [keyOf(publicKey)])).toHaveLength(1);
  expect(signatureIssues(packet, [keyOf(publicKey)])).toHaveLength(1);
  expect(signatureIssues(signed, [])).toHaveLength(1);
});

test("a changed character of a signature, its key's id or its algorithm makes it none", () => {
  const entry = signatureOf(signed);
  const text = String(entry["signature"]);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  for (let index = 0; index < text.length; index += 1) {
    // The last ones have bits that decoders may ignore.
    const others = index < 84 ? ["A", "b", "/"] : [...alphabet];
    for (const other of others.filter((one) => one !== text[index])) {
      const signature = text.slice(0, index) + other + text.slice(index + 1);
      const changed = { ...signed, signatures: [{ ...entry, signature }] };
      expect(signatureIssues(changed, [keyOf(publicKey)])).toHaveLength(1);
    }
  }
  for (const other of [
    { key_id: "0".repeat(16) },
    { algorithm: "none" },
    { algorithm: null },
    { signature: "" },
  ]) {
    const changed = { ...signed, signatures: [{ ...entry, ...other }] };
    expect(signatureIssues(changed, [keyOf(publicKey)])).toHaveLength(1);
  }
});

test("signing again replaces the same key's signature and leaves another's", () => {
  const other = `ed25519-private:${new Uint8Array(32).fill(7).toBase64()}`;
  const both = signedPacket(signedPacket(signed, other).packet, privateKey).packet;
  const list = both["signatures"] ?? null;
  expect(isJsonArray(list) ? list.length : 0).toBe(2);
  expect(signatureIssues(both, [keyOf(publicKey)])).toEqual([]);
});
