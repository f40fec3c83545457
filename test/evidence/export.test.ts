import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import { type ExportReport, exportRun } from "../../src/evidence/export.ts";
import { type BundleFacts, noBundleFacts } from "../../src/evidence/facts.ts";
import { canonicalJson, prettyJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";
import { limits } from "../../src/limits.ts";
import type { RunReader } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, event, runRow, scope, startedAtMs, turn } from "../store/builders.ts";
import { facts, loweredSha256, reconciledTurns, runId, specSha256, storeHistory, turns } from "./history.ts";

async function exported(
  place: { readonly root: string; readonly scopeRoot: string },
  options: { readonly facts?: BundleFacts; readonly id?: string } = {},
): Promise<ExportReport> {
  const store = await openStore(place.scopeRoot);
  const reader = await store.openRun(options.id ?? runId);
  try {
    return await exportRun({
      reader,
      scopeRoot: place.scopeRoot,
      outputsRoot: place.root,
      facts: options.facts ?? facts,
      nowMs: startedAtMs + 500,
    });
  } finally {
    await reader.close();
    await store.close();
  }
}

describe("every JSON file", () => {
  test("is PRETTY to the byte, and everything in it survives: big integers, floats, odd keys and characters", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths } = await exported(place);
    for (const path of [
      paths.record,
      paths.checkpoint,
      paths.events,
      paths.queueSnapshot,
      paths.evidence,
      paths.decisions,
      paths.spans,
      paths.profileDecisions,
    ]) {
      const text = readFileSync(path, "utf8");
      expect(text).toBe(prettyJson(parseJson(text)));
    }
    const completed = list(paths.events).find((row) => at(row, "event_type") === "runtime.action.completed");
    const outputs = canonicalJson(at(completed, "payload", "result", "outputs"));
    expect(outputs).toBe(
      '{"10":2,"9":1,"big":123456789012345678901,"empty":{},"none":[],"one":1.0,"small":1e-07,"text":"é😀\u2028\\u0001"}',
    );
  });

  test("is there for every prefix of a history, and the same when it is written again", async () => {
    const whole = turns().length;
    for (let count = 0; count <= whole; count += 1) {
      using place = scope();
      await storeHistory(place.scopeRoot, { count });
      const report = await exported(place);
      expect(report.eventCount).toBe(count);
      const first = filesOf(place.scopeRoot);
      await exported(place);
      expect(filesOf(place.scopeRoot)).toEqual(first);
      expect(Object.keys(first).filter((name) => name.includes(".tmp."))).toEqual([]);
      expect(at(object(report.paths.record), "outcome")).toBe(count === whole ? "failed" : null);
      expect(list(report.paths.evidence).at(-1)).toMatchObject({
        evidence_type: "terminal_health",
        payload: { aggregate: true, resource_id: "__runtime_aggregate__" },
      });
    }
  });
});

