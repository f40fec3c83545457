import { describe, expect, test } from "bun:test";
import type { IrDocument, IrNode } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { checkReferences, parseOrchestration } from "./orchestration.ts";
import { parseCoordination } from "./parse.ts";
import { resolveStepNodes } from "./resolve.ts";
import { schedule } from "./schedule.ts";

describe("an orchestration file", () => {
  test("gives a step its role and node, its inputs first", () => {
    const { steps } = parseOrchestration({
      steps: [
        { step_id: " a ", role: "x", role_name: "y", ir_node_id: "top", inputs: { ir_node_id: "in" } },
        { step_id: "b", role: " ", role_name: "y", ir_node_id: "top" },
        { step_id: "c" },
        { step_id: null, role: "x" },
        "skipped",
      ],
    });
    expect([...steps.values()].map(({ stepId, role, irNodeId }) => [stepId, role, irNodeId])).toEqual([
      ["a", "x", "in"],
      ["b", "y", "top"],
      ["c", undefined, undefined],
    ]);
  });

  test("that contradicts itself is refused, one that repeats itself is not", () => {
    const repeated = {
      steps: [
        { step_id: "a", role: "x" },
        { step_id: "a", role: "x" },
      ],
    };
    expect(parseOrchestration(repeated).steps.size).toBe(1);
    const contradicting = {
      steps: [
        { step_id: "a", role: "x" },
        { step_id: "a", role: "root" },
      ],
    };
    expect(() => parseOrchestration(contradicting)).toThrow(AkcError);
    expect(() => parseOrchestration([])).toThrow(AkcError);
  });

  test("names every reference that it does not know, in the documented words", () => {
    const spec = parseCoordination({
      ...specOf(["a", "b"]),
      orchestration_bindings: [{ role_name: "x", agent_name: "y", orchestration_step_ids: ["a", "b"] }],
    });
    expect(checkReferences(spec, parseOrchestration({ steps: [{ step_id: "a" }] }))).toEqual([
      {
        path: "/orchestration_bindings/0/orchestration_step_ids/1",
        message:
          "coordination.orchestration_bindings[0].orchestration_step_ids[1] references unknown step_id 'b'",
      },
      {
        path: "/coordination_graph/edges/0/dst_step_id",
        message: "coordination.coordination_graph.edges[0].dst_step_id references unknown step_id 'b'",
      },
    ]);
  });
});

describe("the node of a step", () => {
  const workflows: IrDocument = {
    sha256: "",
    nodes: [
      irNode("c_late", { order_idx: 10 }),
      irNode("d_early", { order_idx: 9 }),
      irNode("z", { coordination_parallel_group: "z" }),
      irNode("y", { coordination_parallel_group: "z" }),
      { ...irNode("other", {}), kind: "service" },
    ],
  };
  const nodeIds = new Set(workflows.nodes.map(({ id }) => id));

  test("is the N-th workflow in the compiler's order: groups, then numbers, then ids", () => {
    const plan = planOf(["workflow_000", "workflow_001", "workflow_2", "workflow_0003"]);
    expect(Object.fromEntries(resolveStepNodes(plan, undefined, workflows, nodeIds))).toEqual({
      workflow_000: "y",
      workflow_001: "z",
      workflow_2: "d_early",
      workflow_0003: "c_late",
    });
  });

  test("is what the orchestration says, if it says anything", () => {
    const orchestration = parseOrchestration({ steps: [{ step_id: "workflow_000", ir_node_id: "c_late" }] });
    expect(
      resolveStepNodes(planOf(["workflow_000"]), orchestration, workflows, nodeIds).get("workflow_000"),
    ).toBe("c_late");
  });

  test("that cannot be found is an error which names every such step", () => {
    const orchestration = parseOrchestration({ steps: [{ step_id: "y", ir_node_id: "gone" }] });
    const plan = planOf(["workflow_000", "workflow_9", "x", "y"]);
    try {
      resolveStepNodes(plan, orchestration, workflows, nodeIds);
      throw new Error("nothing was thrown");
    } catch (error) {
      if (!(error instanceof AkcError)) throw error;
      expect(error.code).toBe("COORDINATION_STEP_UNRESOLVED");
      expect(error.message).toBe("cannot resolve coordination step_id 'workflow_9' to an IR node id");
      expect(error.issues.map(({ message }) => message)).toEqual([
        "cannot resolve coordination step_id 'workflow_9' to an IR node id",
        "cannot resolve coordination step_id 'x' to an IR node id",
        "coordination step 'y' resolved to IR node 'gone' not in runtime graph",
      ]);
    }
  });
});

function irNode(id: string, properties: JsonObject): IrNode {
  return { id, kind: "workflow", name: id, properties, dependsOn: [], document: {} };
}

function planOf(ids: readonly string[]): ReturnType<typeof schedule> {
  const nodes = ids.map((node_id) => ({ node_id, kind: "step" }));
  return schedule(parseCoordination({ ...specOf([]), coordination_graph: { nodes, edges: [] } }));
}

/** A chain of steps. */
function specOf(ids: readonly string[]): JsonObject {
  const edges = ids.slice(1).map((id, index) => ({
    edge_id: `e${index}`,
    kind: "depends_on",
    src_step_id: ids[index] ?? "",
    dst_step_id: id,
  }));
  return { run_id: "r", tenant_id: "t", repo_id: "p", coordination_graph: { nodes: [], edges } };
}
