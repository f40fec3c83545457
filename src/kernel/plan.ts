/**
 * What a run has before it: its steps with their dependants, the nodes that events may trigger, and the caps.
 * Pure and computed once; the machine only reads it.
 *
 * Source: spec kernel §9.5, §12.2–12.5; kernel:W-6 (depends_on between IR nodes is honoured).
 */
import type { Bundle, GraphNode, Trigger } from "../bundle/model.ts";
import type { StepPlan } from "../coordination/model.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./retry.ts";

export interface Caps {
  /** Actions in flight in all. */
  readonly total: number;
  /** Event actions of one node kind in flight. */
  readonly perClass: number;
  readonly steps: number;
  readonly stepsPerRole: number;
}

export interface RunPlan {
  /** In plan order: the index of a step is its rank. */
  readonly steps: readonly StepPlan[];
  /** Index of a step → indexes of the steps that wait for it. */
  readonly dependents: readonly (readonly number[])[];
  /** Index of a step → how many steps it waits for. */
  readonly predecessorCounts: Int32Array;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Event type → nodes that an event of this type may trigger. */
  readonly triggered: ReadonlyMap<string, readonly { readonly node: GraphNode; readonly trigger: Trigger }[]>;
  /** Node id → nodes of its `depends_on` that events carry out: its actions wait for their first success. */
  readonly nodeGates: ReadonlyMap<string, readonly string[]>;
  readonly caps: Caps;
  readonly retry: RetryPolicy;
  /** Steps of which others name files or values; absent when there are none. */
  readonly stepsRead?: ReadonlySet<string>;
}

/** The part of a bundle that says what there is to run. */
export type PlannedBundle = Pick<Bundle, "nodes" | "coordination" | "coordinationContract">;

export interface CapOverrides {
  /** Operator's and caller's limit on actions in flight. */
  readonly actionsInFlight?: number;
}

export function planRun(
  bundle: PlannedBundle,
  steps: readonly StepPlan[],
  overrides: CapOverrides = {},
): RunPlan {
  const nodes = new Map(bundle.nodes.map((node) => [node.nodeId, node]));
  const coordinated = bundle.coordination !== undefined;
  const stepsRead = bundle.coordination?.stepsRead;
  const eventNodes = bundle.nodes.filter(
    (node) => node.contract !== undefined && !(coordinated && node.kind === "workflow"),
  );
  return {
    steps,
    ...arcs(steps, nodes),
    nodes,
    triggered: byEventType(eventNodes),
    nodeGates: gates(bundle.nodes, new Set(eventNodes.map((node) => node.nodeId))),
    caps: capsOf(bundle, overrides),
    retry: defaultRetryPolicy,
    ...(stepsRead === undefined ? {} : { stepsRead }),
  };
}

function capsOf(bundle: PlannedBundle, overrides: CapOverrides): Caps {
  const contract = bundle.coordinationContract;
  const steps = contract.parallelDispatchEnabled ? contract.maxInFlightSteps : 1;
  const ceiling = Math.min(overrides.actionsInFlight ?? limits.actionsInFlightMax, limits.actionsInFlightMax);
  const total = Math.min(
    Math.max(overrides.actionsInFlight ?? limits.actionsInFlightDefault, steps),
    ceiling,
  );
  return {
    total,
    perClass: Math.min(
      Math.max(limits.actionsPerClassInFlightDefault, overrides.actionsInFlight ?? 0),
      ceiling,
    ),
    steps: Math.min(steps, ceiling),
    stepsPerRole: contract.parallelDispatchEnabled ? contract.maxInFlightPerRole : 1,
  };
}

function byEventType(nodes: readonly GraphNode[]): RunPlan["triggered"] {
  const byType = new Map<string, { node: GraphNode; trigger: Trigger }[]>();
  for (const node of nodes) {
    for (const trigger of node.contract?.triggers ?? []) {
      const entry = byType.get(trigger.eventType);
      if (entry === undefined) byType.set(trigger.eventType, [{ node, trigger }]);
      else entry.push({ node, trigger });
    }
  }
  return byType;
}

function gates(nodes: readonly GraphNode[], eventNodes: ReadonlySet<string>): RunPlan["nodeGates"] {
  const gated = new Map<string, readonly string[]>();
  for (const node of nodes) {
    const waitsFor = node.dependsOn.filter((id) => id !== node.nodeId && eventNodes.has(id));
    if (waitsFor.length > 0) gated.set(node.nodeId, waitsFor);
  }
  return gated;
}

/** The coordination graph's arcs, and one more wherever a step's node depends on another step's node in the IR. */
function arcs(
  steps: readonly StepPlan[],
  nodes: ReadonlyMap<string, GraphNode>,
): Pick<RunPlan, "dependents" | "predecessorCounts"> {
  const indexOf = new Map<string, number>();
  const stepsOfNode = new Map<string, number[]>();
  for (const [index, step] of steps.entries()) {
    indexOf.set(step.stepId, index);
    const siblings = stepsOfNode.get(step.nodeId);
    if (siblings === undefined) stepsOfNode.set(step.nodeId, [index]);
    else siblings.push(index);
  }
  const dependents: number[][] = steps.map(() => []);
  const predecessorCounts = new Int32Array(steps.length);
  let fromIr = false;
  for (const [index, step] of steps.entries()) {
    const before = new Set<number>();
    for (const id of step.predecessors) {
      const predecessor = indexOf.get(id);
      if (predecessor !== undefined && predecessor !== index) before.add(predecessor);
    }
    for (const nodeId of nodes.get(step.nodeId)?.dependsOn ?? []) {
      if (nodeId === step.nodeId) continue;
      for (const predecessor of stepsOfNode.get(nodeId) ?? []) {
        before.add(predecessor);
        fromIr = true;
      }
    }
    for (const predecessor of before) dependents[predecessor]?.push(index);
    predecessorCounts[index] = before.size;
  }
  if (fromIr) refuseCycle(steps, dependents, predecessorCounts);
  return { dependents, predecessorCounts };
}

/** The coordination graph alone has no cycle; together with the IR's `depends_on` it may. */
function refuseCycle(
  steps: readonly StepPlan[],
  dependents: readonly (readonly number[])[],
  counts: Int32Array,
): void {
  const waiting = counts.slice();
  const ready = [...waiting.keys()].filter((index) => waiting[index] === 0);
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    for (const dependent of dependents[next] ?? []) {
      const left = (waiting[dependent] ?? 0) - 1;
      waiting[dependent] = left;
      if (left === 0) ready.push(dependent);
    }
  }
  const stuck = steps.filter((_, index) => (waiting[index] ?? 0) > 0).map((step) => step.stepId);
  if (stuck.length > 0) {
    throw new AkcError("COORDINATION_CYCLE", {
      message: "the coordination graph and depends_on of the IR contradict each other",
      details: { steps: stuck.slice(0, limits.issuesShownMax) },
    });
  }
}
