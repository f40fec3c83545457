/** The shape `OperationalVerification` of `akc verify` for programs (docs/json-output.md). It only tells; it decides nothing. */
import type { EmittedResult } from "../../validation/assurance/emitted.ts";
import { findingCodes } from "../../validation/assurance/finding.ts";
import { providerResultJson } from "../../validation/assurance/providers.ts";
import type { Check, CriterionVerdict } from "../../validation/operational-spec/model.ts";
import { type Plain, plainOf } from "../render/output.ts";
import type { Verified } from "./verified.ts";

export function verifyData(verified: Verified): Plain {
  const { place, mode, target, coupling, linked, emitted, context, exit } = verified;
  const subject = target?.subject;
  return {
    kind: "OperationalVerification",
    tenant_id: place.scope.tenantId,
    repo_id: place.scope.repoId,
    outputs_root: place.outputsRoot,
    run_id: subject?.runId ?? null,
    runtime_run_id: subject?.runtimeRunId ?? null,
    manifest_path: subject?.manifest?.path ?? null,
    mode,
    exit_code: exit,
    ...(coupling === undefined
      ? { authority: null, verdict: "none", passed: null, findings: [], provider_results: [] }
      : {
          authority: coupling.authority,
          criteria_source: coupling.criteriaSource,
          enforcement_mode: coupling.governance.enforcement,
          governance_source: coupling.governance.source,
          verdict: coupling.validity?.verdict ?? "none",
          passed: coupling.passed,
          report_present: coupling.hadReport,
          recomputed_attestation_sha256: coupling.validity?.attestationSha256 ?? null,
          stored_attestation_sha256: coupling.storedAttestation ?? null,
          strict_manifest_consistency: coupling.manifestCompared ? "checked" : "skipped",
          criteria: (coupling.validity?.criteria ?? []).map(criterionData),
          findings: coupling.findings.map((finding) => ({
            code: finding.code,
            message: finding.message,
            severity: finding.severity,
            evidence: finding.evidence === undefined ? undefined : plainOf(finding.evidence),
            next: findingCodes[finding.code].next,
          })),
          provider_results: coupling.providers.map((result) => plainOf(providerResultJson(result))),
        }),
    tests: emitted.tests.map(resultData),
    verifier_results: emitted.verifier.map(resultData),
    results_passed: emitted.passed,
    assurance_path: linked?.result ?? null,
    linked_in: linked?.linked ?? null,
    context_path: context ?? null,
  };
}

function criterionData({ id, verdict, advisory, checks, failures }: CriterionVerdict): Plain {
  return { id, verdict, advisory, failures, checks: checks.map(checkData) };
}

function checkData({ name, verdict, reason, message, evidence, dryRun }: Check): Plain {
  return {
    name,
    verdict,
    reason,
    message,
    dry_run: dryRun,
    evidence: evidence === null ? null : plainOf(evidence),
  };
}

function resultData({ name, outcome, says, findings }: EmittedResult): Plain {
  return { name, outcome, says, findings: findings.map(plainOf) };
}