describe("events.json", () => {
  test("has the documented shape, payloads that meet the catalogue, and ids that are all different", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const events = list((await exported(place)).paths.events);
    expect(new Set(events.map((row) => at(row, "event_id"))).size).toBe(events.length);
    for (const [index, row] of events.entries()) {
      expect(Object.keys(row).toSorted()).toEqual([
        "context",
        "event_id",
        "event_type",
        "payload",
        "timestamp",
      ]);
      const type = String(at(row, "event_type"));
      expect(at(row, "event_id")).toBe(`${runId}:${type}:${at(row, "timestamp")}:${index + 1}`);
      expect(at(row, "context")).toEqual({
        tenant_id: "acme",
        repo_id: "shop",
        run_id: "run-1",
        runtime_run_id: runId,
        policy_mode: "enforce",
        adapter_id: "native",
      });
      expect(payloadFaults(type, at(row, "payload"))).toEqual([]);
    }
  });

  test("has the telemetry of steps: what is stored once, and what follows from another event", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const events = list((await exported(place)).paths.events);
    const [plan, started, allowed, completed] = events;
    expect(at(started, "payload")).toEqual({ runtime_run_id: runId, node_count: 4 });
    expect(at(plan, "payload")).toMatchObject({
      policy_envelope_sha256: facts.policyEnvelopeSha256,
      coordination_spec_version: 2,
      lowered_precedence_hash: loweredSha256,
      otel_trace: { trace_id: "a71c584323fc450ba8a637899a7a57ea", span_id: spanId(at(plan, "event_id")) },
    });
    const payload = at(completed, "payload");
    expect(payload).toMatchObject({
      graph_step_id: "intake",
      role_id: "planner",
      coordination_spec_sha256: specSha256,
      input_sha256: "2".repeat(64),
      orchestration_spec_sha256: "1".repeat(64),
      parent_event_id: at(allowed, "event_id"),
      otel_trace: {
        span_id: spanId(at(completed, "event_id")),
        parent_span_id: spanId(at(allowed, "event_id")),
      },
    });
    expect(at(payload, "output_sha256")).toBe(fingerprint(at(payload, "result")));
    const draft = events.find((row) => at(row, "event_type") === "runtime.action.dead_lettered");
    expect(at(draft, "payload")).toMatchObject({ coordination_edge_kind: "handoff", handoff_id: "brief" });
    const retried = events.find((row) => at(row, "event_type") === "runtime.action.retried");
    expect(at(retried, "payload")).not.toHaveProperty("parent_event_id");
  });
});

describe("runtime_evidence.json", () => {
  test("has the documented rows in the documented order", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const report = await exported(place);
    const rows = list(report.paths.evidence);
    expect(rows.map((row) => at(row, "evidence_type"))).toEqual([
      ...Array.from({ length: 5 }, () => "action_decision"),
      "transition_application",
      "transition_application",
      "retry_budget",
      "provider_capability_snapshot",
      "terminal_health",
      "terminal_health",
    ]);
    const correlation = {
      tenant_id: "acme",
      repo_id: "shop",
      compile_run_id: "run-1",
      runtime_run_id: runId,
      stable_intent_sha256: "f".repeat(64),
    };
    expect(at(rows[4], "payload")).toMatchObject({ decision: "denied", action: "runtime.action.retry" });
    expect(at(rows[5], "payload")).toMatchObject({
      action_id: "coordination:intake:0",
      transition: { to_state: "completed" },
    });
    expect(at(rows[7], "payload")).toEqual({
      action_id: "coordination:draft:1",
      retry_count: 1,
      budget_burn: { retries: 1, reason: "backend_error" },
    });
    expect(at(rows[8], "payload")).toEqual({
      provider_id: "kubernetes_observe",
      kind: "kubernetes",
      mutation_mode: "observe_only",
      rollback_mode: "snapshot",
      rollback_determinism: "deterministic",
      delivery_handoff: { deployment_intent_count: 2, deployment_intents_enriched_rows: 1 },
      ...correlation,
    });
    expect(at(rows[9], "payload")).toEqual({
      resource_id: "run-1",
      health_status: "unknown",
      runtime_status: "failed",
      ...correlation,
    });
    expect(at(rows[10], "payload")).toEqual({
      resource_id: "__runtime_aggregate__",
      aggregate: true,
      health_status: "failed",
      runtime_status: "failed",
      kernel_terminal_status: "failed",
      ...correlation,
    });
    expect(report.health).toBe("failed");
    expect([...report.evidenceTypes].toSorted()).toEqual(
      [...new Set(rows.map((row) => String(at(row, "evidence_type"))))].toSorted(),
    );
  });

  test("of a run that reconciled: what was done, how it stands, and certificates, before the aggregate", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { history: reconciledTurns() });
    const required = ["reconciler.health_check"];
    const report = await exported(place, {
      facts: { ...facts, expectations: required, desiredResources: 2 },
    });
    const rows = list(report.paths.evidence);
    expect(rows.map((row) => [at(row, "evidence_type"), at(row, "payload", "resource_id")])).toEqual([
      ["provider_capability_snapshot", null],
      ["reconcile_outcome", "svc-a"],
      ["terminal_health", "svc-a"],
      ["reconcile_outcome", "svc-b"],
      ["terminal_health", "svc-b"],
      ["reconcile_resource_status", "svc-a"],
      ["reconcile_resource_status", "svc-b"],
      ["convergence_certificate", "svc-a"],
      ["convergence_certificate", "svc-b"],
      ["convergence_certificate", "__runtime_aggregate__"],
      ["terminal_health", "__runtime_aggregate__"],
    ]);
    expect(at(rows[6], "payload", "conditions")).toEqual([
      { type: "degraded", status: "false" },
      { type: "progressing", status: "false" },
      { type: "stalled", status: "true", reason: "blocked_or_rollback" },
    ]);
    expect(at(rows[9], "payload")).toMatchObject({
      aggregate: true,
      converged: false,
      health: "unknown",
      desired_hash: fingerprint({ "svc-a": "7".repeat(64), "svc-b": "7".repeat(64) }),
      observed_hash: fingerprint({ "svc-a": "7".repeat(64), "svc-b": "absent" }),
    });
    expect(report).toMatchObject({ health: "unknown", unmetExpectations: [] });
    expect(at(object(report.paths.record), "reconcile_all_converged")).toBe(false);
  });

  test("evidence that was expected and is not there fails a run that went well, and the record says which", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    new Database(databasePath(place.scopeRoot)).run(
      "UPDATE run SET outcome = 'succeeded', status = 'terminal', last_error = NULL",
    );
    const expectations = ["terminal_health", "convergence_certificate"];
    const report = await exported(place, { facts: { ...facts, expectations } });
    expect(report).toMatchObject({
      status: "failed",
      outcome: "failed",
      unmetExpectations: ["convergence_certificate"],
    });
    expect(object(report.paths.record)).toMatchObject({
      status: "failed",
      outcome: "failed",
      last_error: expect.stringContaining("convergence_certificate"),
      evidence_expectation_violations: ["convergence_certificate"],
    });
  });
});

