/**
 * What came of carrying out bindings: one observation each, with the documented artifact and the files beside it. Data only.
 *
 * Source: spec reconcile §6.3–§6.6.
 */
import type { JsonObject } from "../../json/value.ts";
import type { Verdict } from "../../validators/contract.ts";

export const artifactKinds = [
  "observability_query_result",
  "mobile_journey_result",
  "device_capture_result",
] as const;
export type ArtifactKind = (typeof artifactKinds)[number];

/** A file to be written below the scope, and kept with the run by its digest. */
export interface ObservedFile {
  /** Below the scope, with `/`: `.akc/verification/validators/<run_id>/attachments/<slug>.response.json`. */
  readonly path: string;
  readonly mediaType: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

export interface BindingObservation {
  readonly bindingId: string;
  /** `missing` where the registry has none of this id. */
  readonly kind: string;
  /** `akc_<artifactKind>` is the type of its evidence row. */
  readonly artifactKind: ArtifactKind;
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly message?: string;
  readonly dryRun: boolean;
  /** The documented artifact without its envelope, with `fingerprint_sha256`: the payload of the evidence row. */
  readonly payload: JsonObject;
  readonly files: readonly ObservedFile[];
  readonly status: "ok" | "passed" | "failed" | "error" | "blocked";
}
