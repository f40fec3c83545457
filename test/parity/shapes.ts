/**
 * The documented shape of every file that a run leaves, written down from the specification and from nothing else. Keys
 * may be added to any object; a documented one must be there with its type.
 *
 * Source: spec kernel §4, §6, §7.5, §8, §9.10, §12.10, §13; spec bundle §8.6, §18; spec cli §4.4, §4.5, §7, §10.2, §13.
 */
import * as v from "valibot";

const Text = v.pipe(v.string(), v.nonEmpty());
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Hex64 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Hex32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const Hex16 = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
const AbsolutePath = v.pipe(v.string(), v.startsWith("/"));
const Anything = v.looseObject({});
const Health = v.picklist(["healthy", "degraded", "failed", "unknown"]);
const DeadLetterReason = v.picklist([
  "policy_denied",
  "budget_exceeded",
  "contract_violation",
  "backend_error",
]);
export const Pointer = v.looseObject({ path: Text, sha256: Hex64 });

const Scope = { tenant_id: Text, repo_id: Text };

const Context = v.looseObject({
  ...Scope,
  run_id: Text,
  runtime_run_id: Text,
  adapter_id: Text,
  policy_mode: v.picklist(["enforce", "simulate", "canary"]),
});

const Action = v.looseObject({
  action_id: Text,
  action_type: Text,
  node_ref: v.looseObject({ node_id: Text, kind: Text, contract_id: Text }),
  inputs_fingerprint: Hex64,
  idempotency_key: Hex64,
  policy_context: v.optional(Anything),
});

const Result = v.looseObject({
  status: v.picklist(["succeeded", "failed", "cancelled"]),
  outputs: Anything,
  error: v.optional(Text),
  duration_ms: v.optional(Count),
  cost: v.optional(Anything),
});

const Transition = v.looseObject({
  from_state: Text,
  to_state: Text,
  trigger_id: Text,
  transition_id: Text,
  occurred_at: Count,
});

const payloads: Readonly<Record<string, v.GenericSchema>> = {
  "runtime.coordination.plan_enqueued": v.looseObject({
    layer_count: Count,
    step_order: v.array(Text),
    coordination_spec_sha256: Hex64,
  }),
  "runtime.kernel.started": v.looseObject({ runtime_run_id: Text, node_count: Count }),
  "runtime.action.policy_allowed": v.looseObject({ action_id: Text, node_id: Text }),
  "runtime.action.completed": v.looseObject({
    action: Action,
    result: Result,
    transition: v.optional(Transition),
  }),
  "runtime.action.retried": v.looseObject({ action: Action, reason: DeadLetterReason, error: Text }),
  "runtime.action.dead_lettered": v.looseObject({
    action: Action,
    reason: DeadLetterReason,
    error: v.optional(Text),
  }),
  "runtime.kernel.loop_finished": v.looseObject({
    terminal_status: v.picklist(["terminal", "idle", "stopped", "max_iterations_exceeded", "failed"]),
    iterations: Count,
    runtime_run_id: Text,
  }),
};

/** What an event of coordination has beside its own keys. */
const telemetry = {
  policy_envelope_sha256: Hex64,
  otel_trace: v.looseObject({ trace_id: Hex32, span_id: Hex16, parent_span_id: v.optional(Hex16) }),
  coordination_spec_sha256: Hex64,
  lowered_precedence_hash: Hex64,
  coordination_spec_version: v.picklist([1, 2]),
  orchestration_spec_sha256: v.optional(Hex64),
};

export const PlanTelemetry = v.looseObject(telemetry);
export const StepTelemetry = v.looseObject({
  ...telemetry,
  graph_step_id: Text,
  role_id: Text,
  input_sha256: Hex64,
  output_sha256: v.optional(Hex64),
  parent_event_id: v.optional(Text),
  coordination_edge_kind: v.optional(Text),
  handoff_id: v.optional(Text),
  delegate_kind: v.optional(Text),
});