describe("policy_decisions.json", () => {
  test("has every decision with time, number, source and rule", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const report = await exported(place);
    const decisions = list(report.paths.decisions);
    expect(decisions).toHaveLength(5);
    expect(decisions.map((row) => at(row, "seq"))).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(decisions.map((row) => at(row, "token_id"))).size).toBe(5);
    expect(decisions[0]).toMatchObject({
      action: "runtime.action.dispatch",
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      runtime_run_id: runId,
      context: { action_id: "coordination:intake:0" },
      allowed: true,
      reason: "policy.allowlist.allow",
      mode: "enforce",
      at_ms: startedAtMs,
      source: "allowlist",
      rule: "baseline",
    });
    expect(at(object(report.paths.record), "policy_decisions")).toEqual(decisions);
  });
});

describe("coordination_audit.jsonl", () => {
  test("has a record a settled step, numbered through the run, each bound to the line before", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths } = await exported(place);
    const lines = readFileSync(paths.audit, "utf8").split("\n").slice(0, -1);
    let before = "0".repeat(64);
    for (const [index, line] of lines.entries()) {
      const record = parseJson(line);
      expect(line).toBe(canonicalJson(record));
      expect(record).toMatchObject({
        record_version: 1,
        sequence: index,
        prev_sha256: before,
        runtime_run_id: runId,
      });
      before = createHash("sha256").update(line).digest("hex");
    }
    const records = lines.map((line) => parseJson(line));
    expect(records.map((record) => at(record, "graph_step_id"))).toEqual(["intake", "build", "draft"]);
    expect(records[1]).toMatchObject({
      compile_run_id: "run-1",
      tenant_id: "acme",
      repo_id: "shop",
      action_id: "coordination:build:1",
      idempotency_key: "key-of-build",
      bundle_manifest_hash: "b".repeat(64),
      policy_envelope_sha256: "e".repeat(64),
      coordination_spec_sha256: specSha256,
      worker_output_sha256: "3".repeat(64),
      coordination_edge_kind: "handoff",
      handoff_id: "brief",
    });
  });

  test("is not made for a run without coordination", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { count: 2 });
    expect(existsSync((await exported(place)).paths.audit)).toBe(false);
  });
});

