/**
 * Finds the IR node that each step of a plan runs, for all steps before anything starts.
 * It never guesses: a step without a node, or with one that is not in the runtime graph, is an error that names all such steps.
 *
 * Source: spec kernel §11.10, §12.2.
 */
import type { IrDocument, IrNode } from "../bundle/model.ts";
import { AkcError, type Issue } from "../errors.ts";
import { asDouble } from "../json/value.ts";
import { compareCodePoints } from "./code-point.ts";
import { textOf } from "./graph/edge-kinds.ts";
import type { CoordinationPlan, Orchestration } from "./model.ts";
import { pythonRepr } from "./text/python.ts";

/**
 * @param nodeIds ids of the runtime graph's nodes.
 * @throws AkcError COORDINATION_STEP_UNRESOLVED with an issue for every step concerned; its message is the first one's.
 */
export function resolveStepNodes(
  plan: CoordinationPlan,
  orchestration: Orchestration | undefined,
  ir: IrDocument | undefined,
  nodeIds: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const workflows = ir === undefined ? [] : workflowsInCompilerOrder(ir.nodes);
  const nodeOfStep = new Map<string, string>();
  const issues: Issue[] = [];
  for (const stepId of plan.stepOrder) {
    const nodeId = orchestration?.steps.get(stepId)?.irNodeId ?? workflows[workflowIndex(stepId)]?.id;
    const message = faultOf(stepId, nodeId, nodeIds);
    if (message !== undefined) issues.push({ path: "", message });
    else if (nodeId !== undefined) nodeOfStep.set(stepId, nodeId);
  }
  const first = issues[0];
  if (first === undefined) return nodeOfStep;
  throw new AkcError("COORDINATION_STEP_UNRESOLVED", { message: first.message, issues });
}

function faultOf(
  stepId: string,
  nodeId: string | undefined,
  nodeIds: ReadonlySet<string>,
): string | undefined {
  if (nodeId === undefined) {
    return `cannot resolve coordination step_id ${pythonRepr(stepId)} to an IR node id`;
  }
  if (nodeIds.has(nodeId)) return undefined;
  const step = pythonRepr(stepId);
  return `coordination step ${step} resolved to IR node ${pythonRepr(nodeId)} not in runtime graph`;
}

/** N of `workflow_<N>`, −1 for any other id. Read as a number: `workflow_1000` follows `workflow_999` (kernel:W-27). */
function workflowIndex(stepId: string): number {
  const digits = /^workflow_(\d+)$/.exec(stepId)?.[1];
  return digits === undefined ? -1 : Number(digits);
}

function workflowsInCompilerOrder(nodes: readonly IrNode[]): readonly IrNode[] {
  const keyed = nodes
    .filter((node) => node.kind === "workflow")
    .map((node) => ({ node, key: layerKey(node) }));
  keyed.sort((a, b) => compareCodePoints(a.key, b.key) || compareCodePoints(a.node.id, b.node.id));
  return keyed.map(({ node }) => node);
}

/** A named group sorts before every numbered layer, as the compiler that numbered the steps had it. */
function layerKey({ properties }: IrNode): string {
  const group = textOf(properties["coordination_parallel_group"]);
  if (group !== undefined) return `g:${group}`;
  const index = Math.trunc(asDouble(properties["order_idx"]) ?? 0);
  return `o:${String(index).padStart(9, "0")}`;
}
