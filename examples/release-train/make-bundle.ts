/**
 * Writes the release train down as a bundle: the same graph and the same scripts always give the same bytes.
 * It runs nothing; `bun examples/release-train/make-bundle.ts` renews the files in `bundles/`.
 */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { prettyJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { edges, type Role, type Step, stepsOf, type Variant, variants, type Work } from "./graph.ts";

export const tenantId = "acme";
export const repoId = "tally";
/** Where the committed bundles expect the registry. */
export const defaultRegistry = "http://127.0.0.1:4870";

export interface MadeBundle {
  readonly runId: string;
  /** Text of `.akc/runtime/<runId>.runtime_bundle.json`. */
  readonly bundle: string;
  /** Text of `.akc/orchestration/<runId>.orchestration.json`. */
  readonly orchestration: string;
}

/** @param registry origin of the registry, its address written out: loopback is only reached when it is named. */
export function makeBundle(variant: Variant, registry: string = defaultRegistry): MadeBundle {
  const runId = `${variant.name}-${variant.version}`;
  const scope = { tenant_id: tenantId, repo_id: repoId, run_id: runId };
  const steps = stepsOf(variant);
  const orchestration = fromPlain({
    ...scope,
    steps: steps.map(({ id, role }) => ({ step_id: id, role, inputs: { ir_node_id: `node-${id}` } })),
  });
  const coordination = fromPlain(coordinationOf(variant, steps, scope));
  const bundle = fromPlain({
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    ...scope,
    referenced_ir_nodes: steps.map((step) => nodeOf(step, registry)),
    referenced_contracts: [processContract, callContract],
    coordination_spec: coordination,
    spec_hashes: {
      orchestration_spec_sha256: fingerprint(orchestration),
      coordination_spec_sha256: fingerprint(coordination),
    },
    deployment_intents: [],
    reconcile_desired_state_source: "deployment_intents",
    coordination_execution_contract: {
      parallel_dispatch_enabled: true,
      max_in_flight_steps: 6,
      max_in_flight_per_role: 4,
      completion_fold_order: "coordination_step_id",
    },
    runtime_execution: {
      allow_subprocess: true,
      subprocess_allowlist: ["sh", "sha256sum", "tar", "uname"],
      allow_http: true,
      http_allowlist: [registry],
      http_method_allowlist: ["GET", "POST"],
      http_max_body_bytes: 1024,
      http_max_response_bytes: 4096,
    },
    runtime_policy_envelope: {
      ...scope,
      allow_network: true,
      deny_actions: ["service.reconcile.apply", "service.reconcile.rollback"],
    },
  });
  return { runId, bundle: `${prettyJson(bundle)}\n`, orchestration: `${prettyJson(orchestration)}\n` };
}

/** Who may read what, and who may use the network. Whatever is not named here, a step's processes cannot open. */
function coordinationOf({ sources }: Variant, steps: readonly Step[], scope: object): object {
  const roles: Record<Role, { readonly reads: readonly string[]; readonly network: boolean }> = {
    packer: { reads: sources, network: false },
    checker: { reads: [], network: false },
    releaser: { reads: ["keys"], network: true },
  };
  const names = Object.entries(roles).map(([name]) => name);
  return {
    spec_version: 2,
    ...scope,
    agent_roles: names.map((name) => ({ name, tools: [] })),
    orchestration_bindings: names.map((name) => ({
      role_name: name,
      agent_name: name,
      orchestration_step_ids: steps.filter(({ role }) => role === name).map(({ id }) => id),
    })),
    coordination_graph: {
      nodes: steps.map(({ id, label }) => ({ node_id: id, kind: "step", label })),
      edges: edges().map(({ kind, from, to }) => ({
        edge_id: `${kind}-${from}-${to}`,
        kind,
        src_step_id: from,
        dst_step_id: to,
        ...(kind === "handoff" ? { metadata: { handoff_id: `${from}-to-${to}` } } : {}),
        ...(kind === "parallel" ? { metadata: { parallel_group_id: `after-${from}` } } : {}),
      })),
    },
    governance: {
      max_steps: steps.length,
      role_profiles: Object.fromEntries(
        Object.entries(roles).map(([name, { reads, network }]) => [
          name,
          {
            execution_allow_network: network,
            filesystem_scope: { read_only_roots: reads, scratch_subdir: "scratch" },
          },
        ]),
      ),
    },
  };
}

function nodeOf({ id, label, work }: Step, registry: string): object {
  return {
    id: `node-${id}`,
    tenant_id: tenantId,
    kind: "workflow",
    name: label,
    properties: { runtime_execution: routeOf(id, work, registry) },
    depends_on: [],
    contract: work.kind === "get" || work.kind === "post" ? callContract : processContract,
  };
}

function routeOf(id: string, work: Work, registry: string): object {
  switch (work.kind) {
    case "program":
      return { route: "subprocess", subprocess: { argv: work.argv, timeout_ms: 30_000 } };
    case "script": {
      const stdin = work.files.map((file) => readFileSync(join(import.meta.dir, `steps/${file}.sh`), "utf8"));
      const env = work.env === undefined ? {} : { env: work.env };
      // The script is part of the bundle, so the bundle's fingerprint covers it. Its name is for those who read `inspect`.
      const subprocess = { argv: ["sh", "-s", id], stdin: stdin.join(""), timeout_ms: 60_000, ...env };
      return { route: "subprocess", subprocess };
    }
    case "get":
      return { route: "http", http: { method: "GET", url: `${registry}${work.path}`, timeout_ms: 5_000 } };
    case "post": {
      const http = { method: "POST", url: `${registry}${work.path}`, body: work.body, timeout_ms: 5_000 };
      return { route: "http", http };
    }
  }
}

const processContract = contract("contract-process", ["action_id", "exit_code", "stdout"]);
const callContract = contract("contract-call", ["action_id", "http_status_code"]);

/** A step that ends without these outputs has failed, whatever it says itself. */
function contract(id: string, outputKeys: readonly string[]): object {
  const event = "runtime.kernel.started";
  return {
    contract_id: id,
    contract_category: "runtime",
    triggers: [{ trigger_id: "start", source: event, details: { event_type: event } }],
    io_contract: { input_keys: ["runtime_run_id"], output_keys: outputKeys },
  };
}

/** Text of each file in `bundles/`, by its name. */
export function committedFiles(): ReadonlyMap<string, string> {
  return new Map(
    variants.flatMap((variant) => {
      const { bundle, orchestration } = makeBundle(variant);
      return [
        [`${variant.id}.runtime_bundle.json`, bundle],
        [`${variant.id}.orchestration.json`, orchestration],
      ] as const;
    }),
  );
}

if (import.meta.main) {
  const folder = join(import.meta.dir, "bundles");
  await mkdir(folder, { recursive: true });
  for (const [name, text] of committedFiles()) {
    await Bun.write(join(folder, name), text);
    console.log(`bundles/${name}`);
  }
}
