/**
 * Bundles that read like the domain, for tests of the binary: `bundle().step("lint", sh("…")).step("test", sh("…"), "lint")`.
 * Makes documents only; writes nothing.
 */
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { limits } from "../../src/limits.ts";

export type Json = Readonly<Record<string, unknown>>;

/** A node's `runtime_execution`. */
export type StepRoute = Json;

export const runId = "run-1";

export function sh(script: string, options: { readonly timeoutMs?: number } = {}): StepRoute {
  return exec(["sh", "-c", script], options);
}

export function exec(argv: unknown, options: { readonly timeoutMs?: number } = {}): StepRoute {
  const timeout = options.timeoutMs === undefined ? {} : { timeout_ms: options.timeoutMs };
  return { route: "subprocess", subprocess: { argv, ...timeout } };
}

/** The route, tried as often as any other, with hardly a wait between its tries. */
export function hurried(route: StepRoute): StepRoute {
  return { ...route, retry: { retries: limits.attemptsMax - 1, delay_ms: 1 } };
}

export function get(url: string): StepRoute {
  return { route: "http", http: { url, method: "GET", timeout_ms: 5_000 } };
}

export const noop: StepRoute = { route: "noop" };

interface Draft {
  readonly steps: readonly {
    readonly id: string;
    readonly route: StepRoute;
    readonly needs: readonly string[];
  }[];
  /** Nodes that run when the kernel starts, in the order of what they need. */
  readonly started: Draft["steps"];
  readonly members: Json;
  readonly lanes: Json;
  readonly coordination: Json;
}

/** Every method but the last two gives a new builder. */
export interface BundleBuilder {
  step(id: string, route: StepRoute, ...needs: readonly string[]): BundleBuilder;
  /** A node that no step runs: the start of the kernel triggers it, and it waits for the nodes that it needs. */
  started(id: string, route: StepRoute, ...needs: readonly string[]): BundleBuilder;
  /** Members over those of the document; one that is undefined is taken away. */
  with(members: Json): BundleBuilder;
  /** Members over those of `runtime_execution`. */
  lanes(members: Json): BundleBuilder;
  /** Members over those of the coordination spec; its hash follows. */
  coordination(members: Json): BundleBuilder;
  /** Opens HTTP to these, with the network permission that a step needs for it. */
  reaching(...urls: readonly string[]): BundleBuilder;
  document(): Json;
  orchestration(): Json;
}

/** A bundle of `acme/shop` that may start `sh` and `true` and has no step yet. All steps have the role `builder`. */
export function bundle(): BundleBuilder {
  return builderOf({ steps: [], started: [], members: {}, lanes: {}, coordination: {} });
}

function builderOf(draft: Draft): BundleBuilder {
  const { steps, started, members, lanes, coordination } = draft;
  const builder: BundleBuilder = {
    step: (id, route, ...needs) => builderOf({ ...draft, steps: [...steps, { id, route, needs }] }),
    started: (id, route, ...needs) => builderOf({ ...draft, started: [...started, { id, route, needs }] }),
    with: (more) => builderOf({ ...draft, members: { ...members, ...more } }),
    lanes: (more) => builderOf({ ...draft, lanes: { ...lanes, ...more } }),
    coordination: (more) => builderOf({ ...draft, coordination: { ...coordination, ...more } }),
    reaching: (...urls) =>
      builder
        .lanes({ allow_http: true, http_allowlist: urls })
        .with({ runtime_policy_envelope: { allow_network: true } }),
    document: () => documentOf(draft),
    orchestration: () => orchestrationOf(draft),
  };
  return builder;
}

function documentOf(draft: Draft): Json {
  const { steps, started, members, lanes } = draft;
  const spec = coordinationOf(draft);
  const coordinated = steps.length > 0;
  const document = {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: "acme",
    repo_id: "shop",
    run_id: runId,
    referenced_ir_nodes: [
      ...steps.map(({ id, route }) => node(`node-${id}`, route, [])),
      ...started.map(({ id, route, needs }) => ({ ...node(id, route, needs), contract: startContract(id) })),
    ],
    referenced_contracts: started.map(({ id }) => startContract(id)),
    ...(coordinated ? { coordination_spec: spec } : {}),
    spec_hashes: {
      coordination_spec_sha256: coordinated ? sha256Of(spec) : "0".repeat(64),
      orchestration_spec_sha256: coordinated ? sha256Of(orchestrationOf(draft)) : "0".repeat(64),
    },
    deployment_intents: [],
    runtime_policy_envelope: {},
    runtime_execution: { allow_subprocess: true, subprocess_allowlist: ["sh", "true"], ...lanes },
    ...members,
  };
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined));
}

function node(id: string, route: StepRoute, needs: readonly string[]): Json {
  return {
    id,
    tenant_id: "acme",
    kind: "workflow",
    name: id,
    properties: { runtime_execution: route },
    depends_on: needs,
  };
}

function startContract(id: string): Json {
  const type = "runtime.kernel.started";
  return {
    contract_id: `contract-${id}`,
    contract_category: "runtime",
    triggers: [{ trigger_id: "boot", source: type, details: { event_type: type } }],
    io_contract: { input_keys: ["runtime_run_id"], output_keys: ["action_id"] },
  };
}

function coordinationOf({ steps, coordination }: Draft): Json {
  return {
    spec_version: 1,
    tenant_id: "acme",
    repo_id: "shop",
    run_id: runId,
    agent_roles: [{ name: "builder", tools: [] }],
    orchestration_bindings: [
      { role_name: "builder", agent_name: "a", orchestration_step_ids: steps.map(({ id }) => id) },
    ],
    coordination_graph: {
      nodes: steps.map(({ id }) => ({ node_id: id, kind: "step" })),
      edges: steps.flatMap(({ id, needs }) => needs.map((need) => edge(need, id))),
    },
    ...coordination,
  };
}

export function edge(from: string, to: string, kind = "depends_on"): Json {
  return { edge_id: `${from}-${to}`, kind, src_step_id: from, dst_step_id: to };
}

function orchestrationOf({ steps }: Draft): Json {
  return {
    steps: steps.map(({ id }) => ({ step_id: id, role: "builder", inputs: { ir_node_id: `node-${id}` } })),
  };
}

export function sha256Of(value: unknown): string {
  return fingerprint(fromPlain(value));
}
