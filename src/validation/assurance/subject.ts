/**
 * What is verified: one run, and the files that it left, as the compile run's manifest points to them or, for a run of akc without a
 * manifest, as its own state does. It reads the manifest and nothing else.
 *
 * Source: spec reconcile §9 step 1; spec cli §10.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Scope } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { evidencePaths } from "../../evidence/layout.ts";
import { isJsonArray, isJsonObject, type JsonArray, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { type Pointer, readArtifact } from "../artifact.ts";

/** What the state of a scope keeps of a run; it vouches for what files can be changed into. */
export interface KeptRun {
  readonly runtimeRunId: string;
  /** Absolute; may lie outside the scope. */
  readonly bundlePath: string;
  readonly bundleSha256: string;
  /** SHA-256 of the bytes of each file of the run's folder, by its name; undefined while nothing is sealed. */
  readonly sealed: ReadonlyMap<string, string> | undefined;
}

export interface Subject {
  /** `<outputs_root>/<tenant>/<repo>`, absolute, links resolved. */
  readonly scopeRoot: string;
  readonly outputsRoot: string;
  readonly scope: Scope;
  readonly runId: string;
  /** Absent where a manifest names no run: it was compiled and never ran. */
  readonly runtimeRunId?: string;
  readonly manifest?: ManifestSide;
  readonly kept?: KeptRun;
  readonly bundle: Pointer;
  /** Absent where there was no run. */
  readonly evidence?: Pointer | undefined;
  /** Where the report is, or would be. */
  readonly report?: Pointer | undefined;
}

/** What a manifest says about the judgement of its latest run. */
export interface ManifestSide {
  /** Below the scope. */
  readonly path: string;
  /** Whether it points to a report, or says that there was a judgement. */
  readonly judged: boolean;
  readonly evidencePinned: boolean;
  readonly reportPinned: boolean;
  readonly passed?: boolean;
  readonly attestation?: string;
  /** Its own copy of the evidence; absent when there is none. */
  readonly evidence?: JsonArray;
}

export interface Where {
  readonly scopeRoot: string;
  readonly outputsRoot: string;
  readonly scope: Scope;
}

export function manifestPath(runId: string): string {
  return `.akc/run/${runId}.manifest.json`;
}

/** @throws AkcError MANIFEST_NOT_FOUND, MANIFEST_INVALID, PATH_UNSAFE */
export async function readManifest({ scopeRoot, scope }: Where, runId: string): Promise<JsonObject> {
  const path = manifestPath(runId);
  const artifact = await readArtifact(scopeRoot, path, { bytesMax: limits.validityEvidenceBytesMax });
  if (artifact.kind === "failed") {
    if (artifact.reason === "missing")
      throw new AkcError("MANIFEST_NOT_FOUND", { details: { path, run: runId } });
    if (artifact.reason === "outside") throw new AkcError("PATH_UNSAFE", { details: { path } });
    throw invalid(path, artifact.message);
  }
  const { value } = artifact;
  if (!isJsonObject(value)) throw invalid(path, "it is not an object");
  const wrong = [
    ["tenant_id", scope.tenantId],
    ["repo_id", scope.repoId],
    ["run_id", runId],
  ].filter(([key = "", expected]) => textAt(value, key) !== expected);
  if (wrong.length > 0) {
    throw invalid(path, `it is of another run: ${wrong.map(([key]) => key).join(", ")}`);
  }
  return value;
}

/** The run that a manifest is about: the latest of its compile run. */
export function runOfManifest(manifest: JsonObject): string | undefined {
  return textAt(objectAt(manifest, "control_plane"), "runtime_run_id");
}

/** What the manifest points to. @param kept what the state keeps of that run, where it has it */
export function subjectOfManifest(
  where: Where,
  runId: string,
  manifest: JsonObject,
  kept: KeptRun | undefined,
): Subject {
  const control = objectAt(manifest, "control_plane");
  const runtimeRunId = runOfManifest(manifest);
  const paths =
    runtimeRunId === undefined ? undefined : evidencePaths(where.scopeRoot, { runId, runtimeRunId });
  const evidence = pointerAt(control, "runtime_evidence_ref");
  const report = pointerAt(control, "operational_validity_report_ref");
  const passed = member(control, "operational_validity_passed");
  const attestation = textAt(control, "operational_validity_fingerprint_sha256")?.toLowerCase();
  const copy = member(manifest, "runtime_evidence");
  return {
    scopeRoot: where.scopeRoot,
    outputsRoot: where.outputsRoot,
    scope: where.scope,
    runId,
    ...(runtimeRunId === undefined ? {} : { runtimeRunId }),
    manifest: {
      path: manifestPath(runId),
      judged: report !== undefined || typeof passed === "boolean" || attestation !== undefined,
      evidencePinned: evidence?.sha256 !== undefined,
      reportPinned: report?.sha256 !== undefined,
      ...(typeof passed === "boolean" ? { passed } : {}),
      ...(attestation === undefined ? {} : { attestation }),
      ...(isJsonArray(copy) && copy.length > 0 ? { evidence: copy } : {}),
    },
    ...(kept === undefined ? {} : { kept }),
    bundle: pointerAt(manifest, "runtime_bundle") ?? { path: `.akc/runtime/${runId}.runtime_bundle.json` },
    evidence: evidence ?? (paths === undefined ? undefined : { path: paths.evidence }),
    report: report ?? (paths === undefined ? undefined : { path: paths.validityReport }),
  };
}

/** A run of akc that no manifest points to. */
export function subjectOfRun(where: Where, runId: string, kept: KeptRun): Subject {
  const { runtimeRunId } = kept;
  const paths = evidencePaths(where.scopeRoot, { runId, runtimeRunId });
  return {
    scopeRoot: where.scopeRoot,
    outputsRoot: where.outputsRoot,
    scope: where.scope,
    runId,
    runtimeRunId,
    kept,
    bundle: { path: kept.bundlePath, sha256: kept.bundleSha256 },
    evidence: { path: paths.evidence },
    report: { path: paths.validityReport },
  };
}

function pointerAt(object: JsonObject, key: string): Pointer | undefined {
  const pointer = objectAt(object, key);
  const path = textAt(pointer, "path");
  if (path === undefined) return undefined;
  const sha256 = textAt(pointer, "sha256")?.toLowerCase();
  return { path, ...(sha256 === undefined ? {} : { sha256 }) };
}

function invalid(path: string, why: string): AkcError {
  return new AkcError("MANIFEST_INVALID", { details: { path, why } });
}
