/**
 * Every file of every kind of run has the documented keys with the documented types, and the files agree with one another:
 * a run that went well, one that reconciled, one that was only simulated, one with retries, dead letters and blocked steps,
 * one that was denied, one that was stopped.
 *
 * Source: spec bundle §18, spec kernel §4 to §13, spec cli §4.5, §7, §10.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ActionRequest, ActionResult } from "../../src/adapters/contract.ts";
import { noCapabilities } from "../../src/adapters/contract.ts";
import { type AdapterRegistry, createAdapterRegistry } from "../../src/adapters/registry.ts";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { type BundleBuilder, bundle, noop, sh } from "../e2e/bundle.ts";
import * as shapes from "./shapes.ts";
import {
  at,
  coordinated,
  example,
  hurriedClock,
  type Layout,
  type Left,
  ofType,
  placed,
  type Row,
  type StartChoices,
  started,
  types,
} from "./started.ts";

const kinds = [
  "smallest",
  "reconciled",
  "simulated",
  "routed",
  "handed over",
  "parallel",
  "troubled",
  "denied",
  "stopped",
] as const;
type Kind = (typeof kinds)[number];

describe.each(kinds)("a run that is %s", (kind) => {
  test("ended as it was meant to", async () => {
    const { report, events } = await run(kind);
    expect([report.outcome, report.status, report.exitCode]).toEqual([...ends[kind]]);
    expect(at(events.at(-1), "payload", "terminal_status")).toBe(report.status);
  });

  test.each([
    ["runtime_run.json", (left: Left) => shapes.faults(shapes.RunRecord, left.record)],
    ["checkpoint.json", (left: Left) => shapes.faults(shapes.Checkpoint, left.checkpoint)],
    ["queue_snapshot.json", (left: Left) => shapes.faults(shapes.Queue, left.queue)],
    ["events.json", (left: Left) => shapes.faults(shapes.Events, left.events)],
    ["policy_decisions.json", (left: Left) => shapes.faults(shapes.Decisions, left.decisions)],
    ["runtime_evidence.json", (left: Left) => shapes.faults(shapes.Evidence, left.evidence)],
    ["runtime_trace_spans.json", (left: Left) => shapes.faults(shapes.Trace, left.trace)],
    ["the attributes of its spans", (left: Left) => shapes.faults(shapes.SpanAttributes, left.trace)],
    ["the trace export", (left: Left) => shapes.faults(shapes.OtelLines, left.otel)],
    ["coordination_audit.jsonl", (left: Left) => shapes.faults(shapes.AuditLines, left.audit)],
    [
      "developer_profile_decisions.json",
      (left: Left) => shapes.faults(shapes.ProfileDecisions, left.profile),
    ],
  ] as const)("leaves the documented %s", async (_name, faultsOf) => {
    expect(faultsOf(await run(kind))).toEqual([]);
  });

  test("tells every node's state, and the plan's where there is one", async () => {
    const { checkpoint, events } = await run(kind);
    const { __coordination__: plan, ...nodes } = members(checkpoint["node_states"]);
    expect(plan !== undefined).toBe(types(events).includes("runtime.coordination.plan_enqueued"));
    if (plan !== undefined) expect(shapes.faults(shapes.CoordinationState, plan)).toEqual([]);
    for (const state of Object.values(nodes)) expect(shapes.faults(shapes.NodeState, state)).toEqual([]);
  });

  test("adds telemetry to what belongs to coordination, and to nothing else", async () => {
    const { events } = await run(kind);
    for (const { event_type: type, payload } of events) {
      const step = at(payload, "action", "policy_context", "coordination_step_id");
      const ofPlan = type === "runtime.coordination.plan_enqueued";
      if (ofPlan) expect(shapes.faults(shapes.PlanTelemetry, payload)).toEqual([]);
      if (step !== undefined) expect(shapes.faults(shapes.StepTelemetry, payload)).toEqual([]);
      expect(at(payload, "otel_trace") !== undefined).toBe(ofPlan || step !== undefined);
    }
  });

  test("says in every decision what it was about, and proves each by one row of evidence", async () => {
    const { decisions, evidence, record } = await run(kind);
    for (const { action, context } of decisions) {
      const schema = shapes.decisionContexts[String(action)];
      if (schema === undefined) throw new Error(`no shape for the context of ${action}`);
      expect({ action, faults: shapes.faults(schema, context) }).toEqual({ action, faults: [] });
    }
    const proved = ofType(evidence, "action_decision").map((row) => at(row, "payload", "token_id"));
    expect(proved).toEqual(decisions.map(({ token_id: token }) => token));
    expect(new Set(proved).size).toBe(decisions.length);
    expect(record["policy_decisions"]).toEqual([...decisions]);
  });

  test("agrees with itself across its files", async () => {
    const { report, record, events, evidence, profile, trace, otel, checkpoint } = await run(kind);
    expect(record).toMatchObject({
      event_count: events.length,
      last_checkpoint_id: checkpoint["checkpoint_id"],
      scope_dir: report.scopeDir,
      events_path: report.eventsPath,
      status: report.status,
    });
    expect(new Set(events.map((event) => event["event_id"])).size).toBe(events.length);
    for (const [index, event] of events.entries()) {
      const { event_type: type, timestamp } = event;
      expect(event["event_id"]).toBe(`rt-1:${type}:${timestamp}:${index + 1}`);
    }
    // The last row is about the whole run.
    expect(shapes.faults(shapes.Aggregate, at(evidence.at(-1), "payload"))).toEqual([]);
    expect(at(evidence.at(-1), "payload", "health_status")).toBe(record["terminal_health_status"]);
    const { fingerprint_sha256: own, ...rest } = profile;
    expect(own).toBe(sha256Of(rest));
    expect(at(record, "developer_profile_decisions_ref", "sha256")).toBe(sha256Of(profile));
    const spans = otel.filter(({ source }) => source === "runtime.trace_span");
    expect(spans.map((line) => at(line, "span", "span_id"))).toEqual(
      rows(trace["spans"]).map((span) => span["span_id"]),
    );
    const known = new Set(otel.map((line) => at(line, "span", "span_id")));
    for (const line of otel) {
      const parent = at(line, "span", "parent_span_id");
      if (parent !== null) expect(known).toContain(parent);
    }
  });
});

test("a troubled run tells what was tried again, given up and never started", async () => {
  const { queue, events, evidence, checkpoint, audit } = await run("troubled");
  expect(types(events).filter((type) => type === "runtime.action.retried").length).toBe(3);
  expect(rows(queue["dead_letters"]).map(({ reason, attempts, error }) => [reason, attempts, error])).toEqual(
    [
      ["backend_error", 1, "the part is missing"],
      ["backend_error", 3, "no answer"],
    ],
  );
  expect(ofType(evidence, "retry_budget").map(({ payload }) => at(payload, "retry_count"))).toEqual([
    1, 1, 2,
  ]);
  expect(events.filter((event) => event["event_type"] === "runtime.coordination.step_blocked")).toMatchObject(
    [{ payload: { graph_step_id: "after", by: ["broken"], reason: "predecessor_failed" } }],
  );
  expect(at(checkpoint, "node_states", "__coordination__", "coordination_step_terminal")).toMatchObject({
    fine: "succeeded",
    flaky: "succeeded",
    broken: "dead_lettered",
    silent: "dead_lettered",
  });
  expect(audit.map((line) => [line["graph_step_id"], line["event_type"]])).toContainEqual([
    "broken",
    "runtime.action.dead_lettered",
  ]);
});

describe("the compile run's manifest", () => {
  const before = {
    schema_kind: "run_manifest",
    manifest_version: 1,
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "run-alpha",
    ir_sha256: "1".repeat(64),
    replay_mode: "live",
    intent_acceptance_fingerprint: "2".repeat(16),
    success_criteria_evaluation_modes: ["metric_threshold"],
    passes: [{ name: "plan", status: "succeeded" }],
    runtime_evidence: [{ evidence_type: "of an earlier run" }],
    control_plane: { stable_key: "kept", lifecycle_timestamps: { compile_started_at: 1_795_348_000_000 } },
    key_of_a_later_version: { deep: [1, 1.5, "two"] },
  };
  const path = ".akc/run/run-alpha.manifest.json";

  test("gets the run's links and keeps every other key, known or not", async () => {
    const layout = await coordinated("parallel");
    using place = await placed({
      ...layout,
      files: { ...layout.files, [path.slice(5)]: JSON.stringify(before) },
    });
    const left = await started(layout, place);
    const manifest: Row = JSON.parse(readFileSync(join(place.scopeRoot, path), "utf8"));
    const { runtime_evidence, runtime_bundle, runtime_event_transcript, control_plane, ...others } = manifest;
    const { runtime_evidence: _, control_plane: plane, ...kept } = before;
    expect(others).toEqual(kept);
    expect(runtime_evidence).toEqual([...left.evidence]);
    expect(runtime_bundle).toEqual({
      path: ".akc/runtime/run-alpha.runtime_bundle.json",
      sha256: left.report.bundleSha256,
    });
    expect(shapes.faults(shapes.ControlPlane, control_plane)).toEqual([]);
    expect(control_plane).toMatchObject({
      stable_key: "kept",
      runtime_run_id: "rt-1",
      coordination_execution_policy: at(left.record, "coordination_execution_policy"),
      lifecycle_timestamps: {
        ...plane.lifecycle_timestamps,
        intent_received_at: plane.lifecycle_timestamps.compile_started_at,
        runtime_healthy_at: left.report.finishedAtMs,
      },
    });
    for (const ref of [
      runtime_event_transcript,
      at(control_plane, "runtime_evidence_ref"),
      at(control_plane, "policy_decisions_ref"),
      at(control_plane, "developer_profile_decisions_ref"),
      at(control_plane, "coordination_audit_ref"),
    ]) {
      const text = readFileSync(join(place.scopeRoot, String(at(ref, "path"))), "utf8");
      expect(at(ref, "sha256")).toBe(referenceSha256(text));
    }
  });

  test("is not made where there is none", async () => {
    const layout = await coordinated("parallel");
    using place = await placed(layout);
    await started(layout, place);
    expect(() => readFileSync(join(place.scopeRoot, path))).toThrow();
  });
});

const ends: Readonly<Record<Kind, readonly [outcome: string, status: string, exit: number]>> = {
  smallest: ["succeeded", "terminal", 0],
  reconciled: ["succeeded", "idle", 0],
  simulated: ["succeeded", "idle", 0],
  routed: ["succeeded", "terminal", 0],
  "handed over": ["succeeded", "terminal", 0],
  parallel: ["succeeded", "terminal", 0],
  troubled: ["failed", "failed", 1],
  denied: ["blocked", "failed", 2],
  stopped: ["stopped", "stopped", 1],
};

/** Each is run once; nothing here changes what it left. */
const runs = new Map<Kind, Promise<Left>>();

