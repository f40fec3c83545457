import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../json/value.ts";
import { checkGovernance } from "./governance.ts";
import { parseCoordination } from "./parse.ts";
import { schedule } from "./schedule.ts";
import { planSteps } from "./step.ts";

describe("a plan that exceeds its governance", () => {
  test.each<[string, JsonObject, string]>([
    ["by steps", { governance: { max_steps: 1 } }, "the plan has 2 steps, governance.max_steps allows 1"],
    [
      "by a role's tool",
      { governance: { allowed_capabilities: ["t2"] } },
      "role 'x' may use 't1', which is not among the allowed capabilities",
    ],
    [
      "by a role profile's network",
      { governance: { role_profiles: { x: { execution_allow_network: true } } } },
      "governance.role_profiles['x'].execution_allow_network cannot be true when bundle allow_network is false",
    ],
    [
      "by a step's tool that its role does not have",
      { governance: {}, coordination_graph: graph([{ node_id: "a", kind: "step", tools: ["t9"] }]) },
      "step 'a' needs 't9', which its role 'x' does not have",
    ],
    [
      "by a role that is no folder name",
      { orchestration_bindings: [{ role_name: "../x", agent_name: "y", orchestration_step_ids: ["a"] }] },
      "coordination role_id contains unsafe path characters: '../x'",
    ],
    [
      "by handing over to itself",
      {
        coordination_graph: graph(
          [],
          [
            {
              edge_id: "e",
              kind: "handoff",
              src_step_id: "a",
              dst_step_id: "a",
              metadata: { handoff_id: "h" },
            },
          ],
        ),
      },
      "edge 'e' hands over from step 'a' to itself, so it can never start",
    ],
  ])("%s is told so", (_how, changes, message) => {
    expect(issuesOf({ ...base, ...changes }).map((issue) => issue.message)).toEqual([message]);
  });

  test("is told everything at once, each with its place", () => {
    const governance = {
      max_steps: 1,
      allowed_capabilities: ["t2"],
      role_profiles: { "x/y": { execution_allow_network: true } },
    };
    expect(issuesOf({ ...base, governance }).map(({ path }) => path)).toEqual([
      "/governance/max_steps",
      "/governance/allowed_capabilities",
      "/governance/role_profiles/x~1y/execution_allow_network",
    ]);
  });
});

describe("a plan within its governance", () => {
  test.each<[string, JsonObject]>([
    ["without any", {}],
    ["at its limit", { governance: { max_steps: 2, allowed_capabilities: ["t1"] } }],
    [
      "with an empty list of capabilities, which limits nothing",
      { governance: { allowed_capabilities: [] } },
    ],
    [
      "whose role is not granted the network",
      { governance: { role_profiles: { x: { execution_allow_network: false } } } },
    ],
  ])("%s may run", (_how, changes) => {
    expect(issuesOf({ ...base, ...changes })).toEqual([]);
  });
});

const base: JsonObject = {
  spec_version: 2,
  run_id: "r",
  tenant_id: "t",
  repo_id: "p",
  agent_roles: [{ name: "x", tools: ["t1"] }],
  orchestration_bindings: [{ role_name: "x", agent_name: "y", orchestration_step_ids: ["a", "b"] }],
  coordination_graph: graph([
    { node_id: "a", kind: "step" },
    { node_id: "b", kind: "step" },
  ]),
};

function graph(nodes: readonly JsonObject[], edges: readonly JsonObject[] = []): JsonObject {
  return { nodes, edges };
}

function issuesOf(document: JsonObject): ReturnType<typeof checkGovernance> {
  const spec = parseCoordination(document);
  const plan = schedule(spec);
  const nodeOfStep = new Map(plan.stepOrder.map((stepId) => [stepId, "n"]));
  const steps = planSteps({ spec, sha256: "0", plan, nodeOfStep, envelopeAllowNetwork: false });
  return checkGovernance(spec, steps, false);
}
