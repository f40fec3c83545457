import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { GraphNode } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { fingerprint } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import type { Governance, StepPlan } from "./model.ts";
import { parseOrchestration } from "./orchestration.ts";
import { parseCoordination } from "./parse.ts";
import { contextText } from "./policy-context.ts";
import { effectiveNetwork } from "./roles.ts";
import { schedule } from "./schedule.ts";
import { planSteps, stepAction } from "./step.ts";

const specSha256 = "c5".repeat(32);
const node: GraphNode = {
  nodeId: "n",
  kind: "workflow",
  name: "n",
  properties: {},
  dependsOn: [],
  contractId: "c",
  initialState: "ready",
  terminalStates: [],
};

describe("a step's action", () => {
  test("hashes exactly the canonical JSON of its inputs and of its identity", () => {
    fc.assert(
      fc.property(specs(), fc.string({ unit: "grapheme" }), (spec, runtimeRunId) => {
        const digests = new Map(names.map((name) => [name, fingerprint(name)]));
        for (const step of stepsOf(spec)) {
          const { stepId, layer, roleId } = step;
          const input = { runtimeRunId, specSha256, node, handoffDigests: digests };
          const { policyContext = {}, ...action } = stepAction(step, input);
          expect(contextText(policyContext)).toBe(canonicalJson(policyContext));
          expect(action.inputsFingerprint).toBe(
            fingerprint({
              coordination_step_id: stepId,
              layer,
              coordination_spec_sha256: specSha256,
              coordination_role_id: roleId,
              policy_context: policyContext,
            }),
          );
          expect(action.idempotencyKey).toBe(
            fingerprint({
              coordination: true,
              runtime_run_id: runtimeRunId,
              step_id: stepId,
              layer,
              spec_sha256: specSha256,
            }),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test("has another inputs fingerprint, and the same idempotency key, when its predecessor put out something else", () => {
    const step = stepOf(stepsOf(handoff("a", "b")), "b");
    const act = (digest: string): ReturnType<typeof stepAction> =>
      stepAction(step, { runtimeRunId: "rt", specSha256, node, handoffDigests: new Map([["a", digest]]) });
    const [one, two] = [act("aa".repeat(32)), act("bb".repeat(32))];
    expect(one.inputsFingerprint).not.toBe(two.inputsFingerprint);
    expect(one.idempotencyKey).toBe(two.idempotencyKey);
    expect(act("AA".repeat(32))).toEqual(one);
  });

  test.each([
    ["is missing", new Map<string, string>(), /'b' has handoff from predecessor 'a' but no recorded/],
    ["is malformed", new Map([["a", "zz"]]), /must be a 64-char hex string, got 'zz'/],
  ])("is not made when a digest that it needs %s", (_why, handoffDigests, message) => {
    const step = stepOf(stepsOf(handoff("a", "b")), "b");
    const act = (): unknown => stepAction(step, { runtimeRunId: "rt", specSha256, node, handoffDigests });
    expect(act).toThrow(message);
    expect(act).toThrow(AkcError);
  });
});

describe("a step", () => {
  test("lists its distinct predecessors, and hands over only along handoff edges", () => {
    const steps = stepsOf(
      specOf([
        edge("c", "b", "barrier"),
        edge("c", "b", "depends_on"),
        edge("a", "b", "handoff", { handoff_id: "h" }),
        edge("b", "b", "depends_on"),
      ]),
    );
    expect(stepOf(steps, "b")).toMatchObject({ predecessors: ["a", "c"], handoffFrom: ["a"], layer: 1 });
    expect(stepOf(steps, "a")).toMatchObject({ predecessors: [], handoffFrom: [], layer: 0 });
  });

  test("sees its edges sorted by source and edge, with their optional members, kinds and ids joined", () => {
    const [, , step] = stepsOf(
      specOf([
        edge("b", "z", "handoff", { handoff_id: "h2", artifact_ref: "r" }, "e3"),
        edge("a", "z", "handoff", { handoff_id: " h1 " }, "e2"),
        edge("a", "z", "delegate", { delegate_target: "http://x" }, "e1"),
        edge("a", "z", "delegate", { delegate_target: "queue", delegate_kind: "mq" }, "e0"),
        edge("b", "z", "delegate", { delegate_target: "queue" }, "e4"),
        edge("b", "z", "parallel", { parallel_group_id: "g" }, "e5"),
        edge("a", "z", "parallel", undefined, "e6"),
      ]),
    );
    expect(step?.policyContext).toMatchObject({
      coordination_edge_kind: "delegate,handoff,parallel",
      coordination_handoff_id: "h1,h2",
      coordination_delegate_kind: "http,mq,opaque",
      coordination_handoff_edges: [
        { edge_id: "e2", from_step_id: "a", handoff_id: "h1" },
        { edge_id: "e3", from_step_id: "b", handoff_id: "h2", artifact_ref: "r" },
      ],
      coordination_delegate_edges: [
        { edge_id: "e0", from_step_id: "a", delegate_target: "queue" },
        { edge_id: "e1", from_step_id: "a", delegate_target: "http://x" },
        { edge_id: "e4", from_step_id: "b", delegate_target: "queue" },
      ],
      coordination_parallel_edges: [
        { edge_id: "e6", from_step_id: "a" },
        { edge_id: "e5", from_step_id: "b", parallel_group_id: "g" },
      ],
    });
  });

  test("that leads nowhere from has no edge members, and a self-edge counts among the kinds", () => {
    const [first] = stepsOf(specOf([edge("a", "b", "depends_on")]));
    expect(Object.keys(first?.policyContext ?? {})).not.toContain("coordination_edge_kind");
    const [only] = stepsOf(specOf([edge("a", "a", "depends_on")]));
    expect(only?.policyContext["coordination_edge_kind"]).toBe("depends_on");
  });

  test("takes its role from the orchestration, else from the first binding that lists it, else the default one", () => {
    const bindings = [
      { role_name: "one", agent_name: "x", orchestration_step_ids: ["a", "b"] },
      { role_name: "two", agent_name: "x", orchestration_step_ids: ["b", "a"] },
    ];
    const spec = {
      ...specOf([edge("a", "b", "depends_on"), edge("b", "c", "depends_on")]),
      orchestration_bindings: bindings,
    };
    const steps = [{ step_id: "b", role_name: "three" }];
    expect(stepsOf(spec, { steps }).map(({ roleId }) => roleId)).toEqual(["one", "three", "coordination"]);
  });
});

describe("a role's grants", () => {
  const spec: JsonObject = {
    ...specOf([]),
    coordination_graph: { nodes: [{ node_id: "a", kind: "step" }], edges: [] },
    agent_roles: [{ name: "x", tools: ["t2", "t1", "t2"] }],
    orchestration_bindings: [{ role_name: "x", agent_name: "y", orchestration_step_ids: ["a"] }],
  };

  test.each<[string, JsonObject, Partial<StepPlan>, JsonObject]>([
    ["are empty without governance", {}, { allowedTools: [] }, {}],
    [
      "are the role's own tools, the repository to read and a scratch folder without a profile",
      { governance: {} },
      { allowedTools: ["t1", "t2"], filesystemScope: { readOnlyRoots: ["."], scratchSubdir: "scratch" } },
      { read_only_roots: ["."], scratch_subdir: "scratch" },
    ],
    [
      "are the profile's where there is one",
      {
        governance: {
          role_profiles: { x: { allowed_tools: ["t3"], filesystem_scope: { read_only_roots: ["b", "a"] } } },
        },
      },
      { allowedTools: ["t3"], filesystemScope: { readOnlyRoots: ["a", "b"], scratchSubdir: null } },
      { read_only_roots: ["a", "b"], scratch_subdir: null },
    ],
    [
      "have no files in a profile without a scope",
      { governance: { role_profiles: { x: {} } } },
      { allowedTools: [] },
      {},
    ],
  ])("%s", (_name, governance, expected, scope) => {
    const [step] = stepsOf({ ...spec, ...governance });
    expect(step).toMatchObject(expected);
    expect(step?.policyContext["coordination_filesystem_scope"]).toEqual(scope);
    expect(step?.policyContext["coordination_allowed_tools"]).toEqual([...(expected.allowedTools ?? [])]);
  });

  test("reach the network only if the envelope says so and neither governance nor role says no", () => {
    for (const envelope of [true, false]) {
      for (const governance of [true, false, null]) {
        for (const role of [true, false, null]) {
          const profiles: JsonObject = { x: { execution_allow_network: role } };
          const limits: JsonObject = { execution_allow_network: governance, role_profiles: profiles };
          const [step] = stepsOf({ ...spec, governance: limits }, undefined, envelope);
          const expected = envelope && governance !== false && role !== false;
          expect(effectiveNetwork(envelope, governance, role)).toBe(expected);
          expect(step?.allowNetwork).toBe(expected);
          expect(step?.policyContext["coordination_execution_allow_network_effective"]).toBe(expected);
        }
      }
    }
  });
});

const names = ["a", "b", "c", "é\u{1f600}", '"\\\ny', "x\u2028y", "back\\slash"];

function specs(): fc.Arbitrary<JsonObject> {
  const name = fc.constantFrom(...names);
  const text = fc.oneof(fc.constantFrom("", " x ", "http://h", 'é"'), fc.string({ unit: "grapheme" }));
  const metadata = fc.record({ artifact_ref: text, parallel_group_id: text, delegate_kind: text });
  const arc = fc
    .tuple(
      name,
      name,
      fc.constantFrom("depends_on", "barrier", "parallel", "handoff", "delegate"),
      metadata,
      text,
    )
    .filter(([src, dst]) => names.indexOf(src) < names.indexOf(dst))
    .map(([src, dst, kind, optional, id]) =>
      edge(src, dst, kind, { ...optional, handoff_id: `h${id}`, delegate_target: `t${id}` }, `e${id}`),
    );
  const governance: fc.Arbitrary<Partial<Record<keyof Governance, never>> | JsonObject> = fc.constantFrom(
    {},
    { governance: {} },
    {
      governance: {
        role_profiles: { x: { allowed_tools: ['"', "é"], filesystem_scope: { read_only_roots: ["\n"] } } },
      },
    },
  );
  return fc.tuple(fc.array(arc, { maxLength: 8 }), governance).map(([arcs, limits]) => ({
    ...specOf(arcs),
    orchestration_bindings: [{ role_name: "x", agent_name: "y", orchestration_step_ids: ["a", "c"] }],
    ...limits,
  }));
}

function stepsOf(document: JsonObject, orchestration?: JsonObject, envelope = true): readonly StepPlan[] {
  const spec = parseCoordination(document);
  const plan = schedule(spec);
  return planSteps({
    spec,
    sha256: specSha256,
    plan,
    orchestration: orchestration === undefined ? undefined : parseOrchestration(orchestration),
    nodeOfStep: new Map(plan.stepOrder.map((stepId) => [stepId, "n"])),
    envelopeAllowNetwork: envelope,
  });
}

function stepOf(steps: readonly StepPlan[], id: string): StepPlan {
  const step = steps.find(({ stepId }) => stepId === id);
  if (step === undefined) throw new Error(`no step ${id}`);
  return step;
}

function handoff(src: string, dst: string): JsonObject {
  return specOf([edge(src, dst, "handoff", { handoff_id: "h" })]);
}

function specOf(edges: readonly JsonObject[]): JsonObject {
  const coordination_graph = { nodes: [], edges };
  return { spec_version: 2, run_id: "r", tenant_id: "t", repo_id: "p", coordination_graph };
}

function edge(
  src: string,
  dst: string,
  kind: string,
  metadata?: JsonObject,
  id = `${src}-${dst}-${kind}`,
): JsonObject {
  return { edge_id: id, kind, src_step_id: src, dst_step_id: dst, metadata: metadata ?? null };
}
