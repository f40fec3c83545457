import { describe, expect, test } from "bun:test";
import { canonicalJson } from "../json/canonical.ts";
import { loadBundle } from "./load.ts";
import { bundleDocument, coordinatedBundle, json, memorySource } from "./source.fixture.ts";

async function metadataOf(members: Record<string, unknown>) {
  return (await loadBundle(memorySource(bundleDocument(members)), { mode: "enforce" })).metadata;
}

/** Every key that the specification documents, with a value that is sound for it. */
const values: Readonly<Record<string, unknown>> = {
  layer_replacement_mode: "full",
  deployment_provider: { kind: "in_memory" },
  deployment_provider_contract: { kind: "in_memory", mutation_mode: "observe_only" },
  workflow_execution_contract: { allowed_routes: ["noop"] },
  runtime_nonzero_exit_on_reconcile_divergence: true,
  reconcile_resync_iterations: 3,
  reconcile_resync_interval_ms: 10,
  reconcile_resync_exponential_backoff: true,
  reconcile_resync_base_interval_ms: 5,
  reconcile_resync_max_interval_ms: 50,
  reconcile_resync_jitter_ratio: 0.5,
  reconcile_resync_jitter_seed: "seed",
  reconcile_health_gate: "strict",
  reconcile_health_unknown_grace_ms: 7,
  coordination_execution_contract: { parallel_dispatch_enabled: true },
  runtime_execution: { allow_subprocess: true, subprocess_allowlist: ["echo"] },
  runtime_action_routes: { "agent.execute": "noop" },
  coordination_agent_worker_http_allowlist: ["agents.example.com"],
  coordination_inherit_http_allowlist: true,
  delivery_plan_ref: { path: ".akc/deployment/run-1.delivery_plan.json", fingerprint: "x" },
  promotion_readiness: { status: "ready" },
  knowledge_layer_ref: { knowledge_hub_node_id: "hub" },
  reconcile_canary_strategy: { steps: [10, 50] },
  deployment_observe_hash_contract: { mode: "strict" },
  metadata: { nested: [1, { deeper: null }] },
};

describe("every documented key arrives, and only when the bundle has it", () => {
  test.each(Object.keys(values))("%s", async (key) => {
    const metadata = await metadataOf({ [key]: values[key] });
    expect(canonicalJson(metadata[key] ?? null)).toBe(canonicalJson(json(values[key])));
    expect(Object.hasOwn(await metadataOf({}), key)).toBe(false);
  });

  test("null is carried as null", async () => {
    expect((await metadataOf({ delivery_plan_ref: null }))["delivery_plan_ref"]).toBeNull();
  });
});

test("a bundle that says nothing has the documented keys with their defaults", async () => {
  expect(Object.keys(await metadataOf({})).sort()).toEqual([
    "coordination_execution_contract_effective",
    "deployment_intents",
    "deployment_intents_ir_alignment",
    "intent_authority_strict_applied",
    "intent_policy_projection",
    "intent_ref",
    "reconcile_deploy_targets_from_ir_only",
    "reconcile_desired_state_source",
    "referenced_contracts",
    "referenced_ir_nodes",
    "runtime_evidence_expectations",
    "schema_version",
    "spec_hashes",
    "system_ir_ref",
  ]);
  expect(await metadataOf({})).toMatchObject({
    schema_version: 4,
    deployment_intents_ir_alignment: "off",
    reconcile_deploy_targets_from_ir_only: false,
    reconcile_desired_state_source: "deployment_intents",
    coordination_execution_contract_effective: {
      parallel_dispatch_enabled: false,
      max_in_flight_steps: 1,
      max_in_flight_per_role: 1,
      completion_fold_order: "coordination_step_id",
    },
  });
});

test("versions before 4 may say yes in words", async () => {
  const old = { schema_version: 1, schema_id: "akc:runtime_bundle:v1" };
  for (const [said, meant] of [
    ["yes", true],
    ["TRUE", true],
    ["1", true],
    ["no", false],
    [1, false],
    [true, true],
  ]) {
    const metadata = await metadataOf({ ...old, reconcile_deploy_targets_from_ir_only: said });
    expect(metadata["reconcile_deploy_targets_from_ir_only"]).toBe(meant === true);
  }
  const aligned = await metadataOf({ ...old, deployment_intents_ir_alignment: " Strict " });
  expect(aligned["deployment_intents_ir_alignment"]).toBe("strict");
});

test("coordination leaves its order and its fingerprint", async () => {
  const { document, files } = coordinatedBundle();
  const { metadata, coordination } = await loadBundle(memorySource(document, files), { mode: "enforce" });
  expect(canonicalJson(metadata["coordination_runtime"] ?? null)).toBe(
    canonicalJson(
      json({
        coordination_schedule_layer_count: 2,
        coordination_schedule_layers: [["one"], ["two"]],
        coordination_spec_fingerprint_sha256: coordination?.sha256,
      }),
    ),
  );
});
