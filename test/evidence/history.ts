/** Makes runs with a history worth exporting, event by event, so that any prefix of it can be stored. */

import type { BundleFacts } from "../../src/evidence/facts.ts";
import { noBundleFacts } from "../../src/evidence/facts.ts";
import type { Turn } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, decision, event, runRow, startedAtMs, turn } from "../store/builders.ts";

export const specSha256 = "c".repeat(64);
export const loweredSha256 = "d".repeat(64);
const runId = "0193f2c1-0000-7000-8000-000000000001";

export const facts: BundleFacts = {
  ...noBundleFacts,
  policyEnvelopeSha256: "e".repeat(64),
  stableIntentSha256: "f".repeat(64),
  traceTags: ["intent.a", "intent.b"],
  coordination: {
    specSha256,
    specVersion: 2,
    orchestrationSha256: "1".repeat(64),
    loweredPrecedenceSha256: loweredSha256,
    layers: [["intake"], ["draft", "build"], ["ship"]],
  },
  nodes: ["n-intake", "n-draft", "n-build", "n-ship"].map((nodeId) => ({
    nodeId,
    kind: "workflow",
    contractId: "unknown",
    initialState: "ready",
  })),
  providerId: "kubernetes_observe",
  providerContract: { kind: "kubernetes", mutation_mode: "observe_only", rollback_mode: "snapshot" },
  deliveryHandoff: { deployment_intent_count: 2, deployment_intents_enriched_rows: 1 },
};

function step(stepId: string, layer: number) {
  return {
    action_id: `coordination:${stepId}:${layer}`,
    action_type: "coordination.step",
    node_ref: { node_id: `n-${stepId}`, kind: "workflow", contract_id: "unknown" },
    inputs_fingerprint: "2".repeat(64),
    idempotency_key: `key-of-${stepId}`,
    policy_context: {
      run_stage: "coordination.step",
      coordination_step_id: stepId,
      coordination_role_id: "planner",
      coordination_spec_sha256: specSha256,
      ...(layer === 0 ? {} : { coordination_edge_kind: "handoff", coordination_handoff_id: "brief" }),
      coordination_lowered_precedence_hash: loweredSha256,
    },
  };
}

/** What `outputs` of a result look like when they are made to be mishandled. */
export const awkwardOutputs =
  '{"big":123456789012345678901,"one":1.0,"small":1e-07,"9":1,"10":2,"text":"é😀\\u2028\\u0001","empty":{},"none":[]}';

const outputSha256 = "3".repeat(64);

/**
 * A coordinated run: `intake` succeeds, `draft` is retried and given up, `build` succeeds, `ship` is blocked, an event
 * action succeeds. A turn an event, so that a history can be cut anywhere.
 */
