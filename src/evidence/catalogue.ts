/**
 * The events of a run: their types and what each payload must hold. Schemas let further keys pass, so that a payload may
 * grow; they never change a value.
 *
 * Source: spec kernel §6.
 */
import * as v from "valibot";
import { reconcilePayloads } from "./reconcile-catalogue.ts";

const Text = v.pipe(v.string(), v.nonEmpty());
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const Verdict = v.picklist(["pass", "fail", "inconclusive", "error"]);
const ArtifactRef = v.looseObject({ sha256: Digest, size_bytes: Count });

/** Spec kernel §4.4. */
export const WireAction = v.looseObject({
  action_id: Text,
  action_type: Text,
  node_ref: v.looseObject({ node_id: Text, kind: Text, contract_id: Text }),
  inputs_fingerprint: Text,
  idempotency_key: Text,
  policy_context: v.optional(v.looseObject({})),
});

/** Spec kernel §4.5: a key without a value is left out. */
export const WireResult = v.looseObject({
  status: v.picklist(["pending", "running", "succeeded", "failed", "cancelled"]),
  outputs: v.looseObject({}),
  error: v.optional(Text),
  duration_ms: v.optional(Count),
  cost: v.optional(v.looseObject({})),
});

/** Spec kernel §4.6. */
export const WireTransition = v.looseObject({
  from_state: Text,
  to_state: Text,
  trigger_id: Text,
  transition_id: Text,
  occurred_at: Count,
});

/** `allowed_seq` numbers the `policy_allowed` event of the same attempt; `attempt` counts from 1. Both are additions. */
const attempt = { attempt: v.optional(Count), allowed_seq: v.optional(Count) };

