/** An inspection as programs get it: the shape `BundleInspection` of docs/json-output.md. */
import type { Caps } from "../../kernel/plan.ts";
import type {
  BundleInspection,
  InspectedAction,
  InspectedNode,
  InspectedStep,
} from "../../policy/inspect.ts";
import type { InspectedRoute, TextDigest } from "../../policy/inspected-route.ts";
import type { RunPolicy } from "../../policy/model.ts";
import type { Plain } from "../render/output.ts";

/** What bounds a run of the bundle as a whole. */
export interface RunBounds {
  readonly caps: Caps;
  readonly policy: Pick<RunPolicy, "runDeadlineMs" | "actionDeadlineMsMax">;
}

export function inspectionData(inspection: BundleInspection, { caps, policy }: RunBounds): Plain {
  const { bundle, subprocess, http, coordination } = inspection;
  return {
    kind: "BundleInspection",
    path: bundle.path,
    sha256: bundle.sha256,
    schema_version: bundle.schemaVersion,
    tenant_id: bundle.tenantId,
    repo_id: bundle.repoId,
    run_id: bundle.runId,
    mode: inspection.mode,
    adapter_id: inspection.adapter,
    actions: inspection.decisions.map(({ action, allowed, source, rule }) =>
      allowed ? { action, allowed } : { action, allowed, source, rule },
    ),
    subprocess: {
      enabled: subprocess.enabled,
      allowlist: subprocess.allowlist,
      operator_paths: subprocess.operatorPaths,
      containment: subprocess.containment,
      read_only_roots: subprocess.readOnlyRoots,
    },
    http: {
      enabled: http.enabled,
      allowlist: http.allowlist,
      narrowed_by: http.narrowedBy,
      methods: http.methods,
    },
    allow_network: inspection.allowNetwork,
    require_effects: inspection.requireEffects,
    limits: {
      deadline_ms: policy.runDeadlineMs,
      action_deadline_ms: policy.actionDeadlineMsMax,
      in_flight: caps.total,
      steps_in_flight: caps.steps,
      steps_in_flight_per_role: caps.stepsPerRole,
    },
    roles: inspection.roles.map(({ role, steps, network, tools }) => ({
      role_id: role,
      steps,
      allow_network: network,
      allowed_tools: tools,
    })),
    steps: inspection.steps.map(stepData),
    event_nodes: inspection.nodes.map(nodeData),
    evidence_expectations: inspection.evidenceExpectations,
    unresolved_policy_ids: inspection.unresolvedPolicyIds,
    warnings: inspection.warnings.map(({ path, message }) => ({ path, message })),
    denied_action_types: inspection.deniedActionTypes,
    coordination: coordination === null ? null : { sha256: coordination.sha256, layers: coordination.layers },
    intent_id: bundle.intentId,
    intent_authority_strict: bundle.intentAuthorityStrict,
    desired_state_source: bundle.desiredStateSource,
  };
}

function stepData(step: InspectedStep): Plain {
  return {
    step_id: step.stepId,
    layer: step.layer,
    role_id: step.role,
    node_id: step.nodeId,
    waits_for: step.after,
    handoff_from: step.handoffFrom,
    allow_network: step.network,
    allowed_tools: step.tools,
    inputs: step.files.inputs.map(({ stepId, path, as }) => ({ step: stepId, path, as })),
    outputs: step.files.outputs,
    placeholders: step.placeholders,
    ...actionData(step),
  };
}

function nodeData(node: InspectedNode): Plain {
  return {
    node_id: node.nodeId,
    kind: node.nodeKind,
    event_types: node.events,
    waits_for: node.after,
    input_keys: node.inputKeys,
    output_keys: node.outputKeys,
    max_seconds: node.maxSeconds,
    ...actionData(node),
  };
}

function actionData({ actionType, contractId, route, permission, workdir }: InspectedAction) {
  return { action_type: actionType, contract_id: contractId, route: routeData(route), permission, workdir };
}

function routeData(route: InspectedRoute): Plain {
  switch (route.kind) {
    case "subprocess":
      return {
        kind: route.kind,
        argv: route.argv,
        stdin: textData(route.stdin),
        env: route.env,
        timeout_ms: route.timeoutMs,
      };
    case "http":
      return {
        kind: route.kind,
        method: route.method,
        url: route.url,
        headers: route.headers,
        body: textData(route.body),
        timeout_ms: route.timeoutMs,
      };
    case "wait":
      return {
        kind: route.kind,
        signal: route.signal,
        approval: route.approval,
        timeout_ms: route.timeoutMs,
        duration_ms: route.durationMs,
        until: route.until,
      };
    case "malformed":
    case "refused":
      return { kind: route.kind, wanted: route.wanted, why: route.why };
    default:
      return { kind: route.kind };
  }
}

function textData(text: TextDigest | undefined): Plain | undefined {
  return text === undefined ? undefined : { size_bytes: text.bytes, sha256: text.sha256 };
}