export function turns(): readonly Turn[] {
  let seq = 0;
  const turns: Turn[] = [];
  const add = (type: string, payload: unknown, rest: Partial<Turn> = {}) => {
    seq += 1;
    const fact = event(seq, type, payload);
    const text = fact.payload.replace('"AWKWARD"', awkwardOutputs);
    turns.push(turn({ ...rest, events: [{ ...fact, payload: text }] }));
    return seq;
  };
  const allowed = (stepId: string, layer: number, attempt: number) =>
    add(
      "runtime.action.policy_allowed",
      { action_id: `coordination:${stepId}:${layer}`, node_id: `n-${stepId}`, attempt },
      {
        actions: [row(stepId, layer, "running", { attempt, seq: seq + 1 })],
        decisions: [decision({ seq: seq + 1, context: `{"action_id":"coordination:${stepId}:${layer}"}` })],
      },
    );
  const row = (stepId: string, layer: number, phase: Parameters<typeof action>[1], changes = {}) =>
    action(`coordination:${stepId}:${layer}`, phase, {
      stepId,
      nodeId: `n-${stepId}`,
      seq: seq + 1,
      ...changes,
    });

  add("runtime.coordination.plan_enqueued", {
    layer_count: 3,
    step_order: ["intake", "build", "draft", "ship"],
    coordination_spec_sha256: specSha256,
  });
  add("runtime.kernel.started", { runtime_run_id: runId, node_count: 4 });
  const completed = (stepId: string, layer: number, allowedSeq: number) =>
    add(
      "runtime.action.completed",
      {
        action: step(stepId, layer),
        attempt: 1,
        allowed_seq: allowedSeq,
        result: {
          status: "succeeded",
          outputs: stepId === "intake" ? "AWKWARD" : { agent_worker_output_sha256: outputSha256 },
          duration_ms: 3,
        },
        transition: {
          from_state: "ready",
          to_state: "completed",
          trigger_id: "runtime.action.completed",
          transition_id: `coordination:${stepId}:${layer}:completed`,
          occurred_at: startedAtMs,
        },
      },
      { actions: [row(stepId, layer, "succeeded", { outputSha256 })] },
    );
  completed("intake", 0, allowed("intake", 0, 1));
  const draft = allowed("draft", 1, 1);
  completed("build", 1, allowed("build", 1, 1));
  add(
    "runtime.action.retried",
    {
      action: step("draft", 1),
      attempt: 1,
      reason: "backend_error",
      error: "exit 1",
      due_at_ms: startedAtMs + 1_000,
    },
    { actions: [row("draft", 1, "retrying")] },
  );
  const second = allowed("draft", 1, 2);
  add(
    "runtime.action.dead_lettered",
    {
      action: step("draft", 1),
      attempt: 2,
      allowed_seq: second,
      reason: "backend_error",
      error: "exit 1",
      result: { status: "failed", outputs: {}, error: "exit 1" },
    },
    { actions: [row("draft", 1, "failed", { attempt: 2 })] },
  );
  add(
    "runtime.coordination.step_blocked",
    {
      action_id: "coordination:ship:2",
      node_id: "n-ship",
      graph_step_id: "ship",
      by: ["draft"],
      reason: "predecessor_failed",
    },
    { actions: [row("ship", 2, "blocked", { attempt: 0 })] },
  );
  add(
    "runtime.kernel.loop_finished",
    { terminal_status: "failed", outcome: "failed", iterations: 7, runtime_run_id: runId },
    {
      decisions: [
        decision({
          seq: draft,
          allowed: false,
          action: "runtime.action.retry",
          reason: "policy.default_deny.action_not_allowlisted",
        }),
      ],
      run: {
        status: "failed",
        outcome: "failed",
        finishedAtMs: startedAtMs + 100,
        lastError: "coordination:draft:1: exit 1",
      },
    },
  );
  return turns;
}

/** Stores the first `count` turns of the history as a run of this scope. */
export async function storeHistory(
  scopeRoot: string,
  { count = Number.POSITIVE_INFINITY, id = runId, bundlePath = "/bundles/b.json", history = turns() } = {},
): Promise<void> {
  const store = await openStore(scopeRoot);
  const row = runRow(id, { coordinationSha256: specSha256, bundlePath });
  const writer = await store.createRun(row, thisProcess(), startedAtMs);
  for (const [index, part] of history.entries()) if (index < count) await writer.commit(part);
  await writer.close();
  await store.close();
}

/** The end of a run that reconciled two resources, of which one was refused its change. */
export function reconciledTurns(): readonly Turn[] {
  const status = (resourceId: string, changes: object) => ({
    resource_id: resourceId,
    resource_class: "service",
    operation_id: `${resourceId}:update:1`,
    operation_type: "update",
    applied: true,
    desired_hash: "7".repeat(64),
    observed_hash: "7".repeat(64),
    health_status: "healthy",
    converged: true,
    provider_id: "in_memory",
    policy_mode: "enforce",
    ...changes,
  });
  const refused = {
    applied: false,
    observed_hash: "absent",
    health_status: "unknown",
    converged: false,
    error: "policy denied: x",
  };
  const type = "runtime.reconcile.resource_status";
  return [
    turn({ events: [event(1, "runtime.kernel.started", { runtime_run_id: runId, node_count: 0 })] }),
    turn({ events: [event(2, type, status("svc-a", {})), event(3, type, status("svc-b", refused))] }),
    turn({
      events: [
        event(4, "runtime.kernel.loop_finished", {
          terminal_status: "idle",
          outcome: "succeeded",
          iterations: 1,
          runtime_run_id: runId,
        }),
      ],
      run: { status: "idle", outcome: "succeeded", finishedAtMs: startedAtMs + 9 },
    }),
  ];
}

export { runId };
