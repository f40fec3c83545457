/**
 * The operational validity report: what a judgement by operational criteria came to, in the documented shape with akc's additions.
 * Pure; it only tells a `Validity`, and never decides one.
 *
 * Source: spec reconcile §8, Appendix A.3; docs/validators.md.
 */
import type { RunContext } from "../adapters/contract.ts";
import { textAt } from "../bundle/member.ts";
import { sortedByCodePoint } from "../json/order.ts";
import type { JsonObject } from "../json/value.ts";
import { type JudgedInput, judgedInputsJson } from "./judged-inputs.ts";
import { attestationScheme } from "./operational-spec/attestation.ts";
import type { Check, CriterionVerdict, Validity } from "./operational-spec/model.ts";

export { attestationScheme };

const validityReportKind = "operational_validity_report";

/** Which run: all that a judgement must know of one. */
export type RunIds = Pick<RunContext, "scope" | "runId" | "runtimeRunId">;

/** A file below the scope, by the fingerprint of its JSON. */
export interface FileRef {
  /** Below the scope with `/`, or absolute for what lies elsewhere. */
  readonly path: string;
  readonly sha256: string;
}

export interface ReportInput {
  readonly ids: RunIds;
  /** Milliseconds since the epoch. */
  readonly evaluatedAtMs: number;
  readonly validity: Validity;
  /** The bundle's `intent_ref`; told when it names an intent. */
  readonly intentRef?: JsonObject | undefined;
  readonly bundleRef: FileRef & { readonly schemaVersion: number | null };
  /** Absent when the evidence could not be read. */
  readonly evidenceRef?: FileRef | undefined;
  /** What it was judged by beside the evidence; absent where that is looked for where it was. */
  readonly judgedInputs?: readonly JudgedInput[] | undefined;
}

/** `operational_validity_report.json`, for `prettyJson`. */
export function validityReport(input: ReportInput): JsonObject {
  const { ids, validity, intentRef, bundleRef, evidenceRef, judgedInputs } = input;
  const { criteria } = validity;
  const [only, ...others] = criteria;
  const versions = criteria.flatMap(({ specVersion }) => (specVersion === undefined ? [] : [specVersion]));
  return {
    schema_version: 1,
    schema_id: `akc:${validityReportKind}:v1`,
    tenant_id: ids.scope.tenantId,
    repo_id: ids.scope.repoId,
    run_id: ids.runId,
    runtime_run_id: ids.runtimeRunId,
    evaluated_at_ms: input.evaluatedAtMs,
    passed: validity.passed,
    ...(versions.length === 0 ? {} : { operational_spec_version: Math.max(...versions) }),
    ...(only === undefined || others.length > 0 ? {} : { success_criterion_id: only.id }),
    ...(intentRef === undefined || textAt(intentRef, "intent_id") === undefined
      ? {}
      : { intent_ref: intentRef }),
    runtime_bundle_ref: {
      path: bundleRef.path,
      sha256: bundleRef.sha256,
      schema_version: bundleRef.schemaVersion,
    },
    ...(evidenceRef === undefined
      ? {}
      : { runtime_evidence_ref: { path: evidenceRef.path, sha256: evidenceRef.sha256 } }),
    predicate_results: criteria.flatMap((criterion) =>
      criterion.checks.map((check) => predicateRow(criterion, check)),
    ),
    expected_evidence_types: sortedByCodePoint([
      ...new Set(criteria.flatMap(({ expectedEvidenceTypes }) => expectedEvidenceTypes)),
    ]),
    attestation_fingerprint_sha256: validity.attestationSha256,
    // Additions.
    attestation_scheme: attestationScheme,
    verdict: validity.verdict,
    criterion_results: criteria.map(criterionRow),
    ...(judgedInputs === undefined ? {} : { judged_inputs: judgedInputsJson(judgedInputs) }),
  };
}

function predicateRow({ id, advisory }: CriterionVerdict, check: Check): JsonObject {
  const { name, verdict, reason, message, evidence, dryRun } = check;
  return {
    predicate_kind: name.includes("threshold_signal") ? "threshold" : "presence",
    signal_key: name,
    passed: verdict === "pass",
    success_criterion_id: id,
    ...(message === undefined ? {} : { message }),
    ...(evidence === null ? {} : { details: evidence }),
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(advisory ? { advisory } : {}),
    ...(dryRun === true ? { dry_run: true } : {}),
  };
}

/** The digest of each criterion says which one made an attestation another. */
function criterionRow(criterion: CriterionVerdict): JsonObject {
  const { id, verdict, advisory, dryRun, combinedSha256, failures } = criterion;
  return {
    success_criterion_id: id,
    verdict,
    sha256: combinedSha256,
    ...(failures.length === 0 ? {} : { failures }),
    ...(advisory ? { advisory } : {}),
    ...(dryRun === true ? { dry_run: true } : {}),
  };
}
