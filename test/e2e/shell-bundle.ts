/** Makes bundles of shell commands, for tests that need a run which really does something. */

export interface ShellNode {
  readonly id: string;
  readonly argv: readonly string[];
  readonly dependsOn?: readonly string[];
  readonly timeoutMs?: number;
}

/** JSON text of a v4 bundle whose nodes all start when the kernel does, in the order of their dependencies. */
export function shellBundle(nodes: readonly ShellNode[], runId = "run-1"): string {
  const scope = { tenant_id: "acme", repo_id: "shop" };
  const graph = nodes.map(({ id, argv, dependsOn = [], timeoutMs = 60_000 }) => ({
    id,
    tenant_id: scope.tenant_id,
    kind: "workflow",
    name: id,
    properties: { runtime_execution: { route: "subprocess", subprocess: { argv, timeout_ms: timeoutMs } } },
    depends_on: dependsOn,
    contract: contract(id),
  }));
  return JSON.stringify({
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    ...scope,
    run_id: runId,
    referenced_ir_nodes: graph,
    referenced_contracts: graph.map((node) => node.contract),
    spec_hashes: {
      orchestration_spec_sha256: "0".repeat(64),
      coordination_spec_sha256: "0".repeat(64),
    },
    deployment_intents: [],
    reconcile_desired_state_source: "deployment_intents",
    runtime_execution: {
      allow_subprocess: true,
      subprocess_allowlist: [...new Set(nodes.map(({ argv }) => argv[0] ?? ""))],
    },
    workflow_execution_contract: { allowed_routes: ["subprocess"] },
    runtime_policy_envelope: { ...scope, run_id: runId },
  });
}

function contract(id: string): object {
  return {
    contract_id: `contract-${id}`,
    contract_category: "runtime",
    triggers: [
      {
        trigger_id: "boot",
        source: "runtime.kernel.started",
        details: { event_type: "runtime.kernel.started" },
      },
    ],
    io_contract: { input_keys: ["runtime_run_id"], output_keys: ["exit_code"] },
  };
}