const EventRow = v.pipe(
  v.looseObject({
    event_id: Text,
    event_type: Text,
    timestamp: Count,
    context: Context,
    payload: Anything,
  }),
  v.check(
    ({ event_type: type, payload }) => v.is(payloads[type] ?? Anything, payload),
    "payload of its type",
  ),
);
export const Events = v.array(EventRow);

export const Checkpoint = v.looseObject({
  checkpoint_id: Text,
  cursor: v.pipe(v.string(), v.regex(/^(start|event:\d+)$/)),
  pending_queue: v.array(Action),
  node_states: v.record(v.string(), Anything),
  replay_token: v.optional(Text),
});

export const NodeState = v.looseObject({
  state: Text,
  last_action_id: v.optional(Text),
  last_result: v.optional(Result),
});

export const CoordinationState = v.looseObject({
  plan_enqueued: v.literal(true),
  layer_count: Count,
  spec_fingerprint_sha256: Hex64,
  coordination_next_layer_to_enqueue: Count,
  coordination_step_outputs: v.record(v.string(), Hex64),
  // The last two are additions: a step that never started, and one that was cut off.
  coordination_step_terminal: v.record(
    v.string(),
    v.picklist(["succeeded", "failed", "dead_lettered", "blocked", "cancelled"]),
  ),
});

const QueueEntry = v.looseObject({
  action: Action,
  priority: v.pipe(v.number(), v.integer()),
  enqueue_ts: Count,
  node_class: Text,
  attempt: Count,
  available_at: Count,
});
export const Queue = v.looseObject({
  queued: v.array(QueueEntry),
  in_flight: v.array(QueueEntry),
  dead_letters: v.array(
    v.looseObject({
      action: Action,
      reason: DeadLetterReason,
      attempts: Count,
      error: v.nullable(v.string()),
      dead_lettered_at: Count,
      node_class: Text,
    }),
  ),
});

const Span = v.looseObject({
  trace_id: Hex32,
  span_id: Hex16,
  parent_span_id: v.nullable(Hex16),
  name: Text,
  kind: v.literal("internal"),
  start_time_unix_nano: v.pipe(v.number(), v.minValue(1)),
  end_time_unix_nano: v.pipe(v.number(), v.minValue(1)),
  attributes: v.nullable(Anything),
  status: v.picklist(["ok", "error"]),
});
export const Trace = v.looseObject({
  ...Scope,
  run_id: Text,
  runtime_run_id: Text,
  trace_id: Hex32,
  spans: v.array(Span),
});

const spanAttributes: Readonly<Record<string, v.GenericSchema>> = {
  "runtime.kernel.run": v.looseObject({
    runtime_run_id: Text,
    status: Text,
    iterations: Count,
    node_count: Count,
  }),
  "runtime.action.execute": v.looseObject({
    action_id: Text,
    action_type: Text,
    node_id: Text,
    status: Text,
    transition_to_state: Text,
    runtime_run_id: Text,
  }),
  "runtime.action.retry": v.looseObject({ action_id: Text, runtime_run_id: Text, reason: DeadLetterReason }),
  "runtime.action.dead_lettered": v.looseObject({ action_id: Text, reason: DeadLetterReason }),
};
export const SpanAttributes = v.looseObject({
  spans: v.array(
    v.pipe(
      Span,
      v.check(({ name, attributes }) => v.is(spanAttributes[name] ?? Anything, attributes), "its attributes"),
    ),
  ),
});

export const OtelLines = v.array(
  v.looseObject({
    akc_trace_export_version: v.literal(1),
    source: v.picklist(["runtime.trace_span", "runtime.coordination_audit"]),
    resource: v.looseObject({
      attributes: v.looseObject({
        "service.name": v.literal("akc"),
        "akc.tenant_id": Text,
        "akc.repo_id": Text,
        "akc.run_id": Text,
        "akc.runtime_run_id": Text,
        "akc.stable_intent_sha256": v.optional(Hex64),
      }),
    }),
    span: v.looseObject({
      ...Span.entries,
      attributes: v.looseObject({ "akc.tenant_id": Text, "akc.repo_id": Text, "akc.run_id": Text }),
    }),
  }),
);

