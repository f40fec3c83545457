/**
 * Says what a bundle would be allowed to do, what would run, and where, as plain data for people and programs.
 * It starts nothing, reads nothing, and promises nothing that only the host can know, such as where a program stands.
 *
 * Source: spec bundle §8, §13, §14.5; bundle:W-19.
 */

import { textAt } from "../bundle/member.ts";
import type { Bundle, GraphNode, PolicyMode, Route } from "../bundle/model.ts";
import { automaticAdapter, resolveRoute } from "../bundle/routing.ts";
import type { StepPlan } from "../coordination/model.ts";
import { planSteps } from "../coordination/step.ts";
import type { Issue } from "../errors.ts";
import { decide, decideDispatch } from "./decide.ts";
import { executableAllowed } from "./executables.ts";
import { type Decision, type HttpLane, policyActions, type RunPolicy, type SubprocessLane } from "./model.ts";
import { urlAllowed } from "./url-pattern.ts";

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
  readonly route: Route;
  /** Whether it would be carried out, as far as that shows without looking at the host. */
  readonly permission: Permission;
  /** Relative to the outputs root; `{runtime_run_id}` is known only when a run starts. */
  readonly workdir: string;
}

export type Permission =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: string; readonly why: string };

export interface InspectedStep extends InspectedAction {
  readonly stepId: string;
  readonly layer: number;
  readonly role: string;
  readonly after: readonly string[];
  readonly network: boolean;
  readonly tools: readonly string[];
}

export interface InspectedNode extends InspectedAction {
  readonly events: readonly string[];
  readonly after: readonly string[];
  readonly inputKeys: readonly string[];
  readonly outputKeys: readonly string[];
  readonly maxSeconds: number | null;
}

/** @param policy derived from this bundle */
export function inspectBundle(bundle: Bundle, policy: RunPolicy): BundleInspection {
  const nodes = new Map(bundle.nodes.map((node) => [node.nodeId, node]));
  const { coordination, coordinationContract: contract } = bundle;
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
    steps: stepsOf(bundle, policy).flatMap((step) => {
      const node = nodes.get(step.nodeId);
      return node === undefined ? [] : [inspectStep(step, node, bundle, policy)];
    }),
    nodes: bundle.nodes
      .filter(
        (node) => node.contract !== undefined && !(coordination !== undefined && node.kind === "workflow"),
      )
      .map((node) => inspectNode(node, bundle, policy)),
    warnings: bundle.warnings,
  };
}

function stepsOf(bundle: Bundle, policy: RunPolicy): readonly StepPlan[] {
  if (bundle.coordination === undefined) return [];
  return planSteps({ ...bundle.coordination, envelopeAllowNetwork: policy.allowNetwork });
}

function inspectStep(step: StepPlan, node: GraphNode, bundle: Bundle, policy: RunPolicy): InspectedStep {
  return {
    stepId: step.stepId,
    layer: step.layer,
    role: step.roleId,
    after: step.predecessors,
    network: step.allowNetwork,
    tools: step.allowedTools,
    ...inspectAction("coordination.step", node, bundle, policy, roleFolder(step)),
  };
}

function inspectNode(node: GraphNode, bundle: Bundle, policy: RunPolicy): InspectedNode {
  const contract = node.contract;
  return {
    events: [...new Set(contract?.triggers.map((trigger) => trigger.eventType))],
    after: node.dependsOn,
    inputKeys: contract?.inputKeys ?? [],
    outputKeys: contract?.outputKeys ?? [],
    maxSeconds: contract?.budget?.maxSeconds ?? null,
    ...inspectAction(`${node.kind}.execute`, node, bundle, policy, "/work"),
  };
}

function inspectAction(
  actionType: string,
  node: GraphNode,
  bundle: Bundle,
  policy: RunPolicy,
  folder: string,
): InspectedAction {
  const route = resolveRoute(actionType, node, bundle.metadata);
  const { tenantId, repoId } = bundle.scope;
  return {
    actionType,
    nodeId: node.nodeId,
    nodeKind: node.kind,
    contractId: node.contractId,
    route,
    permission: permissionOf(actionType, route, policy),
    workdir: `${tenantId}/${repoId}/.akc/runtime/${bundle.runId}/{runtime_run_id}${folder}`,
  };
}

/** A role has a folder of its own, and in it a scratch folder unless its scope says that there is none. */
function roleFolder({ roleId, filesystemScope }: StepPlan): string {
  const scratch = filesystemScope === undefined ? "scratch" : filesystemScope.scratchSubdir;
  return scratch === null ? `/roles/${roleId}` : `/roles/${roleId}/${scratch.trim() || "scratch"}`;
}

const allowed: Permission = { allowed: true };
const withoutEffect: Permission = {
  allowed: false,
  code: "EFFECT_REQUIRED",
  why: "the action has nothing to execute",
};

function permissionOf(actionType: string, route: Route, policy: RunPolicy): Permission {
  const dispatch = decideDispatch(policy, actionType);
  if (!dispatch.allowed) return denied("POLICY_DENIED", dispatch.reason);
  switch (route.kind) {
    case "malformed":
      return denied("ROUTE_MALFORMED", route.why);
    case "refused":
      return denied("ROUTE_NOT_ALLOWED", route.why);
    case "subprocess":
      return lanePermission(policy, "runtime.action.execute.subprocess", () =>
        executablePermission(route.argv[0] ?? "", policy.subprocess),
      );
    case "http":
      return lanePermission(policy, "runtime.action.execute.http", () =>
        requestPermission(route.url, route.method, policy.http),
      );
    case "noop":
      return policy.requireEffects ? withoutEffect : allowed;
    case "delegate_adapter":
      // A step goes to an agent worker; any other action of the delegate is a bare transition.
      return policy.requireEffects && actionType !== "coordination.step" ? withoutEffect : allowed;
  }
}

function lanePermission(policy: RunPolicy, action: string, lane: () => Permission): Permission {
  const decision = decide(policy, action);
  return decision.allowed ? lane() : denied("POLICY_DENIED", decision.reason);
}

function executablePermission(written: string, lane: SubprocessLane): Permission {
  const argv0 = written.trim();
  // Where a bare name stands is for the host to say, and the operator's list is of such places.
  const { operatorPaths, ...bundleOnly } = lane;
  const answer = argv0.startsWith("/")
    ? executableAllowed(argv0, argv0, lane)
    : executableAllowed(argv0, argv0, bundleOnly);
  return answer.allowed ? allowed : denied(answer.code, answer.reason);
}

function requestPermission(url: string, method: string, lane: HttpLane): Permission {
  if (!lane.enabled) return denied("HTTP_DISABLED", "http_disabled");
  if (lane.allowlist.length === 0) return denied("HTTP_ALLOWLIST_EMPTY", "allowlist_empty");
  if (!lane.methods.includes(method)) return denied("HTTP_METHOD_DENIED", "method_not_allowed");
  return urlAllowed(lane, url) ? allowed : denied("HTTP_URL_DENIED", "url_not_allowed");
}

function denied(code: string, why: string): Permission {
  return { allowed: false, code, why };
}