function run(kind: Kind): Promise<Left> {
  const known = runs.get(kind);
  if (known !== undefined) return known;
  const making = (async () => {
    const [layout, choices] = await plans[kind]();
    using place = await placed(layout);
    return await started(layout, place, choices);
  })();
  runs.set(kind, making);
  return making;
}

const plans: Readonly<Record<Kind, () => Promise<readonly [Layout, StartChoices]>>> = {
  smallest: async () => [await example("a"), {}],
  reconciled: async () => [await example("b"), {}],
  simulated: async () => [await example("b"), { mode: "simulate" }],
  routed: async () => [layoutOf(bundle().step("make", sh("echo made")).step("rest", noop, "make")), {}],
  "handed over": async () => [await example("d"), {}],
  parallel: async () => [await coordinated("parallel"), {}],
  troubled: async () => [
    layoutOf(
      bundle()
        .step("fine", noop)
        .step("flaky", noop)
        .step("broken", noop)
        .step("after", noop, "broken")
        .step("silent", noop),
    ),
    { adapter: "own", adapters: registered(troubledTurn()), clock: hurriedClock() },
  ],
  denied: async () => [
    layoutOf(
      bundle()
        .step("a", noop)
        .with({ runtime_policy_envelope: { deny_action_types: ["coordination.step"] } }),
    ),
    {},
  ],
  stopped: async () => {
    const stop = new AbortController();
    const execute = ({ signal }: ActionRequest): Promise<ActionResult> =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve({ status: "cancelled", outputs: {}, durationMs: 1 }));
        stop.abort();
      });
    const layout = layoutOf(bundle().step("long", noop).step("later", noop, "long"));
    return [layout, { adapter: "own", adapters: registered(execute), signal: stop.signal }];
  },
};

