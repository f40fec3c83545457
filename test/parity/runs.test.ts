/**
 * The example bundles run as the specification says they do: what happened, how it ended, and what a reader of the files
 * finds afterwards. Where akc does better than the runtime that was described, the test says so.
 *
 * Source: spec bundle §21.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { policyModes } from "../../src/bundle/model.ts";
import { startRun } from "../../src/run/start.ts";
import { at, example, type Layout, type Left, ofType, placed, type Row, started, types } from "./started.ts";

const alwaysThere = [
  "checkpoint.json",
  "developer_profile_decisions.json",
  "events.json",
  "evidence",
  "policy_decisions.json",
  "queue_snapshot.json",
  "runtime_evidence.json",
  "runtime_run.json",
  "runtime_trace_spans.json",
];

describe("example a, the smallest bundle", () => {
  test.each(policyModes)("ends terminal and healthy in %s, with the documented evidence", async (mode) => {
    const layout = await example("a");
    using place = await placed(layout);
    const left = await started(layout, place, { mode });
    expect(left.report).toMatchObject({ outcome: "succeeded", status: "terminal", exitCode: 0, mode });
    expect(left.report.bundleSha256).toBe("64b9ec0c66110d72e07661f4f61c8524851bc86c2c4ca55b05f0031ed7c4195d");
    expect(evidenceTypes(left)).toEqual([
      "action_decision",
      "provider_capability_snapshot",
      "terminal_health",
    ]);
    expect(left.record).toMatchObject({
      status: "terminal",
      mode,
      terminal_health_status: "healthy",
      reconcile_all_converged: false,
      last_error: null,
      manifest_hash: left.report.bundleSha256,
      started_at_ms: left.report.startedAtMs,
      last_checkpoint_id: "init",
      event_count: 2,
    });
    expect(types(left.events)).toEqual(["runtime.kernel.started", "runtime.kernel.loop_finished"]);
    expect(at(left.events[0], "payload")).toEqual({ runtime_run_id: "rt-1", node_count: 0 });
    expect(left.checkpoint).toEqual({
      checkpoint_id: "init",
      cursor: "event:0",
      node_states: {},
      pending_queue: [],
    });
    expect(left.names).toEqual(alwaysThere);
  });
});

describe("example b, a state machine with a service to deploy", () => {
  test("moves its workflow from idle to done, and makes its service stand", async () => {
    const layout = await example("b");
    using place = await placed(layout);
    const left = await started(layout, place);
    // idle: a service without a contract never leaves its first state.
    expect(left.report).toMatchObject({ outcome: "succeeded", status: "idle", exitCode: 0 });
    expect(left.record).toMatchObject({
      status: "idle",
      terminal_health_status: "healthy",
      reconcile_all_converged: true,
    });
    // How the rollout went on stands between them.
    expect(types(left.events).filter((type) => type !== "runtime.rollout.changed")).toEqual([
      "runtime.kernel.started",
      "runtime.action.policy_allowed",
      "runtime.action.completed",
      "runtime.reconcile.started",
      "runtime.reconcile.operation_started",
      "runtime.reconcile.operation_finished",
      "runtime.reconcile.resource_status",
      "runtime.reconcile.finished",
      "runtime.kernel.loop_finished",
    ]);
    const completed = left.events[2];
    const actionId = `wf-nightly:${at(left.events[0], "event_id")}`;
    expect(at(completed, "payload", "action")).toMatchObject({
      action_id: actionId,
      action_type: "workflow.execute",
      node_ref: { node_id: "wf-nightly", kind: "workflow", contract_id: "ctr-nightly" },
    });
    const transition = {
      from_state: "idle",
      to_state: "done",
      trigger_id: "boot",
      transition_id: "t-done",
      occurred_at: at(completed, "timestamp"),
    };
    expect(at(completed, "payload", "transition")).toEqual(transition);
    expect(nodeStates(left)).toEqual({ "svc-ledger": "ready", "wf-nightly": "done" });
    expect(left.checkpoint).toMatchObject({ checkpoint_id: actionId, pending_queue: [] });
    expect(ofType(left.evidence, "transition_application")).toMatchObject([
      { payload: { action_id: actionId, transition } },
    ]);
  });

  test("creates its service in the in-memory provider once, and certifies that it converged", async () => {
    const layout = await example("b");
    using place = await placed(layout);
    const { evidence, decisions } = await started(layout, place);
    const [outcome, ...others] = ofType(evidence, "reconcile_outcome");
    expect(others).toEqual([]);
    expect(outcome).toMatchObject({
      payload: {
        resource_id: "svc-ledger",
        operation_type: "create",
        applied: true,
        health_status: "healthy",
      },
    });
    const [status] = ofType(evidence, "reconcile_resource_status");
    expect(status).toMatchObject({
      payload: { resource_id: "svc-ledger", converged: true, hash_matched: true, health_status: "healthy" },
    });
    expect(at(status, "payload", "observed_hash")).toBe(at(status, "payload", "desired_hash"));
    expect(
      ofType(evidence, "convergence_certificate").map((row) => at(row, "payload", "resource_id")),
    ).toEqual(["svc-ledger", "__runtime_aggregate__"]);
    expect(decisions.filter(({ action }) => action === "service.reconcile.apply")).toMatchObject([
      { allowed: true, context: { resource_id: "svc-ledger", operation_type: "create" } },
    ]);
  });

  test("allows and denies what its policies leave, and meets the evidence that it expects", async () => {
    const layout = await example("b");
    using place = await placed(layout);
    const left = await started(layout, place);
    const { policy } = await preparedPolicy(place.bundlePath);
    expect([...policy.deny].sort()).toEqual(["runtime.action.execute.http", "service.reconcile.rollback"]);
    expect([...policy.allow].sort()).toEqual([
      "runtime.action.dispatch",
      "runtime.action.execute.subprocess",
      "runtime.action.retry",
      "runtime.event.consume",
      "runtime.state.checkpoint.write",
      "service.reconcile.apply",
    ]);
    expect(policy.evidenceExpectations).toEqual(["metric_threshold", "reconciler.health_check"]);
    expect(left.record["evidence_expectation_violations"]).toBeUndefined();
    expect(evidenceTypes(left)).toEqual([
      "action_decision",
      "convergence_certificate",
      "provider_capability_snapshot",
      "reconcile_outcome",
      "reconcile_resource_status",
      "terminal_health",
      "transition_application",
    ]);
    const intent = "ab".repeat(32);
    expect(ofType(left.evidence, "provider_capability_snapshot")).toMatchObject([
      {
        payload: {
          provider_id: "in_memory",
          kind: "in_memory",
          mutation_mode: "observe_only",
          required_policy_actions: ["service.reconcile.apply"],
          stable_intent_sha256: intent,
          compile_run_id: "run-b1",
        },
      },
    ]);
  });

  test("in simulate does nothing, and does not claim to have converged", async () => {
    const layout = await example("b");
    using place = await placed(layout);
    const left = await started(layout, place, { mode: "simulate" });
    expect(left.report).toMatchObject({ outcome: "succeeded", status: "idle", exitCode: 0 });
    expect(left.record).toMatchObject({
      reconcile_all_converged: false,
      terminal_health_status: "unknown",
    });
    expect(ofType(left.evidence, "reconcile_outcome")).toMatchObject([
      {
        payload: {
          operation_type: "create",
          applied: false,
          observed_hash: "absent",
          health_status: "unknown",
        },
      },
    ]);
    expect(left.decisions.map(({ mode }) => mode)).toEqual(["audit_only", "audit_only", "audit_only"]);
    expect(at(left.events[2], "payload", "result", "outputs", "simulated")).toBe(true);
  });
});

describe("example c, routed execution", () => {
  test("starts the process, asks the server and does nothing where nothing is asked for", async () => {
    await withServer(async (layout) => {
      using place = await placed(layout);
      const left = await started(layout, place);
      expect(left.report).toMatchObject({
        outcome: "succeeded",
        status: "terminal",
        exitCode: 0,
        adapterId: "local_depth",
        counts: { total: 3, succeeded: 3, withoutEffect: 1 },
      });
      expect(left.record).toMatchObject({
        terminal_health_status: "healthy",
        reconcile_all_converged: false,
      });
      expect(outputsOf(left, "job-audit")).toMatchObject({ route: "noop", adapter_id: "local_depth" });
      expect(outputsOf(left, "job-lint")).toMatchObject({ exit_code: 0, stdout: "linted\n", stderr: "" });
      expect(outputsOf(left, "job-probe")).toMatchObject({ route: "http", http_status_code: 200 });
      expect(nodeStates(left)).toEqual({
        "job-audit": "completed",
        "job-lint": "completed",
        "job-probe": "completed",
      });
      const starts = types(left.events).slice(0, 4);
      expect(starts).toEqual([
        "runtime.kernel.started",
        "runtime.action.policy_allowed",
        "runtime.action.policy_allowed",
        "runtime.action.policy_allowed",
      ]);
      expect(left.decisions.map(({ action, context }) => [action, at(context, "action_type")])).toEqual([
        ["runtime.state.checkpoint.write", undefined],
        ["runtime.event.consume", undefined],
        ["runtime.action.dispatch", "agent.execute"],
        ["runtime.action.dispatch", "workflow.execute"],
        ["runtime.action.execute.subprocess", "workflow.execute"],
        ["runtime.action.dispatch", "workflow.execute"],
        ["runtime.action.execute.http", "workflow.execute"],
      ]);
    });
  });

  test("in simulate starts nothing and asks nobody", async () => {
    await withServer(async (layout, asked) => {
      using place = await placed(layout);
      const left = await started(layout, place, { mode: "simulate" });
      expect(left.report).toMatchObject({ outcome: "succeeded", exitCode: 0, counts: { withoutEffect: 3 } });
      expect(asked()).toBe(0);
      expect(outputsOf(left, "job-lint")).toMatchObject({ simulated: true, route: "subprocess" });
    });
  });

  test("without its server fails that one action after its retries, and says so in its exit code", async () => {
    const layout = await example("c");
    // Port 9 (discard) answers nowhere.
    const elsewhere = { ...layout, bundle: layout.bundle.replaceAll("127.0.0.1:8099", "127.0.0.1:9") };
    using place = await placed(elsewhere);
    const left = await started(elsewhere, place);
    expect(left.report).toMatchObject({
      outcome: "failed",
      status: "failed",
      exitCode: 1,
      lastErrorCode: "HTTP_UNREACHABLE",
      counts: { succeeded: 2, failed: 1, retried: 2 },
    });
    expect(left.record).toMatchObject({ status: "failed", terminal_health_status: "failed" });
    expect(left.queue).toMatchObject({
      queued: [],
      in_flight: [],
      dead_letters: [{ reason: "backend_error", attempts: 3, node_class: "workflow" }],
    });
    expect(ofType(left.evidence, "retry_budget").map((row) => at(row, "payload", "budget_burn"))).toEqual([
      { retries: 1, reason: "backend_error" },
      { retries: 2, reason: "backend_error" },
    ]);
  });
});

describe("example d, coordination with a handoff", () => {
  test("runs its two layers, audits both steps and binds the second to what the first put out", async () => {
    const layout = await example("d");
    using place = await placed(layout);
    const left = await started(layout, place);
    expect(left.report).toMatchObject({ outcome: "succeeded", status: "terminal", exitCode: 0 });
    expect(at(left.checkpoint, "node_states", "__coordination__")).toMatchObject({
      plan_enqueued: true,
      layer_count: 2,
      coordination_next_layer_to_enqueue: 2,
      coordination_step_terminal: { draft: "succeeded", review: "succeeded" },
      spec_fingerprint_sha256: "b3b8090622cb190e80fef9f9e72b2b35fbcf16956a25a6bcbdcecaf2317d613a",
    });
    expect(left.audit.map(({ graph_step_id: step, role_id: role }) => [step, role])).toEqual([
      ["draft", "writer"],
      ["review", "critic"],
    ]);
    const review = left.events.findLast((event) => event["event_type"] === "runtime.action.completed");
    expect(at(review, "payload", "action", "policy_context")).toMatchObject({
      coordination_edge_kind: "handoff",
      coordination_handoff_id: "h1",
      coordination_handoff_predecessor_output_sha256s: [
        {
          predecessor_step_id: "draft",
          agent_worker_output_sha256: at(
            left.checkpoint,
            "node_states",
            "__coordination__",
            "coordination_step_outputs",
            "draft",
          ),
        },
      ],
    });
  });

  test("whose orchestration is not the one it was made with is refused before anything is written", async () => {
    const layout = await example("d");
    const files = { "orchestration/run-d1.orchestration.json": '{"steps":[]}' };
    using place = await placed({ ...layout, files });
    const starting = startRun({
      bundlePath: place.bundlePath,
      mode: "enforce",
      adapter: "auto",
      signal: new AbortController().signal,
    });
    await expect(starting).rejects.toMatchObject({ code: "ORCHESTRATION_HASH_MISMATCH", exitCode: 2 });
    expect(() => readFileSync(join(place.scopeRoot, ".akc/runtime/state.sqlite3"))).toThrow();
  });
});

/** Example c with somebody who answers at its address; on another port where 8099 is taken. */
async function withServer(work: (layout: Layout, asked: () => number) => Promise<void>): Promise<void> {
  let requests = 0;
  const listen = (port: number) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      fetch: () => {
        requests += 1;
        return new Response("ok");
      },
    });
  const documented = 8099;
  let server: ReturnType<typeof listen>;
  try {
    server = listen(documented);
  } catch {
    server = listen(0);
  }
  try {
    const layout = await example("c");
    const bundle = layout.bundle.replaceAll(`:${documented}`, `:${server.port}`);
    await work({ ...layout, bundle }, () => requests);
  } finally {
    await server.stop(true);
  }
}

async function preparedPolicy(bundlePath: string) {
  const { prepareRun } = await import("../../src/run/prepare.ts");
  return prepareRun({ bundlePath, mode: "enforce", adapter: "auto" });
}

function evidenceTypes({ evidence }: Left): string[] {
  return [...new Set(evidence.map((row) => String(row["evidence_type"])))].sort();
}

function nodeStates({ checkpoint }: Left): Readonly<Record<string, unknown>> {
  const states = at(checkpoint, "node_states");
  return Object.fromEntries(
    Object.entries(states ?? {}).map(([nodeId, state]) => [nodeId, at(state, "state")]),
  );
}

function outputsOf({ checkpoint }: Left, nodeId: string): Row {
  const outputs = at(checkpoint, "node_states", nodeId, "last_result", "outputs");
  return Object.fromEntries(Object.entries(outputs ?? {}));
}
