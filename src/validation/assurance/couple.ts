/**
 * The operational coupling: everything that a run's manifest, bundle, evidence and report say about its operational validity, read from
 * the disk, judged again and compared. It believes no verdict that it did not work out itself, and changes nothing.
 *
 * Source: spec reconcile §9, Appendix B; reconcile:W-04c, W-10b, W-25, W-27.
 */
import { objectAt, textAt } from "../../bundle/member.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { type Artifact, readArtifact } from "../artifact.ts";
import type { BindingRegistry } from "../bindings/model.ts";
import { type EvidenceReading, readEvidence } from "../evidence-rows.ts";
import { bundleSchemaVersion, judgeInputs, loadInputs } from "../inputs.ts";
import { inputsFolder, JudgedFiles, judgedInputsOf } from "../judged-inputs.ts";
import { criteriaOf, stubsOf } from "../operational-spec/criteria.ts";
import type { Criterion, Validity } from "../operational-spec/model.ts";
import { attachmentFindings } from "./attachments.ts";
import { type Authority, intentAuthorityOf } from "./authority.ts";
import {
  compareManifest,
  compareReport,
  foreignReport,
  type Recomputed,
  reportAuthority,
  type VerifyMode,
} from "./compare.ts";
import { bundleFinding, evidenceFindings, type FilesFound, reportFindings } from "./files-found.ts";
import { type Finding, finding, isError } from "./finding.ts";
import { type Governance, readGovernance } from "./governance.ts";
import { type ProviderResult, providerResults } from "./providers.ts";
import { assuranceResult } from "./result.ts";
import type { Subject } from "./subject.ts";
import { rollupFindings, verdictFindings } from "./verdicts.ts";

export interface CouplingInput {
  readonly subject: Subject;
  readonly mode: VerifyMode;
  /** Asked only when criteria name bindings. @throws AkcError BINDINGS_… */
  registry(): Promise<BindingRegistry>;
  readonly clock: Pick<Clock, "nowMs">;
  /** What was found before the files were looked at, such as a state that cannot be read. */
  readonly found?: readonly Finding[];
}

export interface Coupling {
  readonly governance: Governance;
  /** `none`: there are no criteria to judge by. */
  readonly authority: "recomputed" | "none";
  readonly criteriaSource: "intent_store" | "bundle";
  readonly criteria: readonly Criterion[];
  /** Absent where there are no criteria. */
  readonly validity: Validity | undefined;
  readonly hadReport: boolean;
  readonly storedAttestation: string | undefined;
  /** Whether the manifest's word was held against the recomputed one. */
  readonly manifestCompared: boolean;
  readonly findings: readonly Finding[];
  readonly providers: readonly ProviderResult[];
  /** No error was found, and what was judged passes. */
  readonly passed: boolean;
  /** `akc:operational_assurance_result:v1` */
  readonly result: JsonObject;
}

export async function coupleRun(input: CouplingInput): Promise<Coupling> {
  const { subject } = input;
  const governance = await readGovernance(subject.scopeRoot);
  const files = await readFiles(subject);
  const bundle =
    files.bundle.kind === "read" && isJsonObject(files.bundle.value) ? files.bundle.value : undefined;
  const authority =
    bundle === undefined ? undefined : await intentAuthorityOf({ ...subject, bundle, scope: subject.scope });
  const criteria = authority === undefined ? [] : criteriaOf(authority.document);
  const judged = await judge(input, files, bundle, criteria);
  const stubs = stubsOf(criteria).map(({ stub }) => stub);
  const providers = providerResults({
    stubs,
    registry: stubs.length === 0 ? { bindings: new Map() } : await input.registry(),
    evidence: recordsOf(files.evidence),
    governance,
  });
  const findings = [
    ...(input.found ?? []),
    ...governance.findings,
    ...bundleFinding(subject, files),
    ...(authority?.findings ?? []),
    ...evidenceFindings(subject, files, { asked: criteria.length > 0, mode: input.mode }),
    ...reportFindings(subject, files, criteria.length > 0),
    ...providers.findings,
    ...judged.findings,
    ...compared(input, files, bundle, authority, judged.validity),
    ...(await attachmentFindings(subject.scopeRoot, recordsOf(files.evidence))),
  ];
  return concluded(input, {
    governance,
    files,
    authority,
    criteria,
    judged,
    findings,
    providers: providers.results,
  });
}

async function readFiles(subject: Subject): Promise<FilesFound> {
  const { scopeRoot, bundle, evidence, report, runtimeRunId, kept } = subject;
  return {
    bundle: await readArtifact(scopeRoot, bundle.path, {
      bytesMax: limits.jsonTextBytesMax,
      vouchedFor: kept?.bundlePath,
    }),
    evidence: evidence === undefined ? undefined : await readEvidence(scopeRoot, evidence.path, runtimeRunId),
    report:
      report === undefined
        ? undefined
        : await readArtifact(scopeRoot, report.path, { bytesMax: limits.jsonTextBytesMax }),
  };
}

interface Judged {
  readonly validity: Validity | undefined;
  readonly findings: readonly Finding[];
}

