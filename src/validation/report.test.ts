import { describe, expect, test } from "bun:test";
import type { Check, CriterionVerdict, Validity } from "./operational-spec/model.ts";
import { attestationScheme, validityReport } from "./report.ts";
import { unjudged } from "./unjudged.ts";

const ids = { scope: { tenantId: "acme", repoId: "shop" }, runId: "run-1", runtimeRunId: "rr-1" };
const bundleRef = {
  path: ".akc/runtime/run-1.runtime_bundle.json",
  sha256: "b".repeat(64),
  schemaVersion: 4,
};
const evidenceRef = { path: ".akc/runtime/run-1/rr-1/runtime_evidence.json", sha256: "e".repeat(64) };
const intentRef = {
  intent_id: "i",
  stable_intent_sha256: "1".repeat(64),
  semantic_fingerprint: "2".repeat(16),
  goal_text_fingerprint: "",
};

function criterion(id: string, members: Partial<CriterionVerdict> = {}): CriterionVerdict {
  return {
    id,
    verdict: "pass",
    advisory: false,
    checks: [],
    failures: [],
    specVersion: 1,
    expectedEvidenceTypes: [],
    inputsSha256: "i",
    verdictSha256: "v",
    combinedSha256: `c-${id}`,
    canonicalParams: {},
    ...members,
  };
}

function validity(...criteria: readonly CriterionVerdict[]): Validity {
  return { verdict: "pass", passed: true, criteria, attestationSha256: "a".repeat(64) };
}

const report = (judged: Validity, members: Partial<Parameters<typeof validityReport>[0]> = {}) =>
  validityReport({ ids, evaluatedAtMs: 5, validity: judged, intentRef, bundleRef, evidenceRef, ...members });

describe("the validity report", () => {
  test("has the documented members", () => {
    expect(report(validity(criterion("sc", { expectedEvidenceTypes: ["b", "a"] })))).toEqual({
      schema_version: 1,
      schema_id: "akc:operational_validity_report:v1",
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      runtime_run_id: "rr-1",
      evaluated_at_ms: 5,
      passed: true,
      operational_spec_version: 1,
      success_criterion_id: "sc",
      intent_ref: intentRef,
      runtime_bundle_ref: { path: bundleRef.path, sha256: bundleRef.sha256, schema_version: 4 },
      runtime_evidence_ref: evidenceRef,
      predicate_results: [],
      expected_evidence_types: ["a", "b"],
      attestation_fingerprint_sha256: "a".repeat(64),
      attestation_scheme: attestationScheme,
      verdict: "pass",
      criterion_results: [{ success_criterion_id: "sc", verdict: "pass", sha256: "c-sc" }],
    });
  });

  test("names a criterion only when there is one, and the highest version", () => {
    const made = report(validity(criterion("a", { specVersion: 1 }), criterion("b", { specVersion: 3 })));
    expect(made["success_criterion_id"]).toBeUndefined();
    expect(made["operational_spec_version"]).toBe(3);
  });

  test("names no intent that has no id, and no evidence that was not read", () => {
    const made = report(validity(criterion("a")), { intentRef: {}, evidenceRef: undefined });
    expect(Object.keys(made)).not.toContain("intent_ref");
    expect(Object.keys(made)).not.toContain("runtime_evidence_ref");
  });

  test("has a row for each check, with its verdict beside the documented members", () => {
    const checks: readonly Check[] = [
      { name: "aggregate_terminal_health", verdict: "pass", evidence: { health_status: "healthy" } },
      {
        name: "threshold_signal:t:p",
        verdict: "inconclusive",
        reason: "no-data",
        evidence: null,
        message: "there is none",
        dryRun: true,
      },
    ];
    const made = report(validity(criterion("sc", { checks, advisory: true, verdict: "inconclusive" })));
    expect(made["predicate_results"]).toEqual([
      {
        predicate_kind: "presence",
        signal_key: "aggregate_terminal_health",
        passed: true,
        success_criterion_id: "sc",
        details: { health_status: "healthy" },
        verdict: "pass",
        advisory: true,
      },
      {
        predicate_kind: "threshold",
        signal_key: "threshold_signal:t:p",
        passed: false,
        success_criterion_id: "sc",
        message: "there is none",
        verdict: "inconclusive",
        reason: "no-data",
        advisory: true,
        dry_run: true,
      },
    ]);
  });
});

describe("a run that cannot be judged", () => {
  const unreadable = { input: "runtime_evidence", reason: "missing", message: "it is not there" } as const;
  const criteria = ["b", "a"].map((id) => ({ id, params: {}, advisory: false }));

  test("is an error for every criterion, in order of their ids", () => {
    const judged = unjudged(criteria, unreadable);
    expect(judged).toMatchObject({ verdict: "error", passed: false });
    expect(judged.criteria.map(({ id, verdict, failures }) => [id, verdict, failures])).toEqual([
      ["a", "error", ["a (runtime_evidence_load): it is not there"]],
      ["b", "error", ["b (runtime_evidence_load): it is not there"]],
    ]);
  });

  test("has another attestation for another reason", () => {
    const other = unjudged(criteria, { ...unreadable, reason: "malformed" });
    expect(unjudged(criteria, unreadable).attestationSha256).not.toBe(other.attestationSha256);
    expect(unjudged(criteria, { ...unreadable, message: "put otherwise" }).attestationSha256).toBe(
      unjudged(criteria, unreadable).attestationSha256,
    );
  });

  test("fails nothing where criteria only advise", () => {
    const judged = unjudged([{ id: "a", params: {}, advisory: true }], unreadable);
    expect(judged).toMatchObject({ verdict: "pass", passed: false });
  });
});