export const eventPayloads = {
  "runtime.coordination.plan_enqueued": v.looseObject({
    layer_count: Count,
    step_order: v.array(Text),
    coordination_spec_sha256: Digest,
  }),
  "runtime.kernel.started": v.looseObject({ runtime_run_id: Text, node_count: Count }),
  "runtime.action.policy_allowed": v.looseObject({ action_id: Text, node_id: Text, ...attempt }),
  "runtime.action.completed": v.looseObject({
    action: WireAction,
    result: WireResult,
    transition: v.optional(WireTransition),
    ...attempt,
  }),
  "runtime.action.retried": v.looseObject({
    action: WireAction,
    reason: Text,
    error: v.string(),
    ...attempt,
  }),
  "runtime.action.dead_lettered": v.looseObject({
    action: WireAction,
    reason: Text,
    error: v.optional(v.string()),
    result: v.optional(WireResult),
    ...attempt,
  }),
  "runtime.action.replayed": v.looseObject({ action: WireAction, replay_token: Text }),
  "runtime.adapter.fallback": v.looseObject({
    tenant_id: Text,
    repo_id: Text,
    run_id: Text,
    runtime_run_id: Text,
    primary_adapter_id: Text,
    fallback_adapter_id: Text,
    capability: Text,
    reason: Text,
  }),
  /** A process of the run's plugin is ready. `granted` has the lists that are not empty. */
  "runtime.plugin.started": v.looseObject({
    plugin_id: Text,
    version: Text,
    adapter_id: Text,
    digest: Digest,
    protocol: Count,
    containment: Text,
    granted: v.record(v.string(), v.array(Text)),
  }),
  /** What the plugin did wrong; `action_id` where an attempt met it. */
  "runtime.plugin.fault": v.looseObject({
    plugin_id: Text,
    version: Text,
    adapter_id: Text,
    code: Text,
    message: v.string(),
    action_id: v.optional(Text),
  }),
  "runtime.kernel.loop_finished": v.looseObject({
    terminal_status: Text,
    iterations: Count,
    runtime_run_id: Text,
    outcome: v.optional(Text),
    counts: v.optional(v.looseObject({})),
    /** How many decisions were made, and the digest over all of them (`kernel/decision-digest.ts`). */
    decision_count: v.optional(Count),
    decisions_sha256: v.optional(Digest),
  }),
  /** `run_failed_with` where the run has failed for it; how it stood until then is in `outcome_before`, `status_before`. */
  "runtime.operational_validity.attested": v.looseObject({
    passed: v.boolean(),
    success_criterion_ids: v.optional(v.array(Text)),
    success_criterion_id: v.optional(Text),
    verdict: v.optional(Verdict),
    attestation_fingerprint_sha256: v.optional(Digest),
    report: v.optional(ArtifactRef),
    /** What it was judged by beside the evidence, kept in the run's folder. */
    inputs: v.optional(v.array(v.looseObject({ path: Text, sha256: Digest, size_bytes: Count }))),
    run_failed_with: v.optional(Text),
    outcome_before: v.optional(Text),
    status_before: v.optional(Text),
  }),
  // Additions.
  "runtime.coordination.step_blocked": v.looseObject({ action_id: Text, node_id: Text, reason: Text }),
  "runtime.action.blocked": v.looseObject({ action_id: Text, node_id: Text, reason: Text }),
  "runtime.action.cancelled": v.looseObject({ action: v.looseObject({}), reason: Text }),
  /** Its attempt was under way when the process that made it died; offered to the adapter again. */
  "runtime.action.interrupted": v.looseObject({ action_id: Text, node_id: Text, ...attempt }),
  /** From here on it holds no place and outlives the process. `signal` is null when it waits for the clock alone. */
  "runtime.action.wait_started": v.looseObject({
    action_id: Text,
    node_id: Text,
    ...attempt,
    signal: v.nullable(Text),
    approval: v.boolean(),
    due_at_ms: v.nullable(Count),
  }),
  /** `action_id` took it. */
  "runtime.signal.received": v.looseObject({
    action_id: Text,
    signal_id: Text,
    name: Text,
    sender: v.string(),
    sent_at_ms: Count,
    payload_sha256: Digest,
    size_bytes: Count,
  }),
  /** Another process goes on with the run. `reopened` are the actions that a stop had cancelled and that wait again. */
  "runtime.kernel.resumed": v.looseObject({
    runtime_run_id: Text,
    generation: Count,
    after_seq: Count,
    reopened: v.array(Text),
  }),
  /** A part is run again: `action_ids` had begun and wait again, with no attempt made. */
  "runtime.kernel.rerun": v.looseObject({
    generation: Count,
    from: v.array(Text),
    action_ids: v.array(Text),
  }),
  /** What broke the run, as far as the store still took it. */
  "runtime.kernel.failed": v.looseObject({ error: v.string(), error_code: Text }),
  "runtime.kernel.budget_exceeded": v.looseObject({ error: v.string(), error_code: Text }),
  /** The event before this one triggers nothing: the policy does not let the run consume events. */
  "runtime.kernel.event_refused": v.looseObject({ event_seq: Count, event_type: Text, reason: Text }),
  "runtime.kernel.stop_requested": v.looseObject({}),
  "runtime.kernel.deadline_exceeded": v.looseObject({}),
  "runtime.evidence.expectations_unmet": v.looseObject({ missing: v.array(Text) }),
  /** An outside system was asked. `artifact` is the documented one, and the payload of its evidence row. */
  "runtime.validation.observed": v.looseObject({
    binding_id: Text,
    evidence_type: Text,
    verdict: Verdict,
    artifact: v.looseObject({}),
    files: v.array(v.looseObject({ ...ArtifactRef.entries, path: Text })),
  }),
  ...reconcilePayloads,
} as const;

export type EventType = keyof typeof eventPayloads;

function isEventType(type: string): type is EventType {
  return Object.hasOwn(eventPayloads, type);
}

/** What is wrong with a payload, as `path: message`; empty when nothing is, or when the type is not in the catalogue. */
export function payloadFaults(type: string, payload: unknown): readonly string[] {
  if (!isEventType(type)) return [];
  const schema: v.GenericSchema = eventPayloads[type];
  const parsed = v.safeParse(schema, payload);
  if (parsed.success) return [];
  return parsed.issues.map((issue) => `${v.getDotPath(issue) ?? ""}: ${issue.message}`);
}