/** Fails as the step's name says. */
function troubledTurn(): (request: ActionRequest) => Promise<ActionResult> {
  return async ({ action, attempt }) => {
    const step = action.actionId.split(":")[1];
    const failed = (message: string, retryable: boolean): ActionResult => ({
      status: "failed",
      outputs: {},
      error: { code: "ADAPTER_FAILED", message, retryable },
      durationMs: 1,
    });
    if (step === "broken") return failed("the part is missing", false);
    if (step === "silent" || (step === "flaky" && attempt === 1)) return failed("no answer", true);
    return { status: "succeeded", outputs: { action_id: action.actionId }, durationMs: 1 };
  };
}

function registered(execute: (request: ActionRequest) => Promise<ActionResult>): AdapterRegistry {
  const adapter = { id: "own", capabilities: noCapabilities, respectsRouting: false, execute };
  return createAdapterRegistry([{ id: "own", create: () => adapter }]);
}

function layoutOf(builder: BundleBuilder): Layout {
  return {
    tenantId: "acme",
    repoId: "shop",
    runId: "run-1",
    bundle: JSON.stringify(builder.document()),
    files: { "orchestration/run-1.orchestration.json": JSON.stringify(builder.orchestration()) },
  };
}

/** Of a pointer: the fingerprint of JSON, else the hash of the text. */
function referenceSha256(text: string): string {
  try {
    return fingerprint(parseJson(text));
  } catch {
    return sha256Hex(text);
  }
}

function sha256Of(value: unknown): string {
  return fingerprint(parseJson(JSON.stringify(value)));
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function rows(value: unknown): readonly Row[] {
  return Array.isArray(value) ? value : [];
}
