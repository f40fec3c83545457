/**
 * The four example bundles of the specification load with the fingerprints and the decisions that the specification gives.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadBundle } from "../../src/bundle/load.ts";
import type { Bundle } from "../../src/bundle/model.ts";
import { resolveRoute } from "../../src/bundle/routing.ts";
import { validateBundle } from "../../src/bundle/validate.ts";
import { parseJson } from "../../src/json/read.ts";
import type { JsonValue } from "../../src/json/value.ts";
import { derivePolicy } from "../../src/policy/derive.ts";
import { inspectBundle } from "../../src/policy/inspect.ts";

const folder = join(import.meta.dir, "..", "fixtures", "bundles");
const orchestrationOfD = parseJson(
  '{"steps":[{"step_id":"draft","role":"writer","inputs":{"ir_node_id":"wf-a"}},{"step_id":"review","role":"critic","inputs":{"ir_node_id":"wf-a"}}]}',
);

async function example(letter: string): Promise<Bundle> {
  const files = new Map<string, JsonValue>([
    [".akc/orchestration/run-d1.orchestration.json", orchestrationOfD],
  ]);
  return loadBundle(
    {
      path: `/out/acme/billing/.akc/runtime/run-${letter}1.runtime_bundle.json`,
      repoRoot: "/out/acme/billing",
      text: await Bun.file(join(folder, `example-${letter}.runtime_bundle.json`)).bytes(),
      files: { read: async (relative) => files.get(relative) },
    },
    { mode: "enforce" },
  );
}

test.each([
  ["a", "64b9ec0c66110d72e07661f4f61c8524851bc86c2c4ca55b05f0031ed7c4195d"],
  ["b", "e6b4ff6b83a5ec330d6072a29333665ca859fd99b77c6cbcd5d81d3b39af7344"],
  ["c", "60ea3cc5e51a159a2504825d4ec150d92b7f195b494ed244c72ae46110d287b2"],
  ["d", "49b9123289005181cdc0eaa960fa5048bbf063df15e0367fea2afec52759607c"],
])("example %s has no issue and the documented fingerprint", async (letter, sha256) => {
  const bundle = await example(letter);
  expect(bundle.sha256).toBe(sha256);
  expect(validateBundle(bundle.document)).toEqual([]);
  expect(bundle.scope).toEqual({ tenantId: "acme", repoId: "billing" });
  expect(bundle.warnings).toEqual([]);
});

describe("example b", () => {
  test("takes its nodes and its desired state from the embedded IR", async () => {
    const bundle = await example("b");
    expect(bundle.ir?.sha256).toBe("19bae05992576bcad58d12cff4a104f6a090cc4326caf32f3d0f4ce485a7a664");
    expect(bundle.desiredStateSource).toBe("ir");
    expect(bundle.nodes.map((node) => [node.nodeId, node.initialState, node.terminalStates])).toEqual([
      ["svc-ledger", "ready", ["completed"]],
      ["wf-nightly", "idle", ["done"]],
    ]);
  });

  test("denies what its policies deny, and nothing else", async () => {
    const policy = derivePolicy(await example("b"), "enforce");
    expect([...policy.deny].sort()).toEqual(["runtime.action.execute.http", "service.reconcile.rollback"]);
  });
});

describe("example c", () => {
  test("routes its three actions as documented", async () => {
    const bundle = await example("c");
    const routes = bundle.nodes.map((node) => resolveRoute(`${node.kind}.execute`, node, bundle.metadata));
    expect(routes).toEqual([
      { kind: "noop" },
      { kind: "subprocess", argv: ["echo", "linted"], timeoutMs: 5000 },
      { kind: "http", url: "http://127.0.0.1:8099/health", method: "GET", headers: [], timeoutMs: 3000 },
    ]);
  });

  test("inspected, would carry all three out", async () => {
    const bundle = await example("c");
    const inspection = inspectBundle(bundle, derivePolicy(bundle, "enforce"));
    expect(inspection.adapter).toBe("local_depth");
    expect(inspection.nodes.map(({ nodeId, permission }) => [nodeId, permission.allowed])).toEqual([
      ["job-audit", true],
      ["job-lint", true],
      ["job-probe", true],
    ]);
    expect(inspection.nodes[0]?.workdir).toBe("acme/billing/.akc/runtime/run-c1/{runtime_run_id}/work");
  });
});

test("example d orders its two steps and binds them to its node", async () => {
  const bundle = await example("d");
  expect(bundle.coordination?.sha256).toBe(
    "b3b8090622cb190e80fef9f9e72b2b35fbcf16956a25a6bcbdcecaf2317d613a",
  );
  expect(bundle.coordination?.orchestrationSha256).toBe(
    "b2651aa00d7f741291ed5ce236b9273592e327e5df275ad1539ffb69379b70b5",
  );
  expect(bundle.coordination?.plan.layers).toEqual([["draft"], ["review"]]);
  const { steps } = inspectBundle(bundle, derivePolicy(bundle, "enforce"));
  expect(
    steps.map(({ stepId, role, nodeId, after, network }) => [stepId, role, nodeId, after, network]),
  ).toEqual([
    ["draft", "writer", "wf-a", [], false],
    ["review", "critic", "wf-a", ["draft"], false],
  ]);
  expect(bundle.coordinationContract.maxInFlightSteps).toBe(2);
});
