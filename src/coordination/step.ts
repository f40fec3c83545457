/**
 * Makes a step of the plan into what the kernel starts: first all that is known before the run, then the action itself.
 * Its two hashes tie evidence to inputs, so their bytes never change; it never looks at a clock or at another run.
 *
 * Source: spec kernel §12.3, §12.4; test vectors in §17.
 */
import type { RuntimeAction } from "../adapters/contract.ts";
import type { GraphNode } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import { edgeContext } from "./graph/edge-context.ts";
import type {
  CoordinationEdge,
  CoordinationPlan,
  CoordinationSpec,
  Orchestration,
  StepPlan,
} from "./model.ts";
import { actionContext, contextText, planContext } from "./policy-context.ts";
import { isolationOf, type RoleIsolation, roleFinder } from "./roles.ts";
import { Numbering } from "./text/numbering.ts";
import { pythonRepr } from "./text/python.ts";
import { quoted } from "./text/quote.ts";

export interface StepsInput {
  readonly spec: CoordinationSpec;
  /** Fingerprint of the spec. */
  readonly sha256: string;
  readonly plan: CoordinationPlan;
  readonly orchestration?: Orchestration | undefined;
  /** Step id → node id, see `resolveStepNodes`. */
  readonly nodeOfStep: ReadonlyMap<string, string>;
  /** `runtime_policy_envelope.allow_network`, which only the boolean true grants (kernel:W-28). */
  readonly envelopeAllowNetwork: boolean;
}

/** Every step in plan order: by layer, then by id. */
export function planSteps(input: StepsInput): readonly StepPlan[] {
  const { plan, spec } = input;
  const arrivals = arrivalsOf(spec, plan);
  const roleOf = roleFinder(spec, input.orchestration);
  const isolations = new Map<string, RoleIsolation>();
  const isolate = (role: string): RoleIsolation => {
    const isolation = isolations.get(role) ?? isolationOf(spec, role, input.envelopeAllowNetwork);
    isolations.set(role, isolation);
    return isolation;
  };
  const hashes = { spec: input.sha256, loweredPrecedence: plan.loweredPrecedenceSha256 };
  const steps: StepPlan[] = [];
  for (const [layer, stepIds] of plan.layers.entries()) {
    for (const stepId of stepIds) {
      const nodeId = input.nodeOfStep.get(stepId);
      if (nodeId === undefined) throw new AkcError("INTERNAL", { message: `step ${stepId} has no node` });
      const roleId = roleOf(stepId);
      const isolation = isolate(roleId);
      const edges = edgeContext(arrivals.edges[steps.length] ?? none);
      steps.push({
        stepId,
        layer,
        roleId,
        nodeId,
        predecessors: arrivals.predecessors[steps.length] ?? none,
        handoffFrom: edges.handoffFrom,
        ...isolation,
        policyContext: planContext(stepId, roleId, isolation, edges, hashes),
      });
    }
  }
  return steps;
}

const none: readonly never[] = [];

export interface StepActionInput {
  readonly runtimeRunId: string;
  readonly specSha256: string;
  readonly node: GraphNode;
  /** Predecessor's step id → SHA-256 of what it put out, for at least every id of `step.handoffFrom`. */
  readonly handoffDigests: ReadonlyMap<string, string>;
}

/**
 * The action that carries a step out.
 * @param step one that `planSteps` made: its `policyContext` is written to text member by known member.
 * @throws AkcError INTERNAL when a digest is missing or malformed: the kernel blocks a step until it has them all.
 */
export function stepAction(step: StepPlan, input: StepActionInput): RuntimeAction {
  const { runtimeRunId, specSha256, node } = input;
  const { stepId, layer, roleId } = step;
  const policyContext =
    step.handoffFrom.length === 0
      ? step.policyContext
      : actionContext(step.policyContext, digestsOf(step, input.handoffDigests));
  const id = quoted(stepId);
  const spec = quoted(specSha256);
  // Canonical JSON by hand, keys in order: this runs once a step, and a general writer costs more than all the rest.
  const inputs =
    `{"coordination_role_id":${quoted(roleId)},"coordination_spec_sha256":${spec},` +
    `"coordination_step_id":${id},"layer":${layer},"policy_context":${contextText(policyContext)}}`;
  const identity =
    `{"coordination":true,"layer":${layer},"runtime_run_id":${quoted(runtimeRunId)},` +
    `"spec_sha256":${spec},"step_id":${id}}`;
  return {
    actionId: `coordination:${stepId}:${layer}`,
    actionType: "coordination.step",
    nodeId: node.nodeId,
    nodeKind: node.kind,
    contractId: node.contractId,
    inputsFingerprint: sha256Hex(inputs),
    idempotencyKey: sha256Hex(identity),
    policyContext,
  };
}

function digestsOf(step: StepPlan, recorded: ReadonlyMap<string, string>): readonly JsonObject[] {
  return step.handoffFrom.map((from) => {
    const digest = recorded.get(from);
    if (digest === undefined) {
      const message =
        `coordination step ${pythonRepr(step.stepId)} has handoff from predecessor ${pythonRepr(from)} ` +
        "but no recorded agent_worker_output_sha256 for that step in this run";
      throw new AkcError("INTERNAL", { message });
    }
    if (!/^[0-9a-fA-F]{64}$/.test(digest)) {
      const message = `agent_worker_output_sha256 must be a 64-char hex string, got ${pythonRepr(digest)}`;
      throw new AkcError("INTERNAL", { message });
    }
    return { predecessor_step_id: from, agent_worker_output_sha256: digest.toLowerCase() };
  });
}

/** What leads to each step, by its position in the plan; a step without predecessors may have nothing there. */
interface Arrivals {
  /** Every edge that leads to the step, self-edges included, as its evidence shows them. */
  readonly edges: readonly (readonly CoordinationEdge[] | undefined)[];
  /** Distinct ids in order, without the step itself. */
  readonly predecessors: readonly (readonly string[] | undefined)[];
}

function arrivalsOf(spec: CoordinationSpec, plan: CoordinationPlan): Arrivals {
  const position = new Numbering();
  for (const stepId of plan.stepOrder) position.of(stepId);
  // Full length from the start: an array that is filled out of order becomes a slow, sparse one.
  const edges = plan.stepOrder.map((): CoordinationEdge[] | undefined => undefined);
  for (const edge of spec.edges) append(edges, position.of(edge.dst), edge);
  const predecessors = plan.stepOrder.map((): string[] | undefined => undefined);
  for (const { src, dst } of plan.precedence) append(predecessors, position.of(dst), src);
  return { edges, predecessors };
}

function append<Item>(lists: (Item[] | undefined)[], index: number, item: Item): void {
  const list = lists[index];
  if (list === undefined) lists[index] = [item];
  else list.push(item);
}
