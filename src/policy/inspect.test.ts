import { describe, expect, test } from "bun:test";
import { loadBundle } from "../bundle/load.ts";
import {
  bundleDocument,
  contractDocument,
  coordinatedBundle,
  memorySource,
  nodeDocument,
} from "../bundle/source.fixture.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { derivePolicy } from "./derive.ts";
import { inspectBundle } from "./inspect.ts";
import type { OperatorPolicy } from "./model.ts";
import type { Permission } from "./permission.ts";

async function inspect(
  members: Record<string, unknown>,
  { operator, requireEffects = false }: { operator?: OperatorPolicy; requireEffects?: boolean } = {},
) {
  const bundle = await loadBundle(memorySource(bundleDocument(members)), { mode: "enforce" });
  return inspectBundle(bundle, derivePolicy(bundle, "enforce", operator, { requireEffects }));
}

/** What is shown of the route of one node with these hints. */
async function routeOf(hints: unknown) {
  const contract = contractDocument("c");
  const node = nodeDocument("n", { contract, properties: { runtime_execution: hints } });
  const { nodes } = await inspect({ referenced_ir_nodes: [node], referenced_contracts: [contract] });
  return nodes[0]?.route;
}

/** What is said about one node whose hint is `hints`, in a bundle with these members. */
async function permissionOf(
  hints: unknown,
  members: Record<string, unknown> = {},
  options: { operator?: OperatorPolicy; requireEffects?: boolean } = {},
): Promise<Permission | undefined> {
  const contract = contractDocument("c");
  const node = nodeDocument("n", { contract, properties: { runtime_execution: hints } });
  const { nodes } = await inspect(
    { referenced_ir_nodes: [node], referenced_contracts: [contract], ...members },
    options,
  );
  return nodes[0]?.permission;
}

const echo = { route: "subprocess", subprocess: { argv: ["/bin/echo"] } };
const get = { route: "http", http: { url: "http://api.example.com/v1" } };
const lanes = {
  runtime_execution: {
    allow_subprocess: true,
    subprocess_allowlist: ["/bin/echo", "cat"],
    allow_http: true,
    http_allowlist: ["api.example.com"],
  },
};

describe("what would be carried out", () => {
  test("shows with the code of what stands in the way", async () => {
    const code = async (...args: Parameters<typeof permissionOf>) => {
      const permission = await permissionOf(...args);
      return permission?.allowed === false ? permission.code : permission?.allowed;
    };
    expect(await code({})).toBe(true);
    expect(await code({ route: "noop" })).toBe(true);
    expect(await code({ route: "noop" }, {}, { requireEffects: true })).toBe("EFFECT_REQUIRED");
    expect(await code({}, {}, { requireEffects: true })).toBe("EFFECT_REQUIRED");
    expect(await code({ route: "subprocess" })).toBe("ROUTE_MALFORMED");
    expect(await code({ route: "subproces" })).toBe("ROUTE_NOT_ALLOWED");
    expect(await code(echo)).toBe("SUBPROCESS_DISABLED");
    expect(await code(echo, lanes)).toBe(true);
    expect(await code({ ...echo, subprocess: { argv: ["cat"] } }, lanes)).toBe(true);
    expect(await code({ ...echo, subprocess: { argv: ["/tmp/cat"] } }, lanes)).toBe("SUBPROCESS_NOT_ALLOWED");
    expect(await code(get)).toBe("HTTP_DISABLED");
    expect(await code(get, lanes)).toBe(true);
    expect(await code({ ...get, http: { url: "http://evil.example/" } }, lanes)).toBe("HTTP_URL_DENIED");
    expect(await code({ ...get, http: { url: get.http.url, method: "PUT" } }, lanes)).toBe(
      "HTTP_METHOD_DENIED",
    );
    const large = "x".repeat(5_000);
    expect(await code({ ...get, http: { url: get.http.url, body: large } }, lanes)).toBe(
      "HTTP_BODY_TOO_LARGE",
    );
    const denied = { runtime_policy_envelope: { deny_actions: ["runtime.action.execute.subprocess"] } };
    expect(await code(echo, { ...lanes, ...denied })).toBe("POLICY_DENIED");
    const type = { runtime_policy_envelope: { deny_action_types: ["workflow.execute"] } };
    expect(await code({}, type)).toBe("POLICY_DENIED");
    const operator = { path: "/etc/akc/policy.yaml", subprocess: ["/usr/bin/true"] };
    expect(await code(echo, lanes, { operator })).toBe("SUBPROCESS_NOT_ALLOWED");
  });
});

