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
import type { CoordinationNode, CoordinationPlan, Orchestration } from "./model.ts";
import { pointer } from "./text/pointer.ts";
import { pythonRepr } from "./text/python.ts";

/** What an error needs to say where the steps stand and where their nodes would have been named. */
export interface StepPlaces {
  /** The spec's nodes in the order of its document. */
  readonly nodes: readonly CoordinationNode[];
  /** JSON pointer of the spec in its document: not empty when the bundle itself holds it. */
  readonly base: string;
  /** The file that the spec stands in, if it is not the bundle. */
  readonly specFile?: string;
  /** Where the orchestration file is or would be. */
  readonly orchestrationFile?: string;
}

/**
 * @param nodeIds ids of the runtime graph's nodes.
 * @throws AkcError COORDINATION_STEP_UNRESOLVED with an issue for every step concerned; its message is the first one's.
 */
export function resolveStepNodes(
  plan: CoordinationPlan,
  orchestration: Orchestration | undefined,
  ir: IrDocument | undefined,
  nodeIds: ReadonlySet<string>,
  places?: StepPlaces,
): ReadonlyMap<string, string> {
  const workflows = ir === undefined ? [] : workflowsInCompilerOrder(ir.nodes);
  const nodeOfStep = new Map<string, string>();
  const faults = new Map<string, string>();
  for (const stepId of plan.stepOrder) {
    const nodeId = orchestration?.steps.get(stepId)?.irNodeId ?? workflows[workflowIndex(stepId)]?.id;
    const message = faultOf(stepId, nodeId, nodeIds);
    if (message !== undefined) faults.set(stepId, message);
    else if (nodeId !== undefined) nodeOfStep.set(stepId, nodeId);
  }
  if (faults.size === 0) return nodeOfStep;
  throw unresolved(faults, orchestration !== undefined, places);
}

/** @param faults what is wrong with each step concerned, by its id. */
function unresolved(
  faults: ReadonlyMap<string, string>,
  orchestrated: boolean,
  places: StepPlaces | undefined,
): AkcError {
  const issues = placed(faults, places);
  const [message = ""] = faults.values();
  const file = places?.orchestrationFile;
  const spec = places?.specFile === undefined ? {} : { coordination_file: places.specFile };
  if (orchestrated || file === undefined) {
    const details = { ...spec, ...(file === undefined ? {} : { orchestration_file: file }) };
    return new AkcError("COORDINATION_STEP_UNRESOLVED", { message, issues, details });
  }
  return new AkcError("COORDINATION_STEP_UNRESOLVED", {
    message,
    issues,
    details: { ...spec, orchestration_file: `${file} is not there` },
    hint: "Put the orchestration file there: it names the IR node of each step (`inputs.ir_node_id`). Without it only steps called workflow_000, workflow_001 and so on have one.",
  });
}

function placed(faults: ReadonlyMap<string, string>, places: StepPlaces | undefined): Issue[] {
  const { nodes = [], base = "" } = places ?? {};
  const pointers = new Map(
    nodes.map(({ nodeId }, index) => [nodeId, pointer("coordination_graph", "nodes", index)]),
  );
  return [...faults].map(([stepId, message]) => {
    // A step that only edges name has no place of its own.
    return { path: base + (pointers.get(stepId) ?? pointer("coordination_graph")), message };
  });
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
