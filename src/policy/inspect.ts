/**
 * Says what a bundle would be allowed to do, what would run, and where, as plain data for people and programs.
 * It starts nothing, reads nothing, and promises nothing that only the host can know, such as where a program stands.
 *
 * Source: spec bundle §8, §13, §14.5; bundle:W-19.
 */

import { textAt } from "../bundle/member.ts";
import type { Bundle, GraphNode, PolicyMode, Route, StepFiles } from "../bundle/model.ts";
import { placeholderName, placeholdersOf } from "../bundle/placeholders.ts";
import { automaticAdapter, resolveRoute } from "../bundle/routing.ts";
import { ownFolder } from "../bundle/step-folder.ts";
import type { StepPlan } from "../coordination/model.ts";
import { planSteps } from "../coordination/step.ts";
import type { Issue } from "../errors.ts";
import { decide } from "./decide.ts";
import { type InspectedRoute, inspectRoute } from "./inspected-route.ts";
import { type Decision, type HttpLane, policyActions, type RunPolicy, type SubprocessLane } from "./model.ts";
import { type Permission, permissionOf } from "./permission.ts";

export interface BundleInspection {
  readonly bundle: {
    readonly path: string;
    readonly sha256: string;
    readonly schemaVersion: number;
    readonly tenantId: string;
    readonly repoId: string;
    readonly runId: string;
    readonly repoRoot: string;
    readonly intentId: string | null;
    readonly intentAuthorityStrict: boolean;
    readonly desiredStateSource: string;
  };
  readonly mode: PolicyMode;
  /** What `--adapter auto` takes. */
  readonly adapter: "native" | "local_depth";
  readonly decisions: readonly Decision[];
  readonly deniedActionTypes: readonly string[];
  readonly unresolvedPolicyIds: readonly string[];
  readonly subprocess: SubprocessLane;
  readonly http: HttpLane;
  readonly allowNetwork: boolean;
  readonly requireEffects: boolean;
  readonly evidenceExpectations: readonly string[];
  /** Null when the bundle has no coordination. */
  readonly coordination: {
    readonly sha256: string;
    readonly layers: number;
    readonly parallel: boolean;
    readonly maxInFlightSteps: number;
    readonly maxInFlightPerRole: number;
  } | null;
  readonly roles: readonly InspectedRole[];
  readonly steps: readonly InspectedStep[];
  /** Nodes whose contract lets events trigger them. */
  readonly nodes: readonly InspectedNode[];
  readonly warnings: readonly Issue[];
}

export interface InspectedAction {
  readonly actionType: string;
  readonly nodeId: string;
  readonly nodeKind: string;
  readonly contractId: string;
  readonly route: InspectedRoute;
  /** Whether it would be carried out, as far as that shows without looking at the host. */
  readonly permission: Permission;
  /** Relative to the outputs root; `{runtime_run_id}` is known only when a run starts. */
  readonly workdir: string;
}

/** What the steps of one role have in common. */
export interface InspectedRole {
  readonly role: string;
  readonly steps: number;
  /** Envelope AND governance AND role. */
  readonly network: boolean;
  readonly tools: readonly string[];
}

export interface InspectedStep extends InspectedAction {
  readonly stepId: string;
  readonly layer: number;
  readonly role: string;
  readonly after: readonly string[];
  /** Those of `after` whose output it is given. */
  readonly handoffFrom: readonly string[];
  readonly network: boolean;
  readonly tools: readonly string[];
  /** Files that it takes from steps before and leaves for those after it. */
  readonly files: StepFiles;
  /** What is filled into its texts when it starts, such as `steps.build.outputs.stdout`. */
  readonly placeholders: readonly string[];
}

export interface InspectedNode extends InspectedAction {
  readonly events: readonly string[];
  /** Nodes that must have succeeded before it starts. */
  readonly after: readonly string[];
  readonly inputKeys: readonly string[];
  readonly outputKeys: readonly string[];
  readonly maxSeconds: number | null;
}

