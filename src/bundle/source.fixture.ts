/**
 * Bundles and files in memory for the tests of this room. Never used outside tests.
 */
import { canonicalJson } from "../json/canonical.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { fromPlain } from "../json/plain.ts";
import { parseJson } from "../json/read.ts";
import type { JsonValue } from "../json/value.ts";
import type { BundleSource } from "./files.ts";

export const zeros = "0".repeat(64);

/** A JSON value from ordinary JavaScript. */
export function json(value: unknown): JsonValue {
  return fromPlain(value);
}

/** The smallest valid bundle of version 4, with `members` over it; a member that is undefined is taken away. */
export function bundleDocument(members: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "run-1",
    referenced_ir_nodes: [],
    referenced_contracts: [],
    spec_hashes: { orchestration_spec_sha256: zeros, coordination_spec_sha256: zeros },
    deployment_intents: [],
    runtime_policy_envelope: {},
    ...members,
  };
}

/** A bundle as it stands in `<repo>/.akc/runtime/`, beside files by their path relative to the repository root. */
export function memorySource(document: unknown, files: Readonly<Record<string, unknown>> = {}): BundleSource {
  return {
    path: "/out/acme/shop/.akc/runtime/run-1.runtime_bundle.json",
    repoRoot: "/out/acme/shop",
    text: canonicalJson(json(document)),
    files: {
      read: async (relative) => {
        const value = Object.hasOwn(files, relative) ? files[relative] : undefined;
        return value === undefined ? undefined : parseJson(canonicalJson(json(value)));
      },
    },
  };
}

export function hashOf(value: unknown): string {
  return fingerprint(parseJson(canonicalJson(json(value))));
}

/** A contract that an event `go` triggers. */
export function contractDocument(id: string, members: Readonly<Record<string, unknown>> = {}) {
  return {
    contract_id: id,
    contract_category: "runtime",
    triggers: [{ trigger_id: "boot", source: "go" }],
    io_contract: { input_keys: ["in"], output_keys: ["out"] },
    ...members,
  };
}

export function nodeDocument(id: string, members: Readonly<Record<string, unknown>> = {}) {
  return { id, tenant_id: "acme", kind: "workflow", name: id, properties: {}, depends_on: [], ...members };
}

export function irDocumentOf(nodes: readonly unknown[], members: Readonly<Record<string, unknown>> = {}) {
  return {
    schema_kind: "akc_ir",
    schema_version: 2,
    format_version: "2.0",
    tenant_id: "acme",
    repo_id: "shop",
    nodes,
    ...members,
  };
}

/** Two steps, the second after the first, both bound to one role. */
export function coordinationDocument(members: Readonly<Record<string, unknown>> = {}) {
  return {
    spec_version: 1,
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "run-1",
    agent_roles: [{ name: "writer", tools: [] }],
    orchestration_bindings: [
      { role_name: "writer", agent_name: "a", orchestration_step_ids: ["one", "two"] },
    ],
    coordination_graph: {
      nodes: [
        { node_id: "one", kind: "step" },
        { node_id: "two", kind: "step" },
      ],
      edges: [{ edge_id: "e", kind: "depends_on", src_step_id: "one", dst_step_id: "two" }],
    },
    ...members,
  };
}

export function orchestrationDocument(nodeId = "wf", members: Readonly<Record<string, unknown>> = {}) {
  return {
    steps: ["one", "two"].map((step_id) => ({ step_id, role: "writer", inputs: { ir_node_id: nodeId } })),
    ...members,
  };
}

/** A bundle with the two-step coordination inline, and the orchestration that belongs to it. */
export function coordinatedBundle(members: Readonly<Record<string, unknown>> = {}) {
  const coordination_spec = coordinationDocument();
  const orchestration = orchestrationDocument();
  const document = bundleDocument({
    referenced_ir_nodes: [nodeDocument("wf", { contract: contractDocument("c") })],
    referenced_contracts: [contractDocument("c")],
    coordination_spec,
    spec_hashes: {
      coordination_spec_sha256: hashOf(coordination_spec),
      orchestration_spec_sha256: hashOf(orchestration),
    },
    ...members,
  });
  return { document, files: { ".akc/orchestration/run-1.orchestration.json": orchestration } };
}
