import { expect, test } from "bun:test";
import { filesNamedIn } from "../../src/authoring/compile.ts";
import { planRun } from "../../src/kernel/plan.ts";
import { defaultRetryPolicy, retryPolicyOf } from "../../src/kernel/retry.ts";
import { compiled, faultsOf, head, loaded } from "./compiled.ts";

const policy = "policy: {programs: [sh]}\n";

test("the specs are inline and pinned: another orchestration, or none, is refused", async () => {
  const built = compiled(`${head}steps: {a: {run: [sh]}, b: {run: [sh], needs: [a]}}\n${policy}`);
  const bundle = await loaded(built);
  expect(bundle.coordination?.orchestrationSha256).toMatch(/^[0-9a-f]{64}$/);
  const other = { ...built.bundle, orchestration_spec: { steps: [] } };
  await expect(loaded({ ...built, bundle: other })).rejects.toMatchObject({
    code: "ORCHESTRATION_HASH_MISMATCH",
  });
  const { orchestration_spec: _, ...without } = built.bundle;
  await expect(loaded({ ...built, bundle: without })).rejects.toMatchObject({
    code: "COORDINATION_STEP_UNRESOLVED",
  });
});

test("what a plan does not list is denied in the bundle, and roles have no more than they say", async () => {
  const { bundle } = compiled(`${head}steps: {a: {wait: {for: 1s}}}\n`);
  expect(bundle).toMatchObject({
    runtime_execution: {
      allow_subprocess: false,
      subprocess_allowlist: [],
      allow_http: false,
      http_allowlist: [],
    },
    runtime_policy_envelope: {
      allow_network: false,
      deny_actions: [
        "runtime.action.execute.http",
        "runtime.action.execute.subprocess",
        "service.reconcile.apply",
        "service.reconcile.rollback",
      ],
    },
    coordination_spec: {
      governance: {
        role_profiles: {
          worker: { execution_allow_network: false, filesystem_scope: { read_only_roots: [] } },
        },
      },
    },
  });
});

test("a request has the network by a role of its own, and the programs beside it have none", async () => {
  const text = `${head}steps:
  a: {run: [sh]}
  b: {http: {url: http://127.0.0.1:1/x}}
defaults: {role: builder}
roles: {builder: {reads: [src]}}
policy: {programs: [sh], http: [http://127.0.0.1:1]}
`;
  const { bundle } = compiled(text);
  expect(bundle).toMatchObject({
    orchestration_spec: {
      steps: [
        { step_id: "a", role: "builder" },
        { step_id: "b", role: "caller" },
      ],
    },
    coordination_spec: {
      governance: {
        role_profiles: {
          builder: { execution_allow_network: false },
          caller: { execution_allow_network: true },
        },
      },
    },
  });
});

test("what is taken makes the edge a handoff, over other steps as well", () => {
  const text = `${head}steps:
  a: {run: [sh], outputs: [x]}
  b: {run: [sh], needs: [a]}
  c: {run: [sh, "\${{ steps.b.outputs.stdout }}"], needs: [b], inputs: [{file: a/x, as: in/x}]}
${policy}`;
  const { bundle } = compiled(text);
  expect(bundle["coordination_spec"]).toMatchObject({
    coordination_graph: {
      edges: [
        { kind: "depends_on", src_step_id: "a", dst_step_id: "b" },
        { kind: "handoff", src_step_id: "b", dst_step_id: "c", metadata: { handoff_id: "b-to-c" } },
        { kind: "handoff", src_step_id: "a", dst_step_id: "c" },
      ],
    },
  });
  expect(bundle["system_ir"]).toMatchObject({
    nodes: [
      { id: "a", properties: { runtime_execution: { files: { outputs: ["x"] } } } },
      {},
      {
        properties: {
          runtime_execution: {
            placeholders: true,
            files: { inputs: [{ step: "a", path: "x", as: "in/x" }] },
          },
        },
      },
    ],
  });
});

