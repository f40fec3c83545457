/**
 * What a recompile hook is asked: one JSON document, the same for every kind of hook. Pure; it holds no secret, since triggers do not.
 *
 * Source: spec cli §15.3; docs/autopilot.md "The recompile hook".
 */
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Deployed, Trigger } from "../model.ts";
import type { RecompileRequest } from "./contract.ts";

const requestSchema = "akc.autopilot.recompile_request.v1";

/** At most `limits.recompileRequestBytesMax` as text: of the triggers, the oldest are told as long as there is room. */
export function requestDocument(
  { scope, attemptId, triggers, deployed }: RecompileRequest,
  outputsRoot: string,
): JsonObject {
  const { tenantId, repoId } = scope.scope;
  const told: JsonObject[] = [];
  let bytes = 0;
  for (const trigger of triggers) {
    const wire = wireTrigger(trigger);
    bytes += Buffer.byteLength(canonicalJson(wire)) + 1;
    if (bytes > triggersBytesMax) break;
    told.push(wire);
  }
  return {
    schema: requestSchema,
    tenant_id: tenantId,
    repo_id: repoId,
    outputs_root: outputsRoot,
    scope_root: scope.scopeRoot,
    attempt_id: attemptId,
    env_profile: scope.environment,
    triggers: told,
    triggers_omitted: triggers.length - told.length,
    deployed: deployed === undefined ? null : wireDeployed(deployed),
    options: scope.recompile?.options ?? {},
  };
}

/** What is left is for everything else: options come from a configuration that is bounded itself. */
const triggersBytesMax = limits.recompileRequestBytesMax / 2;

function wireTrigger({ id, kind, severity, key, reason, atMs, details }: Trigger): JsonObject {
  return { id, kind, severity, key, reason, at_ms: atMs, details };
}

function wireDeployed({ bundleSha256, bundlePath, runtimeRunId, atMs }: Deployed): JsonObject {
  return { bundle_sha256: bundleSha256, bundle_path: bundlePath, runtime_run_id: runtimeRunId, at_ms: atMs };
}