/** @param policy derived from this bundle */
export function inspectBundle(bundle: Bundle, policy: RunPolicy): BundleInspection {
  const steps = stepsOf(bundle, policy);
  const nodes = new Map(bundle.nodes.map((node) => [node.nodeId, node]));
  const { coordination, coordinationContract: contract } = bundle;
  const triggered = bundle.nodes.filter(
    (node) => node.contract !== undefined && !(coordination !== undefined && node.kind === "workflow"),
  );
  const triggeredIds = new Set(triggered.map(({ nodeId }) => nodeId));
  return {
    bundle: {
      path: bundle.path,
      sha256: bundle.sha256,
      schemaVersion: bundle.schemaVersion,
      ...bundle.scope,
      runId: bundle.runId,
      repoRoot: bundle.repoRoot,
      intentId: textAt(bundle.intentRef, "intent_id") ?? null,
      intentAuthorityStrict: bundle.intentAuthorityStrict,
      desiredStateSource: bundle.desiredStateSource,
    },
    mode: policy.mode,
    adapter: automaticAdapter(bundle),
    decisions: policyActions.map((action) => decide(policy, action)),
    deniedActionTypes: [...policy.denyActionTypes],
    unresolvedPolicyIds: policy.unresolvedPolicyIds,
    subprocess: policy.subprocess,
    http: policy.http,
    allowNetwork: policy.allowNetwork,
    requireEffects: policy.requireEffects,
    evidenceExpectations: policy.evidenceExpectations,
    coordination:
      coordination === undefined
        ? null
        : {
            sha256: coordination.sha256,
            layers: coordination.plan.layers.length,
            parallel: contract.parallelDispatchEnabled,
            maxInFlightSteps: contract.maxInFlightSteps,
            maxInFlightPerRole: contract.maxInFlightPerRole,
          },
    roles: rolesOf(steps),
    steps: steps.flatMap((step) => {
      const node = nodes.get(step.nodeId);
      return node === undefined ? [] : [inspectStep(step, node, bundle, policy)];
    }),
    nodes: triggered.map((node) => inspectNode(node, triggeredIds, bundle, policy)),
    warnings: bundle.warnings,
  };
}

function stepsOf({ coordination }: Bundle, policy: RunPolicy): readonly StepPlan[] {
  if (coordination === undefined) return [];
  return planSteps({ ...coordination, envelopeAllowNetwork: policy.allowNetwork });
}

function rolesOf(steps: readonly StepPlan[]): readonly InspectedRole[] {
  const roles = new Map<string, InspectedRole>();
  for (const { roleId, allowNetwork, allowedTools } of steps) {
    const known = roles.get(roleId);
    roles.set(roleId, {
      role: roleId,
      steps: (known?.steps ?? 0) + 1,
      network: allowNetwork,
      tools: allowedTools,
    });
  }
  return [...roles.values()];
}

function inspectStep(step: StepPlan, node: GraphNode, bundle: Bundle, policy: RunPolicy): InspectedStep {
  const route = resolveRoute("coordination.step", node, bundle.metadata);
  return {
    stepId: step.stepId,
    layer: step.layer,
    role: step.roleId,
    after: step.predecessors,
    handoffFrom: step.handoffFrom,
    network: step.allowNetwork,
    tools: step.allowedTools,
    ...inspectAction("coordination.step", node, bundle, policy, { network: step.allowNetwork }),
    workdir: workdirOf(bundle, ownFolder(step.stepId, route) ?? roleFolder(step)),
    files: (route.kind === "subprocess" ? route.files : undefined) ?? { inputs: [], outputs: [] },
    placeholders: filledInto(route),
  };
}

function filledInto(route: Route): readonly string[] {
  if ((route.kind !== "subprocess" && route.kind !== "http") || route.placeholders !== true) return [];
  return placeholdersOf(route).map(placeholderName);
}

function inspectNode(
  node: GraphNode,
  triggeredIds: ReadonlySet<string>,
  bundle: Bundle,
  policy: RunPolicy,
): InspectedNode {
  const contract = node.contract;
  return {
    events: [...new Set(contract?.triggers.map((trigger) => trigger.eventType))],
    // What nothing triggers is a fact of the graph and not something to wait for.
    after: node.dependsOn.filter((id) => id !== node.nodeId && triggeredIds.has(id)),
    inputKeys: contract?.inputKeys ?? [],
    outputKeys: contract?.outputKeys ?? [],
    maxSeconds: contract?.budget?.maxSeconds ?? null,
    ...inspectAction(`${node.kind}.execute`, node, bundle, policy, {}),
    workdir: workdirOf(bundle, "work"),
  };
}

function inspectAction(
  actionType: string,
  node: GraphNode,
  bundle: Bundle,
  policy: RunPolicy,
  step: { readonly network?: boolean },
): Omit<InspectedAction, "workdir"> {
  const route = resolveRoute(actionType, node, bundle.metadata);
  return {
    actionType,
    nodeId: node.nodeId,
    nodeKind: node.kind,
    contractId: node.contractId,
    route: inspectRoute(route),
    permission: permissionOf({ actionType, route, ...step }, policy),
  };
}

function workdirOf({ scope, runId }: Bundle, folder: string): string {
  return `${scope.tenantId}/${scope.repoId}/.akc/runtime/${runId}/{runtime_run_id}/${folder}`;
}

/** A role has a folder of its own, and in it a scratch folder unless its scope says that there is none. */
function roleFolder({ roleId, filesystemScope }: StepPlan): string {
  const scratch = filesystemScope === undefined ? "scratch" : filesystemScope.scratchSubdir;
  return scratch === null ? `roles/${roleId}` : `roles/${roleId}/${scratch.trim() || "scratch"}`;
}
