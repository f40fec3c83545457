/**
 * The operational assurance result: what a verification found, in the documented shape with akc's additions. Pure.
 *
 * Source: spec reconcile §9.
 */
import type { Scope } from "../../bundle/model.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import type { Validity } from "../operational-spec/model.ts";
import { attestationScheme } from "../report.ts";
import { type Finding, findingJson } from "./finding.ts";
import { type Enforcement, resolvedProfilePath } from "./governance.ts";
import { type ProviderResult, providerResultJson } from "./providers.ts";

const assuranceKind = "operational_assurance_result";

export function assurancePath(runId: string): string {
  return `.akc/verification/${runId}.operational_assurance.json`;
}

export interface AssuranceInput {
  readonly scope: Scope;
  readonly runId: string;
  readonly runtimeRunId: string | undefined;
  readonly checkedAtMs: number;
  readonly enforcement: Enforcement;
  readonly passed: boolean;
  readonly findings: readonly Finding[];
  readonly providers: readonly ProviderResult[];
  /** Absent where there was nothing to judge by, or nothing to be judged. */
  readonly validity: Validity | undefined;
  readonly authority: "recomputed" | "none";
  readonly criteriaSource: "intent_store" | "bundle";
}

/** For `prettyJson`. */
export function assuranceResult(input: AssuranceInput): JsonObject {
  const findings = input.findings.map(findingJson);
  const providers = input.providers.map(providerResultJson);
  const { runId, passed, validity, enforcement } = input;
  return {
    schema_version: 1,
    schema_id: `akc:${assuranceKind}:v1`,
    run_id: runId,
    tenant_id: input.scope.tenantId,
    repo_id: input.scope.repoId,
    checked_at_ms: input.checkedAtMs,
    enforcement_mode: enforcement,
    passed,
    advisory_only: enforcement === "advisory",
    findings,
    provider_results: providers,
    attestation_fingerprint_sha256:
      input.authority === "none"
        ? fingerprint({ run_id: runId, findings, provider_results: providers })
        : fingerprint({
            run_id: runId,
            enforcement_mode: enforcement,
            passed,
            findings,
            provider_results: providers,
            recomputed_attestation_fingerprint_sha256: validity?.attestationSha256 ?? null,
            governance_profile_rel_path: resolvedProfilePath,
          }),
    // Additions.
    ...(input.runtimeRunId === undefined ? {} : { runtime_run_id: input.runtimeRunId }),
    verdict: validity?.verdict ?? "none",
    authority: input.authority,
    criteria_source: input.criteriaSource,
    attestation_scheme: attestationScheme,
    ...(validity === undefined
      ? {}
      : { recomputed_attestation_fingerprint_sha256: validity.attestationSha256 }),
  };
}
