/**
 * Reads a JSON file of a scope that something points to, and says what is wrong with it instead of throwing. Nothing outside the scope
 * is ever read; what may lie elsewhere is named by whoever vouches for it.
 *
 * Source: spec reconcile §0.2, §7.8; reconcile:W-10b, W-24.
 */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, sep } from "node:path";
import { AkcError } from "../errors.ts";
import { shownPath } from "../evidence/layout.ts";
import { fingerprint, sha256Hex } from "../json/fingerprint.ts";
import { parseJson } from "../json/read.ts";
import type { JsonValue } from "../json/value.ts";
import { readFileBounded, resolveConfined } from "../system/files.ts";

/** A file as something points to it. */
export interface Pointer {
  /** Below the scope, or absolute. */
  readonly path: string;
  /** Fingerprint of its JSON, 64 hex digits. */
  readonly sha256?: string | undefined;
}

const unreadableReasons = ["missing", "unreadable", "too_large", "malformed", "outside"] as const;
export type UnreadableReason = (typeof unreadableReasons)[number];

export type Artifact =
  | {
      readonly kind: "read";
      /** Below the scope with `/`, where it lies there. */
      readonly shown: string;
      readonly value: JsonValue;
      /** Fingerprint of its JSON. */
      readonly sha256: string;
      readonly bytesSha256: string;
    }
  | {
      readonly kind: "failed";
      readonly shown: string;
      readonly reason: UnreadableReason;
      readonly message: string;
    };

export interface ReadOptions {
  readonly bytesMax: number;
  /** An absolute path that may lie outside the scope: somebody else than the pointer vouches for it. */
  readonly vouchedFor?: string | undefined;
}

/** @param scopeRoot absolute, links resolved. Never rejects for what a file is or is not. */
export async function readArtifact(
  scopeRoot: string,
  path: string,
  { bytesMax, vouchedFor }: ReadOptions,
): Promise<Artifact> {
  try {
    const real =
      path === vouchedFor && isAbsolute(path)
        ? path
        : await resolveConfined(scopeRoot, await belowScope(scopeRoot, path));
    const bytes = await readFileBounded(real, bytesMax);
    const value = parseJson(bytes, { textBytesMax: bytesMax });
    return {
      kind: "read",
      shown: shownPath(scopeRoot, real),
      value,
      sha256: fingerprint(value),
      bytesSha256: sha256Hex(bytes),
    };
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const reason = unreadableReason(cause);
    return { kind: "failed", shown: path, reason, message: `${path}: ${messageOf(cause)}` };
  }
}

/** An absolute path is as good as a relative one where it leads to the same place. */
async function belowScope(scopeRoot: string, path: string): Promise<string> {
  if (!isAbsolute(path)) return path;
  if (path.startsWith(scopeRoot + sep)) return relative(scopeRoot, path);
  const real = await realpath(path).catch(() => path);
  return real.startsWith(scopeRoot + sep) ? relative(scopeRoot, real) : path;
}

export function unreadableReason({ code }: AkcError): UnreadableReason {
  switch (code) {
    case "FILE_NOT_FOUND":
      return "missing";
    case "PATH_UNSAFE":
      return "outside";
    case "JSON_TOO_LARGE":
      return "too_large";
    case "FILE_UNREADABLE":
      return "unreadable";
    default:
      return "malformed";
  }
}

function messageOf({ message, details }: AkcError): string {
  const { line, column } = details;
  return line === undefined ? message : `${message} (line ${line}, column ${column})`;
}
