import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import { JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";
import { parseOrchestration } from "./orchestration.ts";
import { parseCoordination } from "./parse.ts";
import { schedule } from "./schedule.ts";
import { strictIssues } from "./strict.ts";

const minimal = {
  spec_version: 1,
  run_id: "r",
  tenant_id: "t",
  repo_id: "p",
  coordination_graph: { nodes: [], edges: [] },
} satisfies JsonObject;

describe("whatever JSON comes, a reader of it", () => {
  test("returns or throws an error of ours, and never another", () => {
    fc.assert(
      fc.property(nearlySpecs(), (value) => {
        for (const read of [
          (v: JsonValue) => schedule(parseCoordination(v)),
          parseOrchestration,
          strictIssues,
        ]) {
          try {
            read(value);
          } catch (error) {
            expect(error).toBeInstanceOf(AkcError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the documented fault", () => {
  const graph = (nodes: JsonValue, edges: JsonValue = []): JsonObject => ({
    ...minimal,
    coordination_graph: { nodes, edges },
  });
  const edge = { edge_id: "e", kind: "depends_on", src_step_id: "a", dst_step_id: "b" };
  const profile = (scratch: string): JsonObject => ({
    ...minimal,
    governance: { role_profiles: { x: { filesystem_scope: { scratch_subdir: scratch } } } },
  });

  const faults: [JsonValue, string, string][] = [
    [[], "CoordinationParseError", "coordination spec must be a JSON object"],
    [
      { ...minimal, coordination_spec_version: 2 },
      "CoordinationParseError",
      "coordination_spec_version and spec_version must match when both are present (got coordination_spec_version=2, spec_version=1)",
    ],
    [
      { ...minimal, coordination_graph: [] },
      "CoordinationParseError",
      "coordination_graph must be an object",
    ],
    [graph({}), "CoordinationParseError", "coordination_graph.nodes must be an array"],
    [graph([], "x"), "CoordinationParseError", "coordination_graph.edges must be an array"],
    [graph([{ kind: "step" }]), "ValueError", "coordination.node_id must be a non-empty string"],
    [
      graph([{ node_id: "\u0085", kind: "step" }]),
      "ValueError",
      "coordination.node_id must be a non-empty string",
    ],
    [graph([{ node_id: "a", kind: " " }]), "ValueError", "coordination.kind must be a non-empty string"],
    [graph([], [{ ...edge, edge_id: "" }]), "ValueError", "coordination.edge_id must be a non-empty string"],
    [graph([], [{ ...edge, kind: "" }]), "ValueError", "coordination.edge.kind must be a non-empty string"],
    [
      graph([], [{ ...edge, src_step_id: "" }]),
      "ValueError",
      "coordination.src_step_id must be a non-empty string",
    ],
    [
      graph([], [{ ...edge, dst_step_id: "" }]),
      "ValueError",
      "coordination.dst_step_id must be a non-empty string",
    ],
    [
      graph([], [{ ...edge, metadata: [] }]),
      "CoordinationParseError",
      "coordination edge 'e': metadata must be an object when present",
    ],
    [
      { ...minimal, orchestration_bindings: [{ agent_name: "a" }] },
      "ValueError",
      "coordination.binding.role_name must be a non-empty string",
    ],
    [
      { ...minimal, orchestration_bindings: [{ role_name: "x", agent_name: "" }] },
      "ValueError",
      "coordination.binding.agent_name must be a non-empty string",
    ],
    [
      profile("/tmp"),
      "CoordinationParseError",
      "filesystem_scope.scratch_subdir must be a safe relative path",
    ],
    [
      profile("a/../../b"),
      "CoordinationParseError",
      "filesystem_scope.scratch_subdir must be a safe relative path",
    ],
    [{ ...minimal, run_id: "" }, "ValueError", "coordination.run_id must be a non-empty string"],
    [{ ...minimal, tenant_id: " " }, "ValueError", "coordination.tenant_id must be a non-empty string"],
    [{ ...minimal, repo_id: "" }, "ValueError", "coordination.repo_id must be a non-empty string"],
  ];
  test.each(faults)("%j is a %s: %s", (value, errorClass, message) => {
    try {
      parseCoordination(value);
      throw new Error("nothing was thrown");
    } catch (error) {
      if (!(error instanceof AkcError)) throw error;
      expect([error.code, error.details["errorClass"], error.message]).toEqual([
        "COORDINATION_INVALID",
        errorClass,
        message,
      ]);
    }
  });

  test("that comes first in the documented order is the one reported", () => {
    const everything = { ...minimal, run_id: "", coordination_graph: { nodes: [{}], edges: [{}] } };
    expect(() => parseCoordination(everything)).toThrow("coordination.node_id");
  });
});

describe("what existing tools accept", () => {
  test.each([
    [{ spec_version: "2" }, 1],
    [{ spec_version: 2.9 }, 2],
    [{ spec_version: new JsonFloat(2), coordination_spec_version: 2 }, 2],
    [{ spec_version: true, coordination_spec_version: 1 }, 1],
    [{ spec_version: false }, 0],
    [{ spec_version: 3 }, 3],
    [{ spec_version: -4 }, -4],
    [{ spec_version: null }, 1],
    [{ spec_version: "x", coordination_spec_version: 2 }, 2],
  ])("the version of %j is %d", (versions, expected) => {
    const { spec_version: _, ...rest } = minimal;
    expect(parseCoordination({ ...rest, ...versions }).version).toBe(expected);
  });

  test("version 3 knows the edge kinds of version 2, version 0 only depends_on", () => {
    const coordination_graph = {
      nodes: [],
      edges: [{ edge_id: "e", kind: "barrier", src_step_id: "a", dst_step_id: "b" }],
    };
    const of = (spec_version: number): JsonObject => ({ ...minimal, spec_version, coordination_graph });
    expect(schedule(parseCoordination(of(3))).stepOrder).toEqual(["a", "b"]);
    expect(() => schedule(parseCoordination(of(0)))).toThrow("requires spec_version");
  });

  test("ids that are no strings become their Python text, and blanks around ids are cut off", () => {
    const text = `{"spec_version":1,"run_id":1,"tenant_id":true,"repo_id":null,"coordination_graph":{"nodes":[
      {"node_id":7,"kind":"step"},{"node_id":null,"kind":" step "},{"node_id":1e2,"kind":"step"},
      {"node_id":["it's",{"k":1.5}],"kind":"step"},{"node_id":" \\u001ca\\u00a0","kind":"step"},
      {"node_id":"\\ufeffb","kind":"step"},
      "skipped",null],"edges":[7]}}`;
    const spec = parseCoordination(parseJson(text));
    expect(spec.nodes.map(({ nodeId, kind }) => [nodeId, kind])).toEqual([
      ["7", "step"],
      ["None", "step"],
      ["100.0", "step"],
      [`["it's", {'k': 1.5}]`, "step"],
      ["a", "step"],
      ["\ufeffb", "step"],
    ]);
    expect([spec.runId, spec.scope]).toEqual(["1", { tenantId: "True", repoId: "None" }]);
  });

  test("an endpoint that is undeclared, or a role, is a step", () => {
    const edges = [{ edge_id: "e", kind: "depends_on", src_step_id: "r", dst_step_id: "zz" }];
    const spec = { ...minimal, coordination_graph: { nodes: [{ node_id: "r", kind: "role" }], edges } };
    expect(schedule(parseCoordination(spec)).layers).toEqual([["r"], ["zz"]]);
  });

  test("governance of the wrong type is left out, and lists come sorted and distinct", () => {
    const governance = {
      max_steps: "5",
      allowed_capabilities: ["b", " a ", "b", ""],
      execution_allow_network: "false",
      role_profiles: { " x ": { allowed_tools: ["t2", "t1"], execution_allow_network: false }, y: 7 },
    };
    expect(parseCoordination({ ...minimal, governance }).governance).toEqual({
      maxSteps: null,
      allowedCapabilities: ["a", "b"],
      executionAllowNetwork: null,
      roleProfiles: new Map([["x", { allowedTools: ["t1", "t2"], executionAllowNetwork: false }]]),
    });
    expect(parseCoordination({ ...minimal, governance: [] }).governance).toBeUndefined();
  });
});

/** Specs in which any member may be anything. */
function nearlySpecs(): fc.Arbitrary<JsonValue> {
  const junk = fc.jsonValue({ maxDepth: 2 }).map((value) => parseJson(JSON.stringify(value)));
  const text = fc.oneof({ weight: 6, arbitrary: fc.constantFrom("a", "b", "step", "handoff", " ") }, junk);
  const list = (item: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
    fc.oneof({ weight: 6, arbitrary: fc.array(item, { maxLength: 4 }) }, junk);
  const record = (members: Record<string, fc.Arbitrary<JsonValue>>): fc.Arbitrary<JsonValue> =>
    fc.oneof({ weight: 6, arbitrary: fc.record(members, { requiredKeys: [] }).map(present) }, junk);
  const node = record({ node_id: text, kind: text, label: text, tools: list(text) });
  const metadata = record({ handoff_id: text, delegate_target: text });
  const edge = record({ edge_id: text, kind: text, src_step_id: text, dst_step_id: text, metadata });
  const scope = record({ read_only_roots: list(text), scratch_subdir: text });
  const profile = record({
    filesystem_scope: scope,
    allowed_tools: list(text),
    execution_allow_network: text,
  });
  return record({
    spec_version: fc.oneof(fc.constantFrom<JsonValue>(1, 2, true, 2.5, 10n ** 400n), junk),
    run_id: text,
    tenant_id: text,
    repo_id: text,
    coordination_graph: record({ nodes: list(node), edges: list(edge) }),
    orchestration_bindings: list(
      record({ role_name: text, agent_name: text, orchestration_step_ids: list(text) }),
    ),
    agent_roles: list(record({ name: text, tools: list(text) })),
    governance: record({ max_steps: junk, role_profiles: record({ a: profile, "../b": profile }) }),
    steps: list(
      record({ step_id: text, role: text, ir_node_id: text, inputs: record({ ir_node_id: text }) }),
    ),
  });
}

function present(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  );
}
