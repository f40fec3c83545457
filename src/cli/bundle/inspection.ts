/** What a bundle would be allowed to do and what would run, as plain data: the shape `BundleInspection`. Pure. */
import type { GraphNode, Route } from "../../bundle/model.ts";
import type { StepPlan } from "../../coordination/model.ts";
import { type HttpLane, policyActions, type SubprocessLane } from "../../policy/model.ts";
import type { Prepared } from "../../run/prepare.ts";

export type Inspection = {
  readonly path: string;
  readonly sha256: string;
  readonly schema_version: number;
  readonly tenant_id: string;
  readonly repo_id: string;
  readonly run_id: string;
  readonly mode: string;
  readonly adapter_id: string;
  readonly actions: readonly ActionAnswer[];
  readonly subprocess: SubprocessBounds;
  readonly http: HttpBounds;
  readonly allow_network: boolean;
  readonly require_effects: boolean;
  readonly limits: {
    readonly deadline_ms?: number | undefined;
    readonly action_deadline_ms: number;
    readonly in_flight: number;
    readonly steps_in_flight: number;
    readonly steps_in_flight_per_role: number;
  };
  readonly steps: readonly StepPreview[];
  readonly event_nodes: readonly EventNodePreview[];
  readonly evidence_expectations: readonly string[];
  readonly unresolved_policy_ids: readonly string[];
  readonly warnings: readonly { readonly path: string; readonly message: string }[];
};

type ActionAnswer = {
  readonly action: string;
  readonly allowed: boolean;
  readonly source?: string | undefined;
  readonly rule?: string | undefined;
};

type SubprocessBounds = {
  readonly enabled: boolean;
  readonly allowlist: readonly string[];
  readonly operator_paths?: readonly string[] | undefined;
  readonly containment: string;
  readonly read_only_roots: readonly string[];
};

type HttpBounds = {
  readonly enabled: boolean;
  readonly allowlist: readonly string[];
  readonly narrowed_by: readonly (readonly string[])[];
  readonly methods: readonly string[];
};

export type RoutePreview = {
  readonly kind: Route["kind"];
  readonly argv?: readonly string[] | undefined;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly timeout_ms?: number | undefined;
  readonly why?: string | undefined;
};

export type StepPreview = {
  readonly step_id: string;
  readonly layer: number;
  readonly role_id: string;
  readonly node_id: string;
  readonly waits_for: readonly string[];
  readonly handoff_from: readonly string[];
  readonly allow_network: boolean;
  readonly allowed_tools: readonly string[];
  readonly route: RoutePreview;
};

export type EventNodePreview = {
  readonly node_id: string;
  readonly kind: string;
  readonly event_types: readonly string[];
  /** Nodes that must have succeeded before it starts. */
  readonly waits_for: readonly string[];
  readonly route: RoutePreview;
};

export function inspectPrepared({ bundle, policy, plan, adapterId, routeOf }: Prepared): Inspection {
  return {
    path: bundle.path,
    sha256: bundle.sha256,
    schema_version: bundle.schemaVersion,
    tenant_id: bundle.scope.tenantId,
    repo_id: bundle.scope.repoId,
    run_id: bundle.runId,
    mode: policy.mode,
    adapter_id: adapterId,
    actions: policyActions.map((action) => {
      const denied = policy.deniedBy.get(action);
      return { action, allowed: policy.allow.has(action), source: denied?.source, rule: denied?.rule };
    }),
    subprocess: subprocessBounds(policy.subprocess),
    http: httpBounds(policy.http),
    allow_network: policy.allowNetwork,
    require_effects: policy.requireEffects,
    limits: {
      deadline_ms: policy.runDeadlineMs,
      action_deadline_ms: policy.actionDeadlineMsMax,
      in_flight: plan.caps.total,
      steps_in_flight: plan.caps.steps,
      steps_in_flight_per_role: plan.caps.stepsPerRole,
    },
    steps: plan.steps.map((step) => stepPreview(step, plan.nodes.get(step.nodeId), routeOf)),
    event_nodes: eventNodes(plan, routeOf),
    evidence_expectations: policy.evidenceExpectations,
    unresolved_policy_ids: policy.unresolvedPolicyIds,
    warnings: bundle.warnings.map(({ path, message }) => ({ path, message })),
  };
}

function subprocessBounds(lane: SubprocessLane): SubprocessBounds {
  return {
    enabled: lane.enabled,
    allowlist: lane.allowlist,
    operator_paths: lane.operatorPaths,
    containment: lane.containment,
    read_only_roots: lane.readOnlyRoots,
  };
}

function httpBounds(lane: HttpLane): HttpBounds {
  return {
    enabled: lane.enabled,
    allowlist: lane.allowlist,
    narrowed_by: lane.narrowedBy,
    methods: lane.methods,
  };
}

function stepPreview(step: StepPlan, node: GraphNode | undefined, routeOf: Prepared["routeOf"]): StepPreview {
  return {
    step_id: step.stepId,
    layer: step.layer,
    role_id: step.roleId,
    node_id: step.nodeId,
    waits_for: step.predecessors,
    handoff_from: step.handoffFrom,
    allow_network: step.allowNetwork,
    allowed_tools: step.allowedTools,
    route: node === undefined ? { kind: "delegate_adapter" } : routePreview(routeOf({ node, step })),
  };
}

function eventNodes(
  { triggered, nodeGates }: Prepared["plan"],
  routeOf: Prepared["routeOf"],
): EventNodePreview[] {
  const byNode = new Map<string, { node: GraphNode; eventTypes: string[] }>();
  for (const [eventType, waiting] of triggered) {
    for (const { node } of waiting) {
      const entry = byNode.get(node.nodeId) ?? { node, eventTypes: [] };
      entry.eventTypes.push(eventType);
      byNode.set(node.nodeId, entry);
    }
  }
  return [...byNode.values()].map(({ node, eventTypes }) => ({
    node_id: node.nodeId,
    kind: node.kind,
    event_types: [...new Set(eventTypes)],
    waits_for: nodeGates.get(node.nodeId) ?? [],
    route: routePreview(routeOf({ node })),
  }));
}

function routePreview(route: Route): RoutePreview {
  switch (route.kind) {
    case "subprocess":
      return { kind: route.kind, argv: route.argv, timeout_ms: route.timeoutMs };
    case "http":
      return {
        kind: route.kind,
        method: route.method,
        url: withoutSecrets(route.url),
        timeout_ms: route.timeoutMs,
      };
    case "malformed":
    case "refused":
      return { kind: route.kind, why: `${route.wanted}: ${route.why}` };
    default:
      return { kind: route.kind };
  }
}

/** Passwords and queries often carry secrets; a preview needs neither. */
function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url.replace(/[?#].*$/s, "");
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search === "" ? "" : "?…"}`;
}