describe("trace", () => {
  test("spans have whole nanoseconds, honest statuses, and parents that exist", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths } = await exported(place);
    const document = object(paths.spans);
    expect(document).toMatchObject({
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      runtime_run_id: runId,
    });
    const spans = at(document, "spans");
    const rows = isJsonArray(spans) ? spans : [];
    expect(rows.map((span) => [at(span, "name"), at(span, "status")])).toEqual([
      ["runtime.action.execute", "ok"],
      ["runtime.action.execute", "ok"],
      ["runtime.action.retry", "error"],
      ["runtime.action.dead_lettered", "error"],
      ["runtime.kernel.run", "error"],
    ]);
    expect(at(rows[0], "end_time_unix_nano")).toBe(BigInt(startedAtMs + 4) * 1_000_000n);
    const lines = readFileSync(paths.otel, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => parseJson(line));
    const exportedSpans = lines.map((line) => at(line, "span"));
    const ids = exportedSpans.map((span) => at(span, "span_id"));
    expect(new Set(ids).size).toBe(ids.length);
    for (const span of exportedSpans) {
      expect(String(at(span, "span_id"))).toMatch(/^[0-9a-f]{16}$/);
      const parent = at(span, "parent_span_id");
      expect(parent === null || ids.includes(parent)).toBe(true);
    }
    expect(lines.map((line) => at(line, "source"))).toContain("runtime.coordination_audit");
    expect(at(lines[0], "resource", "attributes")).toEqual({
      "service.name": "akc",
      "akc.tenant_id": "acme",
      "akc.repo_id": "shop",
      "akc.run_id": "run-1",
      "akc.runtime_run_id": runId,
      "akc.stable_intent_sha256": "f".repeat(64),
      "akc.intent.trace_tags": "intent.a,intent.b",
    });
  });

  test("the shared file keeps what others wrote, gets every line of a run once, and mends a torn end", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { count: 6 });
    await storeHistory(place.scopeRoot, { id: "second" });
    const { paths } = await exported(place);
    const partial = readFileSync(paths.otel, "utf8");
    // Longer than what is read of the file at a time, in its midst and at its end.
    const long = "x".repeat(200_000);
    writeFileSync(
      paths.otel,
      `{"source":"compile.trace_span"}\n{"source":"${long}"}\n${partial}{"source":"torn${long}`,
    );
    await Promise.all([exported(place), exported(place, { id: "second" })]);
    const text = readFileSync(paths.otel, "utf8");
    const lines = text.trimEnd().split("\n");
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.map((line) => at(parseJson(line), "source"))[0]).toBe("compile.trace_span");
    expect(lines.filter((line) => line.includes(`"akc.runtime_run_id":"${runId}"`))).toHaveLength(
      partial.trimEnd().split("\n").length,
    );
    await exported(place);
    await exported(place, { id: "second" });
    expect(readFileSync(paths.otel, "utf8")).toBe(text);
  });
});

test("runs of one compile run that are exported at once do not write over one another", async () => {
  using place = scope();
  const ids = ["a", "b", "c", "d", "e", "f"];
  for (const id of ids) await storeHistory(place.scopeRoot, { id });
  const [report] = await Promise.all(ids.map((id) => exported(place, { id })));
  const lines = readFileSync(report?.paths.otel ?? "", "utf8")
    .trimEnd()
    .split("\n");
  for (const line of lines) parseJson(line);
  const counts = ids.map(
    (id) => lines.filter((line) => line.includes(`"akc.runtime_run_id":"${id}"`)).length,
  );
  expect(counts).toEqual(ids.map(() => 8));
});

