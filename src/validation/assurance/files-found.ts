/**
 * What is wrong with the files of a run as files: missing, not to be read, of another scope, or not the ones whose digests somebody
 * noted. Pure. A file that is wrong is always an error, and makes no other check milder.
 *
 * Source: spec reconcile §9, Appendix B; reconcile:W-10b.
 */
import { objectAt, textAt } from "../../bundle/member.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import type { Artifact } from "../artifact.ts";
import type { EvidenceReading } from "../evidence-rows.ts";
import type { VerifyMode } from "./compare.ts";
import { type Finding, type FindingCode, finding } from "./finding.ts";
import { isPinned, type Pin, pinFinding } from "./pins.ts";
import type { Subject } from "./subject.ts";

export interface FilesFound {
  readonly bundle: Artifact;
  /** Undefined where there was no run. */
  readonly evidence: EvidenceReading | undefined;
  readonly report: Artifact | undefined;
}

export function bundleFinding(subject: Subject, { bundle, report }: FilesFound): readonly Finding[] {
  const { scope, runId, kept } = subject;
  if (bundle.kind === "failed") return [failedFile(bundle, "operational.bundle_unreadable")];
  if (!isJsonObject(bundle.value)) {
    return [finding("operational.bundle_unreadable", `${bundle.shown}: the bundle is not an object`)];
  }
  const findings: Finding[] = [];
  const pins: readonly Pin[] = [
    {
      by: "manifest",
      over: "json",
      sha256: subject.manifest === undefined ? undefined : subject.bundle.sha256,
    },
    { by: "report", over: "json", sha256: refDigest(report, "runtime_bundle_ref") },
    { by: "state", over: "json", sha256: kept?.bundleSha256 },
  ];
  const tampered = pinFinding("operational.bundle_tampered", bundle.shown, bundle, pins);
  if (tampered !== undefined) findings.push(tampered);
  const ids = { tenant_id: scope.tenantId, repo_id: scope.repoId, run_id: runId };
  const wrong = Object.entries(ids).filter(([key, id]) => textAt(objectOf(bundle), key) !== id);
  if (wrong.length > 0) {
    const keys = wrong.map(([key]) => key);
    findings.push(
      finding("operational.scope_mismatch", `the bundle is of another run: ${keys.join(", ")}`, {
        evidence: { path: bundle.shown, members: keys },
      }),
    );
  }
  return findings;
}

/** @param options.asked whether anything is judged by the evidence */
export function evidenceFindings(
  subject: Subject,
  { evidence, report }: FilesFound,
  { asked, mode }: { readonly asked: boolean; readonly mode: VerifyMode },
): readonly Finding[] {
  if (evidence === undefined) {
    if (!asked) return [];
    return [finding("operational.evidence_missing", "the manifest names no run, so there is no evidence")];
  }
  if (evidence.kind === "failed") {
    const { manifest, kept } = subject;
    const expected = manifest?.evidencePinned === true || kept?.sealed !== undefined;
    return asked || expected ? [failedEvidence(evidence)] : [];
  }
  const pins: readonly Pin[] = [
    {
      by: "manifest",
      over: "json",
      sha256: subject.manifest === undefined ? undefined : subject.evidence?.sha256,
    },
    { by: "report", over: "json", sha256: refDigest(report, "runtime_evidence_ref") },
    { by: "state", over: "bytes", sha256: subject.kept?.sealed?.get("runtime_evidence.json") },
  ];
  const findings: Finding[] = [];
  const tampered = pinFinding("operational.evidence_tampered", evidence.shown, evidence, pins);
  if (tampered !== undefined) findings.push(tampered);
  if (asked && !isPinned(pins)) {
    findings.push(
      finding("operational.evidence_unpinned", `nobody noted a digest of ${evidence.shown}`, {
        evidence: { path: evidence.shown },
        severity: mode === "strict" ? "error" : "warning",
      }),
    );
  }
  return [...findings, ...copyFinding(subject, evidence.sha256, mode)];
}

/** The copy that a manifest holds is what goes around with it. */
function copyFinding({ manifest }: Subject, sha256: string, mode: VerifyMode): readonly Finding[] {
  if (manifest?.evidence === undefined) return [];
  const copy = fingerprint(manifest.evidence);
  if (copy === sha256) return [];
  return [
    finding("operational.manifest_evidence_mismatch", "the manifest's copy of the evidence is another one", {
      evidence: { copy_sha256: copy, found_sha256: sha256 },
      severity: mode === "strict" ? "error" : "warning",
    }),
  ];
}

/** @param criteria whether there are any */
export function reportFindings(
  subject: Subject,
  { report }: FilesFound,
  criteria: boolean,
): readonly Finding[] {
  const { manifest, kept } = subject;
  const sealed = kept?.sealed?.get("operational_validity_report.json");
  if (report === undefined || (report.kind === "failed" && report.reason === "missing")) {
    if (manifest?.judged === true || sealed !== undefined) {
      const who = manifest?.judged === true ? "the manifest" : "the state of the scope";
      const message = `${who} says that the run was judged, and the report is not there`;
      return [finding("operational.report_missing", message, { evidence: { path: report?.shown ?? null } })];
    }
    if (!criteria) return [];
    return [
      finding(
        "operational.report_missing_recomputed",
        "operational validity report is absent; the verdict was worked out again",
      ),
    ];
  }
  if (report.kind === "failed") return [failedFile(report, "operational.report_unreadable")];
  if (!isJsonObject(report.value)) {
    return [finding("operational.report_unreadable", `${report.shown}: the report is not an object`)];
  }
  const findings: Finding[] = [];
  const pins: readonly Pin[] = [
    { by: "manifest", over: "json", sha256: manifest === undefined ? undefined : subject.report?.sha256 },
    { by: "state", over: "bytes", sha256: sealed },
  ];
  const tampered = pinFinding("operational.report_pointer_sha_mismatch", report.shown, report, pins);
  if (tampered !== undefined) findings.push(tampered);
  if (!criteria) {
    const message = "there is a report, and the bundle has no criteria that it could be about";
    findings.push(
      finding("operational.report_without_criteria", message, { evidence: { path: report.shown } }),
    );
  }
  return findings;
}

function failedEvidence(evidence: Extract<EvidenceReading, { kind: "failed" }>): Finding {
  switch (evidence.reason) {
    case "missing":
      return failedFile(evidence, "operational.evidence_missing");
    case "foreign":
      return failedFile(evidence, "operational.evidence_foreign");
    default:
      return failedFile(evidence, "operational.evidence_unreadable");
  }
}

function failedFile(
  file: { readonly shown: string; readonly reason: string; readonly message: string },
  code: FindingCode,
): Finding {
  const outside = file.reason === "outside";
  return finding(outside ? "operational.path_outside" : code, file.message, {
    evidence: { path: file.shown, reason: file.reason },
  });
}

/** The digest that the report notes of a file that it was made from. */
function refDigest(report: Artifact | undefined, key: string): string | undefined {
  return textAt(objectAt(objectOf(report), key), "sha256");
}

function objectOf(artifact: Artifact | undefined): JsonObject {
  return artifact?.kind === "read" && isJsonObject(artifact.value) ? artifact.value : {};
}