test("retries are the node's own policy, and a step that says nothing has the runtime's", async () => {
  const text = `${head}steps:
  often: {run: [sh], retries: {max: 9, delay: 5s, delay_max: 1m}}
  never: {run: [sh], retries: 0}
  usual: {run: [sh]}
${policy}`;
  const { nodes } = await loaded(compiled(text));
  const of = (id: string) => {
    const node = nodes.find(({ nodeId }) => nodeId === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return retryPolicyOf(node, defaultRetryPolicy);
  };
  expect(of("often")).toMatchObject({ attemptsMax: 10, baseDelayMs: 5_000, delayMsMax: 60_000 });
  expect(of("never")).toMatchObject({ attemptsMax: 1 });
  expect(of("usual")).toEqual(defaultRetryPolicy);
});

test("a variable that no program would be given as it is written is a warning, once, where it is written", () => {
  const text = `${head}defaults: {env: {TMPDIR: /tmp}}
steps: {a: {run: [sh], env: {HOME: /root, LANG: C}, matrix: {v: [1, 2]}}}
${policy}`;
  const written = compiled(text).warnings.map(({ rule, path }) => `${rule} ${path}`);
  expect(written).toEqual(["env-replaced /defaults/env/TMPDIR", "env-replaced /steps/a/env/HOME"]);
});

test("bounds are those of the run: the smallest of a role's counts for all, and the plan says so", async () => {
  const text = `${head}steps: {a: {run: [sh], role: x}}
roles: {x: {parallel: 3}, y: {parallel: 2}}
limits: {parallel: 16, run: 90s}
${policy}`;
  const built = compiled(text);
  expect(built.warnings.map(({ rule }) => rule)).toEqual(["parallel-differs"]);
  const { caps } = planRun(await loaded(built), []);
  expect(caps).toMatchObject({ steps: 16, stepsPerRole: 2 });
  expect(built.bundle).toMatchObject({
    intent_policy_projection: { operating_bounds_effective: { max_seconds: 90 } },
  });
});

test("a denied action is a warning of the plan and a denial of the run, not a fault", () => {
  const built = compiled(`${head}steps:
  a: {run: [sh]}
policy: {programs: [sh], deny: [runtime.action.execute.subprocess]}
`);
  expect(built.warnings.map(({ rule, line }) => `${line} ${rule}`)).toEqual(["5 policy-denies"]);
});

test("files that a plan names become part of its bundle, and only those below it are asked for", () => {
  const text = `${head}steps:
  a: {run: {argv: [sh, -s], stdin: {file: [lib.sh, "steps/\${{ matrix.v }}.sh"]}}, matrix: {v: [x, y]}}
  b: {run: {argv: [sh, -s], stdin: {file: ../out.sh}}}
${policy}`;
  expect(filesNamedIn(text)).toEqual(["lib.sh", "steps/x.sh", "steps/y.sh"]);
  const sound = text.replace(/ {2}b: .*\n/, "");
  const files = ["lib.sh", "steps/x.sh", "steps/y.sh"].map((path) => ({ path, text: `echo ${path}\n` }));
  expect(compiled(sound, files).bundle["system_ir"]).toMatchObject({
    nodes: [
      { properties: { runtime_execution: { subprocess: { stdin: "echo lib.sh\necho steps/x.sh\n" } } } },
      { properties: { runtime_execution: { subprocess: { stdin: "echo lib.sh\necho steps/y.sh\n" } } } },
    ],
  });
  const changed = compiled(sound, [{ path: "lib.sh", text: "" }, ...files.slice(1)]);
  expect(changed.sha256).not.toBe(compiled(sound, files).sha256);
  expect(faultsOf(sound, files.slice(1))).toEqual(["5:44 file-missing"]);
});

test("services become intents, their manifest is pinned by its digest", async () => {
  const text = `${head}provider: {kind: docker_compose_apply, manifest: compose.yaml, settings: {project: shop}}
services: {web: {docker_compose: {service: nginx}}, db: {}}
`;
  const manifest = { path: "compose.yaml", text: "services: {}\n" };
  const bundle = await loaded(compiled(text, [manifest]));
  expect(bundle.document).toMatchObject({
    deployment_provider: {
      kind: "docker_compose_apply",
      project: "shop",
      apply_manifest_path: "compose.yaml",
      apply_manifest_sha256: new Bun.CryptoHasher("sha256").update(manifest.text).digest("hex"),
    },
    deployment_intents: [
      { node_id: "db" },
      { node_id: "web", runtime_deployment: { docker_compose: { service: "nginx" } } },
    ],
  });
  expect(bundle.coordination).toBeUndefined();
});

test("the ways out reach everything: maps are merged, lists are replaced, hashes are taken after that", async () => {
  const text = `${head}steps:
  a: {run: [sh], node: {properties: {owner: me, runtime_execution: {subprocess: {argv: [sh, -x]}}}}}
bundle:
  runtime_execution: {subprocess_allowlist: [sh, ls], required_adapter_capabilities: [cancel]}
  coordination_spec: {governance: {max_steps: 7}}
  knowledge_layer_ref: {knowledge_hub_node_id: hub}
${policy}`;
  const bundle = await loaded(compiled(text));
  expect(bundle.warnings).toEqual([]);
  expect(bundle.coordination?.spec.governance?.maxSteps).toBe(7);
  expect(bundle.document).toMatchObject({
    runtime_execution: {
      allow_subprocess: true,
      subprocess_allowlist: ["sh", "ls"],
      required_adapter_capabilities: ["cancel"],
    },
    knowledge_layer_ref: { knowledge_hub_node_id: "hub" },
  });
  expect(bundle.nodes[0]?.properties).toMatchObject({
    owner: "me",
    runtime_execution: { route: "subprocess", subprocess: { argv: ["sh", "-x"] } },
  });
});

test("an agent is told its task and goal, and works where the plan says", async () => {
  const text = `${head}goal: A shop that opens
steps:
  write: {agent: {name: writer, task: Write it, delegate: http://127.0.0.1:9/turn}, timeout: 1500ms}
policy: {agents: [http://127.0.0.1:9]}
`;
  const bundle = await loaded(compiled(text));
  expect(bundle.nodes.map(({ kind }) => kind).sort()).toEqual(["intent", "workflow"]);
  expect(bundle.nodes.find(({ kind }) => kind === "workflow")?.contract?.budget).toMatchObject({
    maxSeconds: 2,
  });
  expect(bundle.document).toMatchObject({
    coordination_agent_worker_http_allowlist: ["http://127.0.0.1:9"],
    coordination_spec: {
      orchestration_bindings: [
        { role_name: "caller", agent_name: "writer", orchestration_step_ids: ["write"] },
      ],
      coordination_graph: {
        nodes: [{ label: "Write it" }],
        edges: [{ kind: "delegate", metadata: { delegate_target: "http://127.0.0.1:9/turn" } }],
      },
    },
  });
});
