/**
 * Reads the evidence of one run for a judgement: bounded, whole, and of that run alone. What cannot be read is told, with a reason;
 * it is never taken for evidence of nothing.
 *
 * Source: spec reconcile §5.1; reconcile:W-10b, reconcile:W-23.
 */
import { limits } from "../limits.ts";
import { readArtifact, type UnreadableReason } from "./artifact.ts";
import type { EvidenceRecord } from "./operational-spec/model.ts";
import { evidenceRecords } from "./operational-spec/records.ts";

export type EvidenceReading =
  | {
      readonly kind: "read";
      /** Below the scope with `/`. */
      readonly shown: string;
      readonly records: readonly EvidenceRecord[];
      /** Fingerprint of its JSON. */
      readonly sha256: string;
      readonly bytesSha256: string;
    }
  | {
      readonly kind: "failed";
      readonly shown: string;
      /** `foreign`: rows of another run. */
      readonly reason: UnreadableReason | "foreign";
      readonly message: string;
      /** Where there was JSON at all. */
      readonly sha256?: string;
    };

/** @param path below the scope, or absolute within it. Never rejects for what the file is or is not. */
export async function readEvidence(
  scopeRoot: string,
  path: string,
  runtimeRunId: string | undefined,
): Promise<EvidenceReading> {
  const artifact = await readArtifact(scopeRoot, path, { bytesMax: limits.validityEvidenceBytesMax });
  if (artifact.kind === "failed") return artifact;
  const { shown, value, sha256, bytesSha256 } = artifact;
  const failed = (reason: "malformed" | "foreign", message: string): EvidenceReading => ({
    kind: "failed",
    shown,
    reason,
    message: `${shown}: ${message}`,
    sha256,
  });
  const records = evidenceRecords(value);
  if (typeof records === "string") return failed("malformed", records);
  const foreign = records.findIndex(
    (record) => runtimeRunId !== undefined && record.runtime_run_id !== runtimeRunId,
  );
  if (foreign >= 0) return failed("foreign", `row ${foreign} is of another run`);
  return { kind: "read", shown, records, sha256, bytesSha256 };
}