export const AuditLines = v.array(
  v.looseObject({
    record_version: v.literal(1),
    timestamp_ms: Count,
    event_id: Text,
    event_type: v.picklist([
      "runtime.action.completed",
      "runtime.action.dead_lettered",
      "runtime.action.replayed",
    ]),
    compile_run_id: Text,
    runtime_run_id: Text,
    ...Scope,
    coordination_spec_sha256: Hex64,
    role_id: Text,
    graph_step_id: Text,
    action_id: Text,
    idempotency_key: Hex64,
    policy_envelope_sha256: Hex64,
    input_sha256: Hex64,
    bundle_manifest_hash: Hex64,
    output_sha256: v.optional(Hex64),
    parent_event_id: v.optional(Text),
    orchestration_spec_sha256: v.optional(Hex64),
    coordination_spec_version: v.optional(v.picklist([1, 2])),
    sequence: Count,
    otel_trace: v.looseObject({ trace_id: Hex32, span_id: Hex16 }),
    coordination_edge_kind: v.optional(Text),
    handoff_id: v.optional(Text),
    delegate_kind: v.optional(Text),
    lowered_precedence_hash: v.optional(Hex64),
  }),
);

export const Decisions = v.array(
  v.looseObject({
    action: Text,
    token_id: Text,
    ...Scope,
    run_id: Text,
    runtime_run_id: Text,
    context: Anything,
    allowed: v.boolean(),
    reason: Text,
    mode: v.picklist(["enforce", "audit_only"]),
  }),
);

/** What a decision's context holds, by its action. */
export const decisionContexts: Readonly<Record<string, v.GenericSchema>> = {
  "runtime.event.consume": v.looseObject({ event_id: Text, event_type: Text }),
  "runtime.action.dispatch": v.looseObject({ action_id: Text, action_type: Text }),
  "runtime.action.retry": v.looseObject({ action_id: Text, reason: Text }),
  "runtime.action.execute.subprocess": v.looseObject({ action_id: Text, action_type: Text, node_id: Text }),
  "runtime.action.execute.http": v.looseObject({ action_id: Text, action_type: Text, node_id: Text }),
  "runtime.state.checkpoint.write": v.looseObject({ runtime_run_id: Text }),
  "service.reconcile.apply": v.looseObject({ resource_id: Text, operation_type: Text }),
};

const correlation = { ...Scope, compile_run_id: Text, runtime_run_id: Text };
const resync = { resync_attempt: Count, resync_max_attempts: Count, resync_interval_ms: Count };

export const evidencePayloads: Readonly<Record<string, v.GenericSchema>> = {
  action_decision: v.looseObject({
    action: Text,
    action_id: v.string(),
    decision: v.picklist(["allowed", "denied"]),
    reason: Text,
    token_id: Text,
  }),
  transition_application: v.looseObject({ action_id: Text, transition: Transition }),
  retry_budget: v.looseObject({
    action_id: Text,
    retry_count: Count,
    budget_burn: v.looseObject({ retries: Count, reason: DeadLetterReason }),
  }),
  reconcile_outcome: v.looseObject({
    resource_id: Text,
    operation_type: Text,
    applied: v.boolean(),
    observed_hash: Text,
    health_status: Health,
    error: v.nullable(v.string()),
    ...resync,
    ...correlation,
  }),
  rollback_attempt: v.looseObject({ resource_id: Text, rollback_target_hash: Text, ...correlation }),
  rollback_chain: v.looseObject({ resource_id: Text, chain: v.array(Text), ...correlation }),
  rollback_result: v.looseObject({ resource_id: Text, rollback_outcome: Text, ...correlation }),
  provider_capability_snapshot: v.looseObject({
    provider_id: Text,
    mutation_mode: Text,
    rollback_mode: Text,
    rollback_determinism: Text,
    ...correlation,
  }),
  terminal_health: v.looseObject({
    resource_id: Text,
    health_status: Health,
    runtime_status: Text,
    ...correlation,
  }),
  reconcile_resource_status: v.looseObject({
    resource_id: Text,
    converged: v.boolean(),
    conditions: v.array(Anything),
    observed_health_conditions: v.array(Anything),
    reconcile_health_gate: Text,
    observed_hash: Text,
    health_status: Health,
    desired_hash: Text,
    hash_matched: v.boolean(),
    health_gate_passed: v.boolean(),
    resync_completed_attempts: Count,
    resync_configured_max_attempts: Count,
    resync_interval_ms: Count,
    ...correlation,
  }),
  convergence_certificate: v.looseObject({
    certificate_schema_version: v.literal(1),
    resource_id: Text,
    desired_hash: Text,
    observed_hash: Text,
    health: Health,
    attempts: Count,
    window_ms: Count,
    provider_id: Text,
    policy_mode: Text,
    converged: v.boolean(),
    ...correlation,
  }),
};

