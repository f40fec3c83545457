/**
 * Reads back what the events of judging a run say: what outside systems were asked and answered, and what the run was judged to be.
 * Pure; it throws for `recorded.ts` to answer.
 *
 * Source: `run/validation/` writes what is read here; spec reconcile §8.
 */
import type { ArtifactRef } from "../adapters/contract.ts";
import { objectsAt } from "../bundle/member.ts";
import type { JsonObject } from "../json/value.ts";
import { artifactRef, optionalRef, optionalText } from "./payload-members.ts";
import { eventTypes } from "./wire.ts";

export type ValidityFact =
  | { readonly kind: "validation_observed"; readonly files: readonly ArtifactRef[] }
  | {
      readonly kind: "validity_attested";
      /** What the run has failed for; absent where it has not, and in histories of the old runtime. */
      readonly lastError: string | undefined;
      readonly report: ArtifactRef | null;
      /** What it was judged by beside the evidence. */
      readonly inputs: readonly ArtifactRef[];
    };

export const validityDecoders: readonly (readonly [string, (payload: JsonObject) => ValidityFact])[] = [
  [
    eventTypes.validationObserved,
    (payload) => ({ kind: "validation_observed", files: objectsAt(payload, "files").map(artifactRef) }),
  ],
  [
    eventTypes.validityAttested,
    (payload) => ({
      kind: "validity_attested",
      lastError: optionalText(payload, "run_failed_with"),
      report: optionalRef(payload, "report"),
      inputs: objectsAt(payload, "inputs").map(artifactRef),
    }),
  ],
];
