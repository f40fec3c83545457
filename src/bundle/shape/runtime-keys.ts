/**
 * The shape of the keys that steer a run, whichever schema version carries them. The schemas leave most of them open;
 * here a switch is a boolean and a list holds text, because `"false"` must never switch something on.
 *
 * Source: spec bundle §8.3, §13.1, §14.2, §15.1; spec kernel §9.2; bundle:W-30, kernel:W-28.
 */
import { limits } from "../../limits.ts";
import {
  anyObject,
  fault,
  flag,
  integer,
  listOf,
  mapOf,
  oneOf,
  orNull,
  type Rule,
  record,
  text,
  texts,
} from "./rule.ts";
import { stepFilesShape } from "./step-files.ts";

const routeKinds = ["delegate_adapter", "noop", "subprocess", "http", "wait"] as const;
export type RouteKind = (typeof routeKinds)[number];

/** The kind that a text names, blanks and case aside; undefined when it names none. */
export function routeKindOf(value: unknown): RouteKind | undefined {
  if (typeof value !== "string") return undefined;
  const word = value.trim().toLowerCase();
  return routeKinds.find((kind) => kind === word);
}

const routeKind: Rule = (value, report) => {
  if (routeKindOf(value) === undefined)
    fault(report, `must be one of ${routeKinds.map((kind) => `"${kind}"`).join(", ")}`);
};

/** What a bundle may need of the adapter that a run of it gets (spec bundle §14.1; docs/plugins.md). */
const adapterCapabilityNames = [
  "durable_waits",
  "external_signals",
  "compensation_hooks",
  "external_checkpointing",
  "recover",
  "cancel",
  "stream",
] as const;

const runtimeExecution = record(
  {},
  {
    allow_subprocess: flag,
    subprocess_allowlist: texts,
    allow_http: flag,
    http_allowlist: texts,
    http_method_allowlist: texts,
    http_max_body_bytes: integer({ min: 0 }),
    http_max_response_bytes: integer({ min: 0 }),
    required_adapter_capabilities: listOf(oneOf(adapterCapabilityNames)),
  },
);

const workflowExecutionContract = record(
  {},
  {
    route_overrides: mapOf(routeKind),
    // An empty list would allow nothing or everything, depending on who reads it.
    allowed_routes: listOf(routeKind, { min: 1 }),
    default_subprocess: anyObject,
    full_layer_replacement: flag,
    required_policy_actions_by_route: mapOf(texts),
  },
);

const coordinationExecutionContract = record(
  {},
  {
    parallel_dispatch_enabled: flag,
    max_in_flight_steps: integer({ min: 1 }),
    max_in_flight_per_role: integer({ min: 1 }),
    completion_fold_order: oneOf(["coordination_step_id"]),
  },
);

const runtimePolicyEnvelope = record(
  {},
  {
    allow_actions: texts,
    allow_runtime_actions: texts,
    deny_actions: texts,
    deny_runtime_actions: texts,
    deny_action_types: texts,
    knowledge_network_egress_forbidden: flag,
    knowledge_derived_deny_actions: texts,
    require_reconcile_evidence: flag,
    runtime_evidence_expectations: texts,
    allow_runtime_evidence_expectation_widening: flag,
    intent_authority_strict: flag,
    scoped_workdir: orNull(text()),
    scoped_secret_keys: texts,
    runtime_allow_subprocess: flag,
    runtime_allow_http: flag,
    http_allowlist: texts,
    runtime_http_allow_ambient_proxy_env: flag,
    allow_network: flag,
    tenant_id: text(),
    repo_id: text(),
    run_id: text(),
    tenant_isolation_required: flag,
  },
);

const delay = integer({ min: 0, max: limits.stepRetryDelayMsMax });
const retryShape: Rule = record(
  { retries: integer({ min: 0, max: limits.stepRetriesMax }) },
  { delay_ms: delay, delay_max_ms: delay },
  { closed: true },
);

/** `runtime_execution` of a node: what akc added to it. The route itself is read when the action is offered. */
export const nodeExecution: Rule = record(
  {},
  { files: stepFilesShape, placeholders: flag, retry: retryShape },
);

/** Judges the keys that steer a run; everything else in the bundle is left alone. */
export const runtimeKeys: Rule = record(
  {},
  {
    runtime_execution: runtimeExecution,
    runtime_action_routes: mapOf(routeKind),
    workflow_execution_contract: workflowExecutionContract,
    coordination_execution_contract: coordinationExecutionContract,
    coordination_agent_worker_http_allowlist: texts,
    coordination_inherit_http_allowlist: flag,
    runtime_evidence_expectations: texts,
    layer_replacement_mode: orNull(text()),
    runtime_policy_envelope: runtimePolicyEnvelope,
  },
);
