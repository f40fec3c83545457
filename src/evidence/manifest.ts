/**
 * Links a run into its compile run's manifest, when there is one. Every key that is there stays, known or not; only the
 * keys named here are set. A manifest that cannot be read is left alone.
 *
 * Source: spec cli §10.2, §10.3; cli:W-13, cli:W-46.
 */
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { objectAt, textAt } from "../bundle/member.ts";
import { prettyJson } from "../json/canonical.ts";
import { compareCodePoints } from "../json/order.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { RunRow } from "../store/contract.ts";
import { readFileBounded, writeFileAtomic } from "../system/files.ts";
import type { Health } from "./health.ts";
import { type EvidencePaths, shownPath } from "./layout.ts";
import { prettyAt } from "./text/pretty.ts";
import type { Attested } from "./validity-rows.ts";

export interface ManifestLinks {
  readonly run: RunRow;
  readonly paths: EvidencePaths;
  readonly scopeRoot: string;
  readonly health: Health;
  /** `runtime_run.json`. */
  readonly record: JsonObject;
  readonly attested: Attested | undefined;
  /** Fingerprint of the report's JSON; absent where there is none. */
  readonly validityReportSha256: string | undefined;
  /** Fingerprints of the JSON files, SHA-256 of the audit's bytes; the audit's is undefined when it has no record. */
  readonly sha256: {
    readonly events: string;
    readonly evidence: string;
    readonly decisions: string;
    readonly profileDecisions: string;
    readonly audit: string | undefined;
  };
}

export async function hasManifest(paths: EvidencePaths): Promise<boolean> {
  return access(paths.manifest).then(
    () => true,
    () => false,
  );
}

/** Answers whether it was linked: not when the manifest is no object or is another scope's. */
export async function linkManifest(links: ManifestLinks): Promise<boolean> {
  const manifest = await readManifest(links.paths.manifest);
  if (manifest === undefined || !belongs(manifest, links.run)) return false;
  const members: Record<string, JsonValue> = {
    ...manifest,
    runtime_bundle: pointer(links, links.run.bundlePath, links.run.bundleSha256),
    runtime_event_transcript: pointer(links, links.paths.events, links.sha256.events),
    control_plane: controlPlane(objectAt(manifest, "control_plane"), links),
    // Its value comes from the file itself: it may be too long to stand in memory.
    runtime_evidence: [],
  };
  await writeFileAtomic(links.paths.manifest, manifestText(members, links.paths.evidence));
  return true;
}

async function* manifestText(
  members: Record<string, JsonValue>,
  evidencePath: string,
): AsyncGenerator<string> {
  let separator = "{\n";
  for (const key of Object.keys(members).sort(compareCodePoints)) {
    yield `${separator}  ${prettyJson(key)}: `;
    separator = ",\n";
    if (key === "runtime_evidence") yield* indentedFile(evidencePath);
    else yield prettyAt(1, members[key] ?? null);
  }
  yield "\n}";
}

/** The evidence file is PRETTY ASCII already; one level deeper, every line begins two blanks further in. */
async function* indentedFile(path: string): AsyncGenerator<string> {
  for await (const block of createReadStream(path, { encoding: "latin1", highWaterMark: 256 * 1024 })) {
    yield String(block).replaceAll("\n", "\n  ");
  }
}

async function readManifest(path: string): Promise<JsonObject | undefined> {
  try {
    const manifest = parseJson(await readFileBounded(path, limits.jsonTextBytesMax));
    return isJsonObject(manifest) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function belongs(manifest: JsonObject, run: RunRow): boolean {
  const { scope, runId } = run.context;
  return (
    textAt(manifest, "tenant_id") === scope.tenantId &&
    textAt(manifest, "repo_id") === scope.repoId &&
    textAt(manifest, "run_id") === runId
  );
}

function controlPlane(before: JsonObject, links: ManifestLinks): JsonObject {
  const { run, paths, sha256 } = links;
  return {
    schema_version: 1,
    schema_id: "akc:control_plane_envelope:v1",
    ...unjudged(before),
    runtime_run_id: run.context.runtimeRunId,
    runtime_evidence_ref: pointer(links, paths.evidence, sha256.evidence),
    policy_decisions_ref: pointer(links, paths.decisions, sha256.decisions),
    ...(sha256.audit === undefined
      ? {}
      : { coordination_audit_ref: pointer(links, paths.audit, sha256.audit) }),
    ...validity(links),
    coordination_execution_policy: objectAt(links.record, "coordination_execution_policy"),
    developer_role_profile: textAt(links.record, "developer_role_profile") ?? "classic",
    developer_profile_decisions_ref: pointer(links, paths.profileDecisions, sha256.profileDecisions),
    lifecycle_timestamps: lifecycle(objectAt(before, "lifecycle_timestamps"), links),
  };
}

/** What another run of the same compile run was judged to be is no word about this one. */
function unjudged(before: JsonObject): JsonObject {
  const kept = Object.entries(before).filter(([key]) => !key.startsWith("operational_validity_"));
  return Object.fromEntries(kept);
}

/** Source: spec reconcile §8 (the report's digest is over its parsed JSON, §0.2). */
function validity({ attested, paths, validityReportSha256, ...links }: ManifestLinks): JsonObject {
  if (attested === undefined || validityReportSha256 === undefined) return {};
  return {
    operational_validity_report_ref: pointer(links, paths.validityReport, validityReportSha256),
    operational_validity_passed: attested.passed,
    operational_validity_fingerprint_sha256: attested.fingerprintSha256,
  };
}

function lifecycle(before: JsonObject, { run, health }: ManifestLinks): JsonObject {
  const compiled = before["compile_started_at"];
  return {
    ...(compiled === undefined ? {} : { intent_received_at: compiled }),
    ...(health === "healthy" && run.finishedAtMs !== null ? { runtime_healthy_at: run.finishedAtMs } : {}),
    ...before,
  };
}

function pointer({ scopeRoot }: Pick<ManifestLinks, "scopeRoot">, path: string, sha256: string): JsonObject {
  return { path: shownPath(scopeRoot, path), sha256 };
}