async function judge(
  { subject }: CouplingInput,
  { evidence, report }: FilesFound,
  bundle: JsonObject | undefined,
  criteria: readonly Criterion[],
): Promise<Judged> {
  if (bundle === undefined || criteria.length === 0) return { validity: undefined, findings: [] };
  const { scopeRoot, scope, runId, runtimeRunId } = subject;
  const inputs = await loadInputs({
    scopeRoot,
    scope,
    runId,
    runtimeRunId,
    evidence: evidence ?? noRun,
    criteria,
    bundleSchemaVersion: bundleSchemaVersion(bundle),
    files: new JudgedFiles(
      scopeRoot,
      inputsFolder(runId, runtimeRunId ?? ""),
      judgedInputsOf(objectOf(report)),
    ),
  });
  const validity = judgeInputs(criteria, inputs);
  if (inputs.kind === "unreadable") {
    const { unreadable } = inputs;
    // Of the evidence itself it is said where the files are looked at.
    if (unreadable.input === "runtime_evidence") return { validity, findings: [] };
    const told = { input: unreadable.input, reason: unreadable.reason };
    return {
      validity,
      findings: [finding("operational.sidecar_unreadable", unreadable.message, { evidence: told })],
    };
  }
  return {
    validity,
    findings: [...rollupFindings(inputs.inputs.rollups), ...verdictFindings(validity)],
  };
}

const noRun: EvidenceReading = {
  kind: "failed",
  shown: "runtime_evidence.json",
  reason: "missing",
  message: "the manifest names no run: there is no evidence",
};

function compared(
  { subject, mode }: CouplingInput,
  { bundle: bundleFile, evidence, report: reportFile }: FilesFound,
  bundle: JsonObject | undefined,
  authority: Authority | undefined,
  validity: Validity | undefined,
): readonly Finding[] {
  const { scope, runId, runtimeRunId, manifest } = subject;
  const report = objectOf(reportFile);
  const findings: Finding[] = [];
  if (report !== undefined && runtimeRunId !== undefined) {
    const ids = { scope, runId, runtimeRunId };
    const foreign = foreignReport(report, ids);
    if (foreign !== undefined) return [foreign];
    const other = authority === undefined ? undefined : reportAuthority(report, authority.ref, ids);
    if (other !== undefined) findings.push(other);
    if (
      validity !== undefined &&
      bundle !== undefined &&
      bundleFile.kind === "read" &&
      evidence?.kind === "read"
    ) {
      const recomputed: Recomputed = {
        ids,
        validity,
        bundleRef: {
          path: bundleFile.shown,
          sha256: bundleFile.sha256,
          schemaVersion: bundleSchemaVersion(bundle),
        },
        evidenceRef: { path: evidence.shown, sha256: evidence.sha256 },
        bundleIntentRef: objectAt(bundle, "intent_ref"),
      };
      findings.push(...compareReport(report, recomputed, mode));
    }
  }
  const comparable = mode === "strict" && manifest !== undefined && validity !== undefined;
  if (comparable) findings.push(...compareManifest(manifest, validity));
  return findings;
}

function concluded(
  { subject, mode, clock }: CouplingInput,
  parts: {
    readonly governance: Governance;
    readonly files: FilesFound;
    readonly authority: Authority | undefined;
    readonly criteria: readonly Criterion[];
    readonly judged: Judged;
    readonly findings: readonly Finding[];
    readonly providers: readonly ProviderResult[];
  },
): Coupling {
  const { governance, files, criteria, judged, providers } = parts;
  const { validity } = judged;
  const findings = [...parts.findings, ...thresholdFinding(governance, parts.findings)];
  const passed = !findings.some(isError) && (validity === undefined || validity.verdict === "pass");
  const authority = criteria.length === 0 ? "none" : "recomputed";
  const criteriaSource = parts.authority?.source ?? "bundle";
  const { scope, runId, runtimeRunId, manifest } = subject;
  const stored = objectOf(files.report);
  return {
    governance,
    authority,
    criteriaSource,
    criteria,
    validity,
    hadReport: stored !== undefined,
    storedAttestation:
      (stored === undefined ? undefined : textAt(stored, "attestation_fingerprint_sha256")) ??
      manifest?.attestation,
    manifestCompared: mode === "strict" && manifest?.attestation !== undefined && validity !== undefined,
    findings,
    providers,
    passed,
    result: assuranceResult({
      scope,
      runId,
      runtimeRunId,
      checkedAtMs: clock.nowMs(),
      enforcement: governance.enforcement,
      passed,
      findings,
      providers,
      validity,
      authority,
      criteriaSource,
    }),
  };
}

function thresholdFinding(governance: Governance, findings: readonly Finding[]): readonly Finding[] {
  const { enforcement, errorsMax } = governance;
  const errors = findings.filter(isError).length;
  if (errorsMax === undefined || errors <= errorsMax || enforcement !== "blocking") return [];
  return [
    finding(
      "operational.governance_error_threshold_exceeded",
      `${errors} errors were found, and the governance profile lets at most ${errorsMax} be found`,
      { evidence: { max_errors_before_block: errorsMax, error_count: errors } },
    ),
  ];
}

function recordsOf(evidence: EvidenceReading | undefined) {
  return evidence?.kind === "read" ? evidence.records : [];
}

function objectOf(artifact: Artifact | undefined): JsonObject | undefined {
  return artifact?.kind === "read" && isJsonObject(artifact.value) ? artifact.value : undefined;
}