test("a node that events start says by which, after what, and with what", async () => {
  const contract = contractDocument("c", { runtime_budget: { max_seconds: 5 } });
  const { nodes, adapter, coordination, decisions } = await inspect({
    referenced_ir_nodes: [
      nodeDocument("a", { contract }),
      nodeDocument("b", { contract, depends_on: ["a"] }),
      nodeDocument("c"),
    ],
    referenced_contracts: [contract],
  });
  expect(nodes).toHaveLength(2);
  expect(nodes[1]).toMatchObject({
    actionType: "workflow.execute",
    events: ["go"],
    after: ["a"],
    inputKeys: ["in"],
    outputKeys: ["out"],
    maxSeconds: 5,
    workdir: "acme/shop/.akc/runtime/run-1/{runtime_run_id}/work",
  });
  expect([adapter, coordination, decisions.length]).toEqual(["native", null, 8]);
});

test("a step says which role takes it and in which folder, and its node is not listed again", async () => {
  const { document, files } = coordinatedBundle();
  const bundle = await loadBundle(memorySource(document, files), { mode: "enforce" });
  const { steps, nodes, roles, coordination } = inspectBundle(bundle, derivePolicy(bundle, "enforce"));
  expect(roles).toEqual([{ role: "writer", steps: 2, network: false, tools: [] }]);
  expect(nodes).toEqual([]);
  expect(coordination).toMatchObject({ layers: 2, parallel: false });
  expect(steps.map(({ stepId, layer, role, after }) => [stepId, layer, role, after])).toEqual([
    ["one", 0, "writer", []],
    ["two", 1, "writer", ["one"]],
  ]);
  expect(steps[0]?.workdir).toBe("acme/shop/.akc/runtime/run-1/{runtime_run_id}/roles/writer/scratch");
});

test("a script is told by its size and digest; of variables, headers, users and queries no value is shown", async () => {
  const script = await routeOf({
    route: "subprocess",
    subprocess: { argv: ["sh", "-s", "x"], stdin: "echo ü\n", env: { TOKEN: "hush-1" } },
  });
  expect(script).toMatchObject({
    argv: ["sh", "-s", "x"],
    stdin: { bytes: 8, sha256: sha256Hex("echo ü\n") },
    env: ["TOKEN"],
  });
  const request = await routeOf({
    route: "http",
    http: {
      url: "https://me:hush-2@api.example.com/v1?key=hush-3#x",
      method: "POST",
      headers: { Authorization: "hush-4" },
      body: "hush-5",
    },
  });
  expect(request).toMatchObject({
    method: "POST",
    url: "https://api.example.com/v1?…",
    headers: ["Authorization"],
    body: { bytes: 6, sha256: sha256Hex("hush-5") },
  });
  expect(JSON.stringify([script, request])).not.toContain("hush");
});

test("a step that may not use the network cannot send a request, whatever the lane allows", async () => {
  const { document, files } = coordinatedBundle(lanes);
  const asked = (allow_network: boolean) => {
    const node = nodeDocument("wf", {
      contract: contractDocument("c"),
      properties: { runtime_execution: get },
    });
    const source = memorySource(
      { ...document, referenced_ir_nodes: [node], runtime_policy_envelope: { allow_network } },
      files,
    );
    return loadBundle(source, { mode: "enforce" });
  };
  const without = await asked(false);
  const denied = inspectBundle(without, derivePolicy(without, "enforce"));
  expect(denied.steps[0]?.permission).toMatchObject({ allowed: false, code: "HTTP_NETWORK_DENIED" });
  const withNetwork = await asked(true);
  const allowed = inspectBundle(withNetwork, derivePolicy(withNetwork, "enforce"));
  expect(allowed.steps[0]?.permission).toEqual({ allowed: true });
  expect(allowed.roles[0]?.network).toBe(true);
});

test("is plain data that any JSON writer can write", async () => {
  const inspection = await inspect(lanes);
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
});