test("a run that goes on while it is exported neither waits for the export nor disturbs it", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await store.createRun(runRow(runId), thisProcess(), startedAtMs);
  const pages = 3;
  const perPage = limits.storePageRows;
  const commit = (first: number, count: number) =>
    writer.commit(
      turn({
        events: Array.from({ length: count }, (_, index) => event(first + index, "x.y", { n: index })),
      }),
    );
  await commit(1, pages * perPage);
  const reader = await store.openRun(runId);
  let written = pages * perPage;
  const meanwhile: RunReader = {
    ...reader,
    async events(afterSeq, limit) {
      const page = await reader.events(afterSeq, limit);
      // Each page is followed by a commit, as long as the run lasts.
      if (written < 2 * pages * perPage) {
        await commit(written + 1, perPage);
        written += perPage;
      }
      return page;
    },
  };
  const { eventCount, paths } = await exportRun({
    reader: meanwhile,
    scopeRoot: place.scopeRoot,
    outputsRoot: place.root,
    facts,
    nowMs: startedAtMs,
  });
  expect(eventCount).toBe(2 * pages * perPage);
  expect(list(paths.events)).toHaveLength(eventCount);
  await reader.close();
  await writer.close();
  await store.close();
});

describe("checkpoint.json and queue_snapshot.json", () => {
  test("tell where nodes and plan stand, and what was given up", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths } = await exported(place);
    const document = object(paths.checkpoint);
    expect(document).toMatchObject({
      checkpoint_id: "coordination:build:1",
      cursor: "event:10",
      pending_queue: [],
      replay_token: "key-of-build",
    });
    expect(at(document, "node_states", "n-build")).toMatchObject({
      state: "completed",
      last_action_id: "coordination:build:1",
      last_result: { status: "succeeded" },
    });
    expect(at(document, "node_states", "n-draft")).toEqual({ state: "ready" });
    expect(at(document, "node_states", "__coordination__")).toEqual({
      plan_enqueued: true,
      layer_count: 3,
      spec_fingerprint_sha256: specSha256,
      coordination_next_layer_to_enqueue: 3,
      coordination_step_outputs: { intake: "3".repeat(64), build: "3".repeat(64) },
      coordination_step_terminal: {
        intake: "succeeded",
        build: "succeeded",
        draft: "dead_lettered",
        ship: "blocked",
      },
    });
    expect(object(paths.queueSnapshot)).toMatchObject({
      queued: [],
      in_flight: [],
      dead_letters: [
        {
          action: { action_id: "coordination:draft:1" },
          reason: "backend_error",
          attempts: 2,
          error: "exit 1",
          dead_lettered_at: startedAtMs + 10,
          node_class: "coordination",
        },
      ],
    });
  });

  test("of a run that was cut short: what waits for another try is queued, what was under way is in flight", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { count: 8 });
    const waiting = object((await exported(place)).paths.queueSnapshot);
    expect(at(waiting, "queued")).toMatchObject([
      {
        action: { action_id: "coordination:draft:1", idempotency_key: "key-of-draft" },
        attempt: 1,
        available_at: startedAtMs + 1_000,
        priority: 1,
      },
    ]);
    using other = scope();
    await storeHistory(other.scopeRoot, { count: 3 });
    const { paths } = await exported(other);
    expect(at(object(paths.queueSnapshot), "in_flight")).toMatchObject([
      {
        action: { action_id: "coordination:intake:0", action_type: "coordination.step" },
        attempt: 0,
        node_class: "coordination",
      },
    ]);
    expect(
      at(object(paths.checkpoint), "node_states", "__coordination__", "coordination_next_layer_to_enqueue"),
    ).toBe(1);
    expect(at(object(paths.checkpoint), "checkpoint_id")).toBe("init");
  });
});