export const Evidence = v.array(
  v.pipe(
    v.looseObject({ evidence_type: Text, timestamp: Count, runtime_run_id: Text, payload: Anything }),
    v.check(({ evidence_type: type, payload }) => {
      const schema = evidencePayloads[type];
      return schema !== undefined && v.is(schema, payload);
    }, "payload of its type"),
  ),
);

export const Aggregate = v.looseObject({
  resource_id: v.literal("__runtime_aggregate__"),
  aggregate: v.literal(true),
  health_status: Health,
  runtime_status: Text,
  kernel_terminal_status: Text,
  ...correlation,
});

export const ExecutionPolicy = v.looseObject({
  parallel_dispatch_enabled: v.boolean(),
  max_in_flight_steps: v.pipe(Count, v.minValue(1)),
  max_in_flight_per_role: v.pipe(Count, v.minValue(1)),
  completion_fold_order: v.literal("coordination_step_id"),
});

export const RunRecord = v.looseObject({
  ...Scope,
  run_id: Text,
  runtime_run_id: Text,
  adapter_id: Text,
  outputs_root: AbsolutePath,
  bundle_path: AbsolutePath,
  scope_dir: AbsolutePath,
  checkpoint_path: AbsolutePath,
  events_path: AbsolutePath,
  queue_snapshot_path: AbsolutePath,
  runtime_evidence_path: AbsolutePath,
  coordination_audit_path: AbsolutePath,
  policy_decisions_path: AbsolutePath,
  control_path: AbsolutePath,
  mode: v.picklist(["enforce", "simulate", "canary"]),
  status: v.picklist(["terminal", "idle", "stopped", "max_iterations_exceeded", "failed"]),
  started_at_ms: Count,
  finished_at_ms: Count,
  policy_decisions: Decisions,
  last_error: v.nullable(Text),
  developer_role_profile: Text,
  developer_profile_decisions_ref: Pointer,
  coordination_execution_policy: ExecutionPolicy,
  event_count: Count,
  last_checkpoint_id: Text,
  terminal_health_status: v.nullable(Health),
  reconcile_all_converged: v.boolean(),
  reconcile_resync_wait_ms_scheduled: Count,
  delivery_lifecycle_projection: v.looseObject({ timestamps: Anything, manual_touch_count: Count }),
});

const Resolved = v.looseObject({ value: v.unknown(), source: Text });
export const ProfileDecisions = v.looseObject({
  developer_role_profile: Text,
  resolved: v.looseObject({ mode: Resolved, bundle: Resolved, outputs_root: Resolved }),
  fingerprint_sha256: Hex64,
});

export const ControlPlane = v.looseObject({
  schema_id: v.literal("akc:control_plane_envelope:v1"),
  runtime_run_id: Text,
  runtime_evidence_ref: Pointer,
  policy_decisions_ref: Pointer,
  coordination_audit_ref: v.optional(Pointer),
  coordination_execution_policy: ExecutionPolicy,
  developer_role_profile: Text,
  developer_profile_decisions_ref: Pointer,
});

/** What is wrong with `value`, place by place; empty when nothing is. */
export function faults(schema: v.GenericSchema, value: unknown): string[] {
  const { issues } = v.safeParse(schema, value);
  return (issues ?? []).map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
}
