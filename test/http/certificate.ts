/**
 * Makes a private certificate authority and server certificates for tests, with nothing but node:crypto.
 * Never used outside tests: the keys live as long as the process.
 *
 * Source: RFC 5280 §4.1, X.690 (DER).
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Authority {
  readonly caPem: string;
  issue(names: { readonly dns?: readonly string[]; readonly ip?: readonly string[] }): {
    readonly cert: string;
    readonly key: string;
  };
}

export function authority(name: string): Authority {
  const issuer = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const isCa = extension("2.5.29.19", true, sequence(der(0x01, Buffer.from([0xff]))));
  const ca = certificate(name, name, issuer.publicKey, issuer.privateKey, [isCa]);
  return {
    caPem: pem(ca),
    issue: ({ dns = [], ip = [] }) => {
      const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const names = [
        ...dns.map((host) => der(0x82, Buffer.from(host))),
        ...ip.map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
      ];
      const subjectNames = extension("2.5.29.17", false, sequence(...names));
      const cert = certificate(name, "server", server.publicKey, issuer.privateKey, [subjectNames]);
      return { cert: pem(cert), key: server.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}

function certificate(
  issuer: string,
  subject: string,
  publicKey: KeyObject,
  signer: KeyObject,
  extensions: readonly Buffer[],
): Buffer {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const day = 24 * 60 * 60 * 1_000;
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    nameOf(issuer),
    sequence(utcTime(Date.now() - day), utcTime(Date.now() + day)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(content, algorithm, bits(sign("sha256", content, signer)));
}

function nameOf(name: string): Buffer {
  return sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function utcTime(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

function bits(content: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), content]));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const parts = [first * 40 + second, ...rest].flatMap((part) => {
    const septets = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) septets.unshift((left & 0x7f) | 0x80);
    return septets;
  });
  return der(0x06, Buffer.from(parts));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function pem(content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
