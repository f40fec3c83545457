/**
 * `verify_developer_context.v1.json`: who verified what, from where, for tools that come after. A scope that cannot be written is told,
 * and is no reason not to verify it.
 *
 * Source: spec reconcile §9 "Sequence".
 */
import { prettyJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { resolveConfined, writeFileAtomic } from "../../system/files.ts";
import type { Subject } from "../../validation/assurance/subject.ts";
import type { VerifyPlace } from "./place.ts";

const contextPath = ".akc/verification/verify_developer_context.v1.json";

export function verifyContext(place: VerifyPlace, subject: Subject | undefined): JsonObject {
  const { scope, sources, roleProfile } = place;
  return {
    schema_kind: "akc_verify_developer_context",
    version: 1,
    developer_role_profile: roleProfile.value,
    developer_role_profile_resolution_source: roleProfile.source,
    tenant_id: scope.tenantId,
    tenant_id_resolution_source: sources.tenantId,
    repo_id: scope.repoId,
    repo_id_resolution_source: sources.repoId,
    outputs_root: place.outputsRoot,
    outputs_root_resolution_source: sources.outputsRoot,
    run_id: subject?.runId ?? null,
    runtime_run_id: subject?.runtimeRunId ?? null,
    manifest_path: subject?.manifest === undefined ? null : subject.manifest.path,
  };
}

/** Answers its path. @throws AkcError PATH_UNSAFE, DISK_FULL; and what the system throws for a place that cannot be written */
export async function writeContext(scopeRoot: string, context: JsonObject): Promise<string> {
  await writeFileAtomic(await resolveConfined(scopeRoot, contextPath), `${prettyJson(context)}\n`);
  return contextPath;
}
