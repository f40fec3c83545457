/**
 * Judges a release report the way its reader would: with the key and the archive in hand, and without any of the tools
 * that made it. Changes nothing.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface Judged {
  readonly sha256Holds: boolean;
  readonly signatureHolds: boolean;
  /** Values of the report's first lines: release, number, sha256, bytes, built on. */
  readonly facts: ReadonlyMap<string, string>;
}

/** @param key 64 hexadecimal digits, as `keys/release.key` holds them */
export function judgeReport(report: string, archive: Uint8Array, key: string): Judged {
  const signed = /^(?<body>[\s\S]*)\nsigned {4}hmac-sha256 (?<mac>[0-9a-f]{64})\n$/.exec(report)?.groups;
  const body = signed?.["body"] ?? report;
  const wanted = createHmac("sha256", Buffer.from(key, "hex")).update(body).digest();
  const said = Buffer.from(signed?.["mac"] ?? "", "hex");
  const head = body.split("\n\n")[0] ?? "";
  const facts = new Map(
    head.split("\n").map((line) => [line.slice(0, 10).trim(), line.slice(10).trim()] as const),
  );
  return {
    sha256Holds: facts.get("sha256") === createHash("sha256").update(archive).digest("hex"),
    signatureHolds: said.length === wanted.length && timingSafeEqual(said, wanted),
    facts,
  };
}
