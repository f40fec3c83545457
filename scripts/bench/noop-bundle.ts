/**
 * Makes bundles of many steps that do nothing, for measuring what akc itself costs: rows of `width` steps, each waiting for
 * the one above it.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";

export interface NoopBundle {
  readonly steps: number;
  /** Steps in flight, in all and for a role. */
  readonly width: number;
  /** What each step runs; `noop` when absent. */
  readonly argv?: readonly string[];
}

/** Writes the bundle and its orchestration below `root`; returns the bundle's path. */
export async function writeNoopBundle(root: string, { steps, width, argv }: NoopBundle): Promise<string> {
  const ids = Array.from({ length: steps }, (_, index) => `s${String(index).padStart(6, "0")}`);
  const spec = coordination(ids, width);
  const orchestration = {
    steps: ids.map((id) => ({ step_id: id, role: "worker", inputs: { ir_node_id: "n" } })),
  };
  const folder = join(root, "bench", "bench", ".akc");
  const path = join(folder, "runtime", `bench-${steps}.runtime_bundle.json`);
  await writeJson(join(folder, "orchestration", "bench.orchestration.json"), orchestration);
  await writeJson(path, bundle(spec, fingerprint(orchestration), width, argv));
  return path;
}

function coordination(ids: readonly string[], width: number): JsonObject {
  return {
    spec_version: 1,
    run_id: "bench",
    tenant_id: "bench",
    repo_id: "bench",
    agent_roles: [{ name: "worker", tools: [] }],
    orchestration_bindings: [
      { role_name: "worker", agent_name: "w", orchestration_step_ids: ids.slice(0, 1) },
    ],
    coordination_graph: {
      nodes: ids.map((id) => ({ node_id: id, kind: "step" })),
      edges: ids.slice(width).map((id, index) => ({
        edge_id: `e${index}`,
        kind: "depends_on",
        src_step_id: ids[index] ?? "",
        dst_step_id: id,
      })),
    },
  };
}

function bundle(
  spec: JsonObject,
  orchestrationSha256: string,
  width: number,
  argv?: readonly string[],
): JsonObject {
  const contract = {
    contract_id: "c",
    contract_category: "runtime",
    triggers: [{ trigger_id: "boot", source: "runtime.kernel.started" }],
    io_contract: { input_keys: ["runtime_run_id"], output_keys: ["action_id"] },
  };
  const execution =
    argv === undefined
      ? { route: "noop" }
      : { route: "subprocess", subprocess: { argv: [...argv], timeout_ms: 10_000 } };
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: "bench",
    repo_id: "bench",
    run_id: "bench",
    referenced_ir_nodes: [
      {
        id: "n",
        tenant_id: "bench",
        kind: "workflow",
        name: "n",
        properties: { runtime_execution: execution },
        depends_on: [],
        contract,
      },
    ],
    referenced_contracts: [contract],
    coordination_spec: spec,
    spec_hashes: {
      orchestration_spec_sha256: orchestrationSha256,
      coordination_spec_sha256: fingerprint(spec),
    },
    deployment_intents: [],
    runtime_execution: { allow_subprocess: true, subprocess_allowlist: [argv?.[0] ?? "true"] },
    runtime_policy_envelope: {},
    coordination_execution_contract: {
      parallel_dispatch_enabled: true,
      max_in_flight_steps: width,
      max_in_flight_per_role: width,
      completion_fold_order: "coordination_step_id",
    },
  };
}

async function writeJson(path: string, value: JsonObject): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(value));
}