describe("runtime_run.json", () => {
  test("has the documented fields and pins the history by the digest of its last event", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths } = await exported(place);
    const store = await openStore(place.scopeRoot);
    const reader = await store.openRun(runId);
    const last = (await reader.events(0, 100)).at(-1);
    await reader.close();
    await store.close();
    expect(object(paths.record)).toMatchObject({
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      runtime_run_id: runId,
      adapter_id: "native",
      outputs_root: place.root,
      bundle_path: "/bundles/b.json",
      scope_dir: paths.folder,
      mode: "enforce",
      status: "failed",
      outcome: "failed",
      started_at_ms: startedAtMs,
      finished_at_ms: startedAtMs + 100,
      last_error: "coordination:draft:1: exit 1",
      event_count: turns().length,
      last_checkpoint_id: "coordination:build:1",
      terminal_health_status: "failed",
      developer_role_profile: "classic",
      akc_version: expect.any(String),
      events_chain_sha256: last?.sha256 ?? "",
      action_counts: { succeeded: 2, failed: 1, blocked: 1 },
    });
    const profile = object(paths.profileDecisions);
    expect(at(object(paths.record), "developer_profile_decisions_ref", "sha256")).toBe(fingerprint(profile));
  });

  test("control.json is there when a stop was asked for", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { count: 3 });
    expect(existsSync((await exported(place)).paths.control)).toBe(false);
    const store = await openStore(place.scopeRoot);
    await store.requestStop(runId, 77);
    await store.close();
    const { paths } = await exported(place);
    expect(object(paths.control)).toEqual({
      stop_requested: true,
      requested_at_ms: 77,
      runtime_run_id: runId,
    });
  });
});

describe("the manifest", () => {
  const before = {
    schema_kind: "run_manifest",
    manifest_version: 1,
    run_id: "run-1",
    tenant_id: "acme",
    repo_id: "shop",
    success_criteria_evaluation_modes: ["metric_threshold"],
    knowledge_snapshot: { path: "k", sha256: null },
    a_key_of_tomorrow: { "9": [1.5], big: 1 },
    runtime_evidence: [{ old: true }],
    control_plane: { mine: 1, schema_id: "kept", lifecycle_timestamps: { compile_started_at: 5 } },
  };

  test("keeps every key, known or not, gets the links, and holds the evidence itself", async () => {
    using place = scope();
    const bundlePath = join(place.scopeRoot, ".akc/runtime/run-1.runtime_bundle.json");
    await storeHistory(place.scopeRoot, { bundlePath });
    const path = join(place.scopeRoot, ".akc/run/run-1.manifest.json");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(before).replace("[1.5]", "[1.0,12345678901234567890]"));
    const report = await exported(place);
    expect(report.manifestLinked).toBe(true);
    const text = readFileSync(path, "utf8");
    expect(text).toBe(prettyJson(parseJson(text)));
    expect(canonicalJson(at(parseJson(text), "a_key_of_tomorrow"))).toBe(
      '{"9":[1.0,12345678901234567890],"big":1}',
    );
    const after = object(path);
    expect(after).toMatchObject({
      success_criteria_evaluation_modes: ["metric_threshold"],
      knowledge_snapshot: { path: "k", sha256: null },
      runtime_bundle: { path: ".akc/runtime/run-1.runtime_bundle.json", sha256: "b".repeat(64) },
    });
    expect(at(after, "runtime_evidence")).toEqual(list(report.paths.evidence));
    const control = at(after, "control_plane");
    expect(control).toMatchObject({
      mine: 1,
      schema_id: "kept",
      runtime_run_id: runId,
      developer_role_profile: "classic",
    });
    for (const [key, file] of [
      ["runtime_evidence_ref", report.paths.evidence],
      ["policy_decisions_ref", report.paths.decisions],
      ["developer_profile_decisions_ref", report.paths.profileDecisions],
    ] as const) {
      const sha256 = fingerprint(parseJson(readFileSync(file, "utf8")));
      expect(at(control, key)).toEqual({ path: relative(place.scopeRoot, file), sha256 });
    }
    expect(at(after, "runtime_event_transcript", "sha256")).toBe(
      fingerprint(parseJson(readFileSync(report.paths.events, "utf8"))),
    );
    expect(at(control, "coordination_audit_ref", "sha256")).toBe(
      createHash("sha256").update(readFileSync(report.paths.audit)).digest("hex"),
    );
  });

  test.each([
    ["of another tenant", JSON.stringify({ ...before, tenant_id: "umbrella" })],
    ["that is no JSON", "{"],
  ])("%s is left alone", async (_, text) => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const path = join(place.scopeRoot, ".akc/run/run-1.manifest.json");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    expect((await exported(place)).manifestLinked).toBe(false);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("is never made where there is none", async () => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    const { paths, manifestLinked } = await exported(place);
    expect([manifestLinked, existsSync(paths.manifest)]).toEqual([false, false]);
  });
});

