/**
 * Assembles the metadata of a loaded bundle: the keys that every run has, and those that are carried over as they
 * stand. The old loader dropped some that its own runtime reads; here all of them arrive.
 *
 * Source: spec bundle §6.6, spec kernel §9.1 step 8; bundle:W-1.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { CoordinationHandoff } from "./coordination-handoff.ts";
import { listAt, member, objectAt } from "./member.ts";
import type { Bundle, CoordinationExecutionContract } from "./model.ts";

/** Copied verbatim when the bundle has them. */
const carriedKeys = [
  "layer_replacement_mode",
  "deployment_provider",
  "deployment_provider_contract",
  "workflow_execution_contract",
  "runtime_nonzero_exit_on_reconcile_divergence",
  "reconcile_resync_iterations",
  "reconcile_resync_interval_ms",
  "reconcile_resync_exponential_backoff",
  "reconcile_resync_base_interval_ms",
  "reconcile_resync_max_interval_ms",
  "reconcile_resync_jitter_ratio",
  "reconcile_resync_jitter_seed",
  "reconcile_health_gate",
  "reconcile_health_unknown_grace_ms",
  "coordination_execution_contract",
  // What the old loader dropped (bundle:W-1):
  "runtime_execution",
  "runtime_action_routes",
  "coordination_agent_worker_http_allowlist",
  "coordination_inherit_http_allowlist",
  "delivery_plan_ref",
  "promotion_readiness",
  "knowledge_layer_ref",
  "reconcile_canary_strategy",
  "deployment_observe_hash_contract",
  // An addition of akc's own: docs/rollouts.md.
  "runtime_rollout",
  "metadata",
] as const;

export interface MetadataParts {
  readonly schemaVersion: number;
  readonly intentProjection: JsonObject;
  readonly intentAuthorityStrict: boolean;
  readonly desiredStateSource: Bundle["desiredStateSource"];
  readonly coordination: CoordinationHandoff | undefined;
  readonly coordinationContract: CoordinationExecutionContract;
}

export function assembleMetadata(document: JsonObject, parts: MetadataParts): JsonObject {
  const coordinationRef = objectAt(document, "coordination_ref");
  const carried = carriedKeys.flatMap((key): [string, JsonValue][] => {
    const value = member(document, key);
    return value === undefined ? [] : [[key, value]];
  });
  return {
    schema_version: parts.schemaVersion,
    intent_ref: objectAt(document, "intent_ref"),
    intent_policy_projection: parts.intentProjection,
    referenced_ir_nodes: listAt(document, "referenced_ir_nodes"),
    referenced_contracts: listAt(document, "referenced_contracts"),
    deployment_intents: listAt(document, "deployment_intents"),
    spec_hashes: objectAt(document, "spec_hashes"),
    runtime_evidence_expectations: listAt(document, "runtime_evidence_expectations"),
    system_ir_ref: member(document, "system_ir_ref") ?? null,
    reconcile_desired_state_source: parts.desiredStateSource,
    intent_authority_strict_applied: parts.intentAuthorityStrict,
    reconcile_deploy_targets_from_ir_only: saysYes(member(document, "reconcile_deploy_targets_from_ir_only")),
    deployment_intents_ir_alignment: alignment(member(document, "deployment_intents_ir_alignment")),
    coordination_execution_contract_effective: {
      parallel_dispatch_enabled: parts.coordinationContract.parallelDispatchEnabled,
      max_in_flight_steps: parts.coordinationContract.maxInFlightSteps,
      max_in_flight_per_role: parts.coordinationContract.maxInFlightPerRole,
      completion_fold_order: parts.coordinationContract.completionFoldOrder,
    },
    ...(Object.keys(coordinationRef).length === 0 ? {} : { coordination_ref: coordinationRef }),
    ...(parts.coordination === undefined ? {} : { coordination_runtime: runtimeOf(parts.coordination) }),
    ...Object.fromEntries(carried),
  };
}

function runtimeOf(coordination: CoordinationHandoff): JsonObject {
  return {
    coordination_schedule_layer_count: coordination.plan.layers.length,
    coordination_schedule_layers: coordination.plan.layers,
    coordination_spec_fingerprint_sha256: coordination.sha256,
  };
}

/** Versions before 4 leave the type of this switch open; a text counts when it plainly says yes. */
function saysYes(value: JsonValue | undefined): boolean {
  if (typeof value === "boolean") return value;
  return typeof value === "string" && ["1", "true", "yes"].includes(value.trim().toLowerCase());
}

function alignment(value: JsonValue | undefined): string {
  const word = typeof value === "string" ? value.trim().toLowerCase() : "";
  return word === "" || isJsonObject(value) ? "off" : word;
}
