/**
 * The documented lease file, `{scope, holder_controller_id, acquired_at_ms, renewed_at_ms, expires_at_ms, backend}`, as text and back.
 * A text that is not exactly that is told apart from a file that is not there. Pure.
 *
 * Source: spec cli §14.6, §18.6.
 */
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { lineJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";

export interface LeaseFile {
  readonly holder: string;
  readonly acquiredAtMs: number;
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
}

/** Older controllers write keys beside these, and leave out what they do not know. */
const shape = v.object({
  holder_controller_id: v.string(),
  acquired_at_ms: v.optional(v.number(), 0),
  renewed_at_ms: v.optional(v.number(), 0),
  expires_at_ms: v.number(),
});

export function leaseFileText(
  scope: string,
  { holder, acquiredAtMs, renewedAtMs, expiresAtMs }: LeaseFile,
): string {
  const record = {
    scope,
    holder_controller_id: holder,
    acquired_at_ms: acquiredAtMs,
    renewed_at_ms: renewedAtMs,
    expires_at_ms: expiresAtMs,
    backend: "filesystem",
  };
  return `${lineJson(record)}\n`;
}

/** Undefined when the text is no lease. */
export function readLeaseFile(text: string | Uint8Array): LeaseFile | undefined {
  try {
    const read = v.safeParse(shape, parseJson(text));
    if (!read.success) return undefined;
    return {
      holder: read.output.holder_controller_id,
      acquiredAtMs: read.output.acquired_at_ms,
      renewedAtMs: read.output.renewed_at_ms,
      expiresAtMs: read.output.expires_at_ms,
    };
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}