describe("nothing is handed out", () => {
  test.each([
    [
      "when an event was changed",
      "UPDATE event SET payload = replace(payload, 'exit 1', 'exit 0') WHERE seq = 10",
    ],
    ["when an event was taken away", "DELETE FROM event WHERE seq = 4"],
    ["when events changed places", "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 1"],
  ])("%s, and no file of an earlier export is touched", async (_, sql) => {
    using place = scope();
    await storeHistory(place.scopeRoot);
    await exported(place);
    const before = filesOf(place.scopeRoot);
    const db = new Database(databasePath(place.scopeRoot));
    db.run(sql);
    db.close();
    expect(await codeOf(() => exported(place))).toBe("STORE_DAMAGED");
    expect(filesOf(place.scopeRoot)).toEqual(before);
  });

  test("when the folder is a link to elsewhere", async () => {
    using outside = scope();
    using place = scope();
    await storeHistory(place.scopeRoot);
    symlinkSync(outside.root, join(place.scopeRoot, ".akc/runtime/run-1"));
    expect(await codeOf(() => exported(place))).toBe("PATH_UNSAFE");
    expect(readdirSync(outside.root)).toEqual([]);
  });
});

test("a run whose bundle is gone is exported with what its events hold", async () => {
  using place = scope();
  await storeHistory(place.scopeRoot);
  const { paths } = await exported(place, { facts: noBundleFacts });
  const records = readFileSync(paths.audit, "utf8").trimEnd().split("\n");
  expect(records).toHaveLength(3);
  expect(parseJson(records[0] ?? "")).toMatchObject({
    lowered_precedence_hash: loweredSha256,
    policy_envelope_sha256: "",
  });
});

function object(path: string): JsonObject {
  const value = parseJson(readFileSync(path, "utf8"));
  if (!isJsonObject(value)) throw new Error(`${path} holds no object`);
  return value;
}

function list(path: string): readonly JsonObject[] {
  const value = parseJson(readFileSync(path, "utf8"));
  if (!isJsonArray(value)) throw new Error(`${path} holds no array`);
  return value.filter(isJsonObject);
}

function at(value: JsonValue | undefined, ...keys: readonly string[]): JsonValue {
  let place = value;
  for (const key of keys) place = isJsonObject(place) ? place[key] : undefined;
  return place ?? null;
}

function spanId(eventId: JsonValue): string {
  return createHash("sha256").update(String(eventId)).digest("hex").slice(0, 16);
}

/** Every file below the folder but the database, by its name. */
function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile() && !entry.name.startsWith("state.sqlite3"))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), readFileSync(path, "utf8")]),
  );
}
