/**
 * What a judgement is attested by: the digest of what it looked at, of what it came to, and of all criteria together. Pure.
 * Words for people are not hashed: a check counts with its name, verdict, reason and evidence. It is a digest, and no signature.
 *
 * Source: spec reconcile §8, §12; reconcile:W-02b, W-10.
 */
import { writeCanonical } from "../../json/canonical.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Verdict } from "../../validators/contract.ts";
import type { Check } from "./model.ts";

/**
 * How the digests are taken. Against the old runtime's, which names no scheme: records of one moment are ordered by the fingerprint of
 * their payload and not by the text of a Python dictionary, which nobody can take again from a file, and what is no pass is hashed
 * by its verdict and reason. A judgement in which all passes has the documented digests.
 */
export const attestationScheme = "akc:operational_attestation:v2";

/** What all criteria of one judgement share; it may be large, so it is hashed once. */
export interface SharedInputs {
  /** In canonical order. */
  readonly evidence: readonly JsonObject[];
  /** By fingerprint. */
  readonly otelRecords: readonly JsonObject[];
  readonly otelRejectedReason: string | null;
  readonly otelContract: JsonValue;
  /** By fingerprint; absent where there was no sidecar. */
  readonly metrics?: { readonly records: readonly JsonObject[]; readonly rejectedReason: string | null };
}

export interface OwnInputs {
  readonly params: JsonValue;
  readonly bundleSchemaVersion: number | null;
  /** The window that was judged, or the reason why it could not be. */
  readonly rollingRollup?: JsonObject;
  readonly baselineRollup?: JsonObject;
}

export class InputsDigest {
  readonly #shared: Bun.CryptoHasher;

  constructor({ evidence, otelRecords, otelRejectedReason, otelContract, metrics }: SharedInputs) {
    this.#shared = new Bun.CryptoHasher("sha256");
    write(this.#shared, "{", {
      evidence,
      otel_contract: otelContract,
      ...(metrics === undefined
        ? {}
        : {
            otel_metric_parse_rejected_reason: metrics.rejectedReason,
            otel_metric_records: metrics.records,
          }),
      otel_records: otelRecords,
      ...(otelRejectedReason === null ? {} : { otel_trace_parse_rejected_reason: otelRejectedReason }),
    });
  }

  /** The fingerprint of one object with the shared members and these, all of which come after the shared ones. */
  of({ params, bundleSchemaVersion, rollingRollup, baselineRollup }: OwnInputs): string {
    const hasher = this.#shared.copy();
    write(hasher, ",", {
      params,
      ...(rollingRollup === undefined ? {} : { rolling_rollup: rollingRollup }),
      ...(baselineRollup === undefined ? {} : { rollup_baseline: baselineRollup }),
      runtime_bundle_schema_version: bundleSchemaVersion,
    });
    return hasher.update("}").digest("hex");
  }
}

/** The members in canonical order, without the braces around them. */
function write(hasher: Bun.CryptoHasher, before: string, members: Readonly<Record<string, JsonValue>>): void {
  let separator = before;
  const take = (block: Uint8Array) => {
    hasher.update(block);
  };
  for (const key of sortedByCodePoint(Object.keys(members))) {
    hasher.update(`${separator}${JSON.stringify(key)}:`);
    writeCanonical(members[key] ?? null, take, take);
    separator = ",";
  }
}

/** @param verdict of the criterion, over its checks that count */
export function verdictSha256(criterionId: string, verdict: Verdict, checks: readonly Check[]): string {
  return fingerprint({
    passed: verdict === "pass",
    failures: checks
      .filter(isFailure)
      .map(({ name, reason }) => `${criterionId} (${name}): ${reason ?? "failed"}`),
    evaluated_count: checks.length,
    checks: checks.map((check) => checkJson(criterionId, check)),
  });
}

/** A check that counts, and is no pass. */
export function isFailure({ verdict, dryRun }: Check): boolean {
  return verdict !== "pass" && dryRun !== true;
}

function checkJson(criterionId: string, { name, verdict, reason, evidence, dryRun }: Check): JsonObject {
  return {
    success_criterion_id: criterionId,
    evaluation_mode: "operational_spec",
    check_name: name,
    passed: verdict === "pass",
    evidence,
    ...(verdict === "pass" ? {} : { verdict, reason: reason ?? "failed" }),
    ...(dryRun === true ? { dry_run: true } : {}),
  };
}

export function combinedSha256(inputsSha256: string, verdictDigest: string): string {
  return fingerprint({ inputs_sha256: inputsSha256, verdict_sha256: verdictDigest });
}

/** @param criteria by id */
export function attestationSha256(
  criteria: readonly { readonly id: string; readonly combinedSha256: string }[],
): string {
  return fingerprint({ criteria: criteria.map(({ id, combinedSha256: sha256 }) => ({ id, sha256 })) });
}
