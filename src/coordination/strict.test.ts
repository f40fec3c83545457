import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../json/read.ts";
import { JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";
import { strictIssues } from "./strict.ts";

const clean: JsonObject = {
  spec_version: 2,
  run_id: "r",
  tenant_id: "t",
  repo_id: "p",
  agent_roles: [{ name: "x", tools: ["t"] }],
  orchestration_bindings: [{ role_name: "x", agent_name: "y", orchestration_step_ids: ["a"] }],
  coordination_graph: {
    nodes: [
      { node_id: "a", kind: "step" },
      { node_id: "b", kind: "step" },
      { node_id: "x", kind: "role" },
    ],
    edges: [],
  },
};

const { spec_version: _, ...withoutVersion } = clean;

describe("a spec that says exactly what will run", () => {
  test("has no issues", () => {
    expect(strictIssues(clean)).toEqual([]);
    for (const name of ["coordination_spec_v1.json", "coordination_spec_v2.json"]) {
      const path = join(import.meta.dir, "../../test/fixtures/coordination", name);
      expect(strictIssues(parseJson(readFileSync(path, "utf8")))).toEqual([]);
    }
  });
});

describe("what would make another run than the one written down is an error:", () => {
  test.each<[string, JsonValue, string]>([
    ["no object", [], ""],
    ["a version from the future", { ...clean, spec_version: 3 }, "/spec_version"],
    ["a version in quotes", { ...clean, spec_version: "2" }, "/spec_version"],
    ["a tenant that is no text", { ...clean, tenant_id: null }, "/tenant_id"],
    ["a node that is skipped", nodes("a"), "/coordination_graph/nodes/0"],
    ["an id that is no text", nodes({ node_id: null, kind: "step" }), "/coordination_graph/nodes/0/node_id"],
    ["a node declared twice", nodes(step("a"), step(" a")), "/coordination_graph/nodes/1/node_id"],
    ["an endless id", nodes(step("a".repeat(129))), "/coordination_graph/nodes/0/node_id"],
    ["an id that moves the cursor", nodes(step("a\u001b[2J")), "/coordination_graph/nodes/0/node_id"],
    ["an edge that is skipped", edges(null), "/coordination_graph/edges/0"],
    ["two edges with one id", edges(arc("a", "b"), arc("b", "b")), "/coordination_graph/edges/1/edge_id"],
    ["an end that is not declared", edges(arc("a", "zz")), "/coordination_graph/edges/0/dst_step_id"],
    ["an end that is a role", edges(arc("x", "b")), "/coordination_graph/edges/0/src_step_id"],
    ["a handoff to itself", edges({ ...arc("a", "a"), kind: " handoff " }), "/coordination_graph/edges/0"],
    [
      "a role declared twice",
      { ...clean, agent_roles: [{ name: "x" }, { name: "x" }] },
      "/agent_roles/1/name",
    ],
    ["bindings that are ignored", { ...clean, orchestration_bindings: {} }, "/orchestration_bindings"],
    ["a role that leads outside", binding({ role_name: "../x" }), "/orchestration_bindings/0/role_name"],
    [
      "a step id that is no text",
      binding({ orchestration_step_ids: [7] }),
      "/orchestration_bindings/0/orchestration_step_ids/0",
    ],
    ["governance that is ignored", { ...clean, governance: [] }, "/governance"],
    ["a limit in quotes", governance({ max_steps: "5" }), "/governance/max_steps"],
    ["a limit with a fraction", governance({ max_steps: new JsonFloat(5) }), "/governance/max_steps"],
    [
      "a network flag in quotes",
      governance({ execution_allow_network: "false" }),
      "/governance/execution_allow_network",
    ],
    [
      "capabilities that are no list",
      governance({ allowed_capabilities: "t" }),
      "/governance/allowed_capabilities",
    ],
    ["a profile that is ignored", governance({ role_profiles: { x: null } }), "/governance/role_profiles/x"],
    [
      "a profile's flag in quotes",
      profile({ execution_allow_network: "no" }),
      "/governance/role_profiles/x/execution_allow_network",
    ],
    [
      "a root outside",
      profile({ filesystem_scope: { read_only_roots: ["../.."] } }),
      "/governance/role_profiles/x/filesystem_scope/read_only_roots",
    ],
    [
      "a scratch folder that is no text",
      profile({ filesystem_scope: { scratch_subdir: 7 } }),
      "/governance/role_profiles/x/filesystem_scope/scratch_subdir",
    ],
  ])("%s", (_what, spec, path) => {
    const errors = strictIssues(spec).filter(({ severity }) => severity === "error");
    expect(errors.map((issue) => issue.path)).toContain(path);
  });
});

describe("what changes nothing in what runs is a warning:", () => {
  test.each<[string, JsonValue, string]>([
    ["no version", withoutVersion, ""],
    ["a whole version with a fraction", { ...clean, spec_version: new JsonFloat(2) }, "/spec_version"],
    ["blanks around an id", nodes(step(" a")), "/coordination_graph/nodes/0/node_id"],
    ["a kind without a meaning", nodes({ node_id: "n", kind: "Step" }), "/coordination_graph/nodes/0/kind"],
    [
      "a binding of an unknown step",
      binding({ orchestration_step_ids: ["q"] }),
      "/orchestration_bindings/0/orchestration_step_ids",
    ],
    ["an unknown limit", governance({ max_stepz: 5 }), "/governance/max_stepz"],
    [
      "an empty list of capabilities",
      governance({ allowed_capabilities: [] }),
      "/governance/allowed_capabilities",
    ],
    ["a profile of nobody", governance({ role_profiles: { q: {} } }), "/governance/role_profiles/q"],
  ])("%s", (_what, spec, path) => {
    const issues = strictIssues(spec).filter((issue) => issue.path === path);
    expect(issues.map(({ severity }) => severity)).toEqual(["warning"]);
  });
});

function nodes(...items: JsonValue[]): JsonObject {
  return { ...clean, orchestration_bindings: [], coordination_graph: { nodes: items, edges: [] } };
}

function edges(...items: JsonValue[]): JsonObject {
  const graph = clean["coordination_graph"];
  return { ...clean, coordination_graph: { ...(typeof graph === "object" ? graph : {}), edges: items } };
}

function binding(members: JsonObject): JsonObject {
  const whole = { role_name: "x", agent_name: "y", orchestration_step_ids: [], ...members };
  return { ...clean, orchestration_bindings: [whole] };
}

function governance(members: JsonObject): JsonObject {
  return { ...clean, governance: members };
}

function profile(members: JsonObject): JsonObject {
  return governance({ role_profiles: { x: members } });
}

function step(id: string): JsonObject {
  return { node_id: id, kind: "step" };
}

function arc(src: string, dst: string): JsonObject {
  return { edge_id: "e", kind: "depends_on", src_step_id: src, dst_step_id: dst };
}
