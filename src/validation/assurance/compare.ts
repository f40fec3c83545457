/**
 * Holds what a run's report and its manifest say against what was worked out again from the same files. Pure; a report is compared
 * whole, so that a row that was changed shows as well as a verdict.
 *
 * Source: spec reconcile §9 step 6; reconcile:W-02b, reconcile:W-10b.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { Validity } from "../operational-spec/model.ts";
import { attestationScheme, type FileRef, type RunIds, validityReport } from "../report.ts";
import { type Finding, finding } from "./finding.ts";
import type { ManifestSide } from "./subject.ts";

/** `strict` also takes the manifest at its word, and attestations of the old runtime. */
export const verifyModes = ["strict", "relaxed"] as const;
export type VerifyMode = (typeof verifyModes)[number];

export interface Recomputed {
  readonly ids: RunIds;
  readonly validity: Validity;
  /** As the files are now. */
  readonly bundleRef: FileRef & { readonly schemaVersion: number | null };
  readonly evidenceRef: FileRef;
  /** The bundle's own. */
  readonly bundleIntentRef: JsonObject | undefined;
}

/** Whether a report is of this run at all; one of another run says nothing about it. */
export function foreignReport(report: JsonObject, ids: RunIds): Finding | undefined {
  const expected = {
    tenant_id: ids.scope.tenantId,
    repo_id: ids.scope.repoId,
    run_id: ids.runId,
    runtime_run_id: ids.runtimeRunId,
  };
  const wrong = Object.entries(expected).filter(([key, id]) => {
    const told = textAt(report, key);
    // Only this one may be absent, as documented.
    return told === undefined ? key !== "runtime_run_id" : told !== id;
  });
  if (wrong.length === 0) return undefined;
  const keys = wrong.map(([key]) => key);
  return finding("operational.report_foreign", `the report is of another run: ${keys.join(", ")}`, {
    evidence: Object.fromEntries(keys.map((key) => [key, member(report, key) ?? null])),
  });
}

/** Whether it was made under the intent that has a say. @param authorityRef undefined where the bundle names no intent */
export function reportAuthority(
  report: JsonObject,
  authorityRef: JsonObject | undefined,
  ids: RunIds,
): Finding | undefined {
  const told = objectAt(report, "intent_ref");
  const expected = authorityRef ?? {};
  const keys = ["intent_id", "stable_intent_sha256", "semantic_fingerprint", "goal_text_fingerprint"];
  const wrong = keys.filter((key) => (textAt(told, key) ?? "") !== (textAt(expected, key) ?? ""));
  if (wrong.length === 0) return undefined;
  const { tenantId, repoId } = ids.scope;
  return finding(
    "intent.report_authority_mismatch",
    `the report was made under another intent than that of ${tenantId}/${repoId}: ${wrong.join(", ")}`,
    { evidence: { tenant_id: tenantId, repo_id: repoId, members: wrong } },
  );
}

export function compareReport(
  report: JsonObject,
  recomputed: Recomputed,
  mode: VerifyMode,
): readonly Finding[] {
  const { validity } = recomputed;
  const findings: Finding[] = [];
  const passed = member(report, "passed");
  if (passed !== validity.passed) {
    const message = `the report says passed: ${words(passed)}, and by the same evidence it is ${validity.passed}`;
    findings.push(finding("operational.report_passed_mismatch", message));
  }
  const ours = textAt(report, "attestation_scheme") === attestationScheme;
  if (ours && member(report, "verdict") !== validity.verdict) {
    const message = `the report's verdict is ${words(member(report, "verdict"))}, and by the same evidence it is ${validity.verdict}`;
    findings.push(finding("operational.report_verdict_mismatch", message));
  }
  const stored = textAt(report, "attestation_fingerprint_sha256")?.toLowerCase();
  if (stored !== validity.attestationSha256) {
    findings.push(attestationFinding(stored, validity.attestationSha256, ours, mode));
  } else if (ours) {
    findings.push(...contentFindings(report, recomputed));
  }
  return findings;
}

function attestationFinding(
  stored: string | undefined,
  recomputed: string,
  ours: boolean,
  mode: VerifyMode,
): Finding {
  const evidence = { stored: stored ?? null, recomputed };
  const code = "operational.report_fingerprint_mismatch";
  if (ours) {
    return finding(code, "the report's attestation is not that of the evidence", { evidence });
  }
  // Of the old runtime: where rows share a millisecond, nobody can take it again from the files.
  const message = "the report's attestation is of a scheme that cannot be taken again, and differs";
  return finding(code, message, { evidence, severity: mode === "strict" ? "error" : "warning" });
}

/** Members that have findings of their own. */
const comparedElsewhere: ReadonlySet<string> = new Set([
  "passed",
  "verdict",
  "intent_ref",
  // Read by the digests that it tells.
  "judged_inputs",
]);

function contentFindings(report: JsonObject, recomputed: Recomputed): readonly Finding[] {
  const { ids, validity, bundleRef, evidenceRef, bundleIntentRef } = recomputed;
  const pathOf = (key: string, ref: FileRef) => textAt(objectAt(report, key), "path") ?? ref.path;
  const expected = validityReport({
    ids,
    // The only thing in it that no file can tell.
    evaluatedAtMs: asDouble(member(report, "evaluated_at_ms")) ?? -1,
    validity,
    intentRef: bundleIntentRef,
    bundleRef: { ...bundleRef, path: pathOf("runtime_bundle_ref", bundleRef) },
    evidenceRef: { ...evidenceRef, path: pathOf("runtime_evidence_ref", evidenceRef) },
  });
  const keys = sortedByCodePoint([...new Set([...Object.keys(report), ...Object.keys(expected)])]);
  const differing = keys.filter(
    (key) =>
      !comparedElsewhere.has(key) &&
      !isEqual(withoutWords(member(report, key)), withoutWords(member(expected, key))),
  );
  if (differing.length === 0) return [];
  return [
    finding(
      "operational.report_content_mismatch",
      `the report does not say what follows from the evidence: ${differing.join(", ")}`,
      { evidence: { members: differing } },
    ),
  ];
}

/** What the manifest says of the judgement; asked only in strict mode. */
export function compareManifest(manifest: ManifestSide, validity: Validity): readonly Finding[] {
  const findings: Finding[] = [];
  const { attestation, passed } = manifest;
  if (attestation !== undefined && attestation !== validity.attestationSha256) {
    findings.push(
      finding("operational.manifest_fingerprint_mismatch", "the manifest notes another attestation", {
        evidence: { stored: attestation, recomputed: validity.attestationSha256 },
      }),
    );
  }
  if (passed !== undefined && passed !== validity.passed) {
    const message = `the manifest says passed: ${passed}, and by the evidence it is ${validity.passed}`;
    findings.push(finding("operational.manifest_passed_mismatch", message));
  }
  return findings;
}

/** Words for people are not attested: another akc may put them otherwise. */
function withoutWords(value: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonArray(value)) return value;
  return value.map((item) => {
    if (!isJsonObject(item)) return item;
    const { message: _message, failures: _failures, ...rest } = item;
    return rest;
  });
}

function isEqual(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return fingerprint(left) === fingerprint(right);
}

function words(value: JsonValue | undefined): string {
  return value === undefined ? "nothing" : typeof value === "string" ? value : String(value);
}
