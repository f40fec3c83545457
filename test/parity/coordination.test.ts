/**
 * Coordination specs against what the existing runtime makes of them: hashes, layers, orders, error classes and texts,
 * the printed plan to the byte, and both hashes of every step action.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GraphNode } from "../../src/bundle/model.ts";
import { checkGovernance } from "../../src/coordination/governance.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import { checkReferences, parseOrchestration } from "../../src/coordination/orchestration.ts";
import { parseCoordination } from "../../src/coordination/parse.ts";
import { planJson } from "../../src/coordination/plan-json.ts";
import { resolveStepNodes } from "../../src/coordination/resolve.ts";
import { schedule } from "../../src/coordination/schedule.ts";
import { planSteps, stepAction } from "../../src/coordination/step.ts";
import { AkcError } from "../../src/errors.ts";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";

const folder = join(import.meta.dir, "../fixtures/coordination");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("recorded cases", () => {
  const cases = read("cases.jsonl")
    .trim()
    .split("\n")
    .map((line) => parseJson(line));
  for (const [index, line] of cases.entries()) {
    test(`case ${index + 1} gives the recorded plan or the recorded error`, () => {
      const spec = member(line, "spec");
      const expected = member(line, "expect");
      expect(outcome(spec)).toEqual(
        member(expected, "ok") === true
          ? {
              sha: member(expected, "sha"),
              layers: member(expected, "layers"),
              order: member(expected, "order"),
            }
          : { error: member(expected, "error"), message: member(expected, "message") },
      );
    });
  }
});

describe("the printed plan", () => {
  for (const version of ["v1", "v2"]) {
    test(`of the ${version} example is the recorded one, byte for byte`, () => {
      const spec = parseJson(read(`coordination_spec_${version}.json`));
      const printed = planJson(schedule(parseCoordination(spec)), fingerprint(spec));
      expect(printed).toBe(read(`coordination_plan_${version}.expected.json`));
    });
  }
});

describe("step actions of the parallel example", () => {
  const specJson = parseJson(read("coordination_spec_v2.json"));
  const bundle = parseJson(read("runtime_bundle_v2_parallel.json"));
  const spec = parseCoordination(specJson);
  const sha256 = fingerprint(specJson);
  const plan = schedule(spec);
  const orchestration = parseOrchestration(parseJson(read("orchestration_v2.json")));
  const nodes = new Map(graphNodes(bundle).map((node) => [node.nodeId, node]));
  const steps = planSteps({
    spec,
    sha256,
    plan,
    orchestration,
    nodeOfStep: resolveStepNodes(plan, orchestration, undefined, new Set(nodes.keys())),
    envelopeAllowNetwork: true,
  });

  test("the inputs are the recorded ones", () => {
    expect(fingerprint(bundle)).toBe("a138aa85d1ccbcb34676189771ce27c5dc0b62fbfb89074a85dd5e34fcdac459");
    expect(sha256).toBe("c511d8193e2489b14b2461fb70b9fc8e7dbadbddc0f52ad1386b5c3d73866199");
    expect(plan.loweredPrecedenceSha256).toBe(
      "20b1539577a0040e72d82b87a75b70e80cfbd4ea47102ebb9f5d3f47bd256f4f",
    );
    expect(checkReferences(spec, orchestration)).toEqual([]);
    expect(checkGovernance(spec, steps, true)).toEqual([]);
  });

  test("layer, role and both hashes of every step are the recorded ones", () => {
    const digests = new Map<string, string>();
    const seen = steps.map((step) => {
      const action = stepAction(step, {
        runtimeRunId: "rt-1",
        specSha256: sha256,
        node: nodeOf(step),
        handoffDigests: digests,
      });
      const output = sha256Hex(`noop:${action.idempotencyKey}`);
      digests.set(step.stepId, output);
      expect(action.actionId).toBe(`coordination:${step.stepId}:${step.layer}`);
      return [step.stepId, step.layer, step.roleId, action.idempotencyKey, action.inputsFingerprint, output];
    });
    expect(seen).toEqual(recordedActions);
  });

  test("review's context carries its edges, its handoff and the network that envelope and governance grant", () => {
    const review = steps.find((step) => step.stepId === "review");
    expect(review?.policyContext).toMatchObject({
      coordination_edge_kind: "barrier,handoff",
      coordination_handoff_id: "api-diff",
      coordination_handoff_edges: [{ edge_id: "h_api", from_step_id: "api", handoff_id: "api-diff" }],
      coordination_execution_allow_network_effective: true,
      coordination_filesystem_scope: { read_only_roots: ["."], scratch_subdir: "scratch" },
      coordination_allowed_tools: ["llm.complete"],
    });
    expect(review?.predecessors).toEqual(["api", "ui"]);
    expect(review?.handoffFrom).toEqual(["api"]);
  });

  test("ship's context carries its delegate", () => {
    expect(steps.find((step) => step.stepId === "ship")?.policyContext).toMatchObject({
      coordination_edge_kind: "delegate,depends_on",
      coordination_delegate_kind: "http",
      coordination_delegate_edges: [
        { edge_id: "g1", from_step_id: "review", delegate_target: "https://agents.example.test/ship" },
      ],
    });
  });

  function nodeOf(step: StepPlan): GraphNode {
    const node = nodes.get(step.nodeId);
    if (node === undefined) throw new Error(`no node ${step.nodeId}`);
    return node;
  }
});

const recordedActions = [
  [
    "intake",
    0,
    "planner",
    "842e311b9143e70fb8c83cf9a573cc38f1b8dc97e1f3e0c7e9921f8ce080b282",
    "a1f00426e8563aab1873257aa147496b7bc197f125cb58d24d835201e6db3b42",
    "3efc8a3f4b0a580581451dffcb1775ba1c786299e3a653b60e35caf42f13ddf8",
  ],
  [
    "draft",
    1,
    "planner",
    "c622238ed8ace216a0bdaa12e632ff82f79ed63fde058c0e8e934362f463f57c",
    "d7e69504839533e7539662c9b74f184fcd707fd4b9a17a143d0237b29f6aa332",
    "ca2c443497fdee6cdd4d9333ba051d077188992aa67d3f3660b666d4ec7c0c66",
  ],
  [
    "api",
    2,
    "builder",
    "c39504ee97675109efcf1a7019c546df091b8df01116aeaca9bd2c72b1a4b3e3",
    "1fa4e7dc1b91341e9f10473010ab01dedf5e04f4a372148450a0d8a78dac966d",
    "14182e7bbc7a61ac98b7f6a906eabe888267856ea42c3657137f54e6ddba150c",
  ],
  [
    "ui",
    2,
    "builder",
    "eccbefd1fd3a89a86171f8403b95c5d969d275f02f1c214a02cb5d0f13d583cf",
    "aa78e1941ab885c01b9dfd675166764874f80a88faa82e7ee67f270266d3a100",
    "0a75e8ccadad8c1aa9df20131634d115861c8f2c99c9f68a1fab06df38e799b0",
  ],
  [
    "review",
    3,
    "reviewer",
    "fddcc9a08ffb814592545fb1a0cc8a118aa49d54abed2808593a9fbaf4c277cc",
    "64b2ebf7439edc7f4c241d7639ebcb0d846d77b01812565951338a1e0892de92",
    "972a2ee90e161053b0be7fe7272580c8e2b7f76fd257c88b2a40465774ffb088",
  ],
  [
    "ship",
    4,
    "reviewer",
    "036450d37f53e62b85d928baebac806919150916db8cdfa4e15f449103f8aba4",
    "2d27211438b703ec557a412d14a4f387420529659c5f78adaaba02055e277cf8",
    "bd20a27540a13c53a82d54bbc054e33890663cd7eb58bddb3cfdd0b405e52436",
  ],
];

function outcome(spec: JsonValue): object {
  try {
    const plan = schedule(parseCoordination(spec));
    return { sha: fingerprint(spec), layers: plan.layers, order: plan.stepOrder };
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    return { error: error.details["errorClass"], message: error.message };
  }
}

function member(value: JsonValue, key: string): JsonValue {
  const found = isJsonObject(value) ? value[key] : undefined;
  if (found === undefined) throw new Error(`the fixture lacks ${key}`);
  return found;
}

/** What step actions need of the bundle's nodes, without loading the bundle. */
function graphNodes(bundle: JsonValue): GraphNode[] {
  const nodes = member(bundle, "referenced_ir_nodes");
  if (!isJsonArray(nodes)) throw new Error("the fixture has no nodes");
  return nodes.filter(isJsonObject).map((node: JsonObject) => ({
    nodeId: String(node["id"]),
    kind: "workflow",
    name: String(node["name"]),
    properties: {},
    dependsOn: [],
    contractId: "c-wf",
    initialState: "ready",
    terminalStates: [],
  }));
}
