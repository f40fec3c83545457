/**
 * Holds files against every digest that somebody noted of them: the manifest, the report, the state of the scope. Pure.
 * One that differs is an error whatever the others say, and switches nothing off.
 *
 * Source: reconcile:W-10b, reconcile:W-24.
 */
import type { JsonObject } from "../../json/value.ts";
import { type Finding, type FindingCode, finding } from "./finding.ts";

/** A digest that somebody noted; undefined where they noted none. */
export interface Pin {
  readonly by: "manifest" | "report" | "state";
  /** Of the parsed JSON, or of the bytes. */
  readonly over: "json" | "bytes";
  readonly sha256: string | undefined;
}

export interface Digests {
  /** Fingerprint of the JSON. */
  readonly sha256: string;
  readonly bytesSha256: string;
}

/** What does not match, in one finding; undefined when all match. */
export function pinFinding(
  code: FindingCode,
  shown: string,
  found: Digests,
  pins: readonly Pin[],
): Finding | undefined {
  const differing = pins.filter(
    ({ over, sha256 }) =>
      sha256 !== undefined && sha256.toLowerCase() !== (over === "json" ? found.sha256 : found.bytesSha256),
  );
  if (differing.length === 0) return undefined;
  const evidence: JsonObject = {
    path: shown,
    found_sha256: found.sha256,
    found_bytes_sha256: found.bytesSha256,
    expected: differing.map(({ by, over, sha256 }) => ({ by, over, sha256: sha256 ?? null })),
  };
  const whom = differing.map(({ by }) => nameOf[by]).join(" and ");
  return finding(code, `${shown} is not the file that ${whom} noted`, { evidence });
}

const nameOf: Readonly<Record<Pin["by"], string>> = {
  manifest: "the manifest",
  report: "the report",
  state: "the state of the scope",
};

export function isPinned(pins: readonly Pin[]): boolean {
  return pins.some(({ sha256 }) => sha256 !== undefined);
}
