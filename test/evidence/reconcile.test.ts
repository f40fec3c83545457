/** The evidence of reconciling: everything that was done, how it stands, and nothing that sounds better than it is. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import { type ExportReport, exportRun } from "../../src/evidence/export.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";
import type { Turn } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import * as shapes from "../parity/shapes.ts";
import { event, scope, startedAtMs, turn } from "../store/builders.ts";
import { facts, reconciledTurns, runId, storeHistory } from "./history.ts";
import {
  begun,
  broughtBack,
  finished,
  made,
  newHash,
  oldHash,
  rolledBack,
  started,
  status,
  type ToldEvent,
  transitionMs,
} from "./passes.ts";

const digests = { decision_count: 0, decisions_sha256: "0".repeat(64) };
const ended = {
  type: "runtime.kernel.loop_finished",
  payload: { terminal_status: "terminal", outcome: "succeeded", iterations: 1, runtime_run_id: runId },
};
const resumed = {
  type: "runtime.kernel.resumed",
  payload: { runtime_run_id: runId, generation: 0, after_seq: 1, reopened: [] },
};
const pass = [started(), begun("api"), made("api"), status("api"), finished(digests)];
const finishedAtMs = startedAtMs + 20;

/** A turn an event, after the first of the run; the end takes the run's columns along. */
function historyOf(told: readonly ToldEvent[]): readonly Turn[] {
  const first = { type: "runtime.kernel.started", payload: { runtime_run_id: runId, node_count: 0 } };
  return [first, ...told].map(({ type, payload }, index) => {
    const complete = type === "runtime.reconcile.finished" ? { ...digests, ...payload } : payload;
    const events = [event(index + 1, type, complete)];
    const run = { status: "terminal", outcome: "succeeded", finishedAtMs } as const;
    return type === ended.type ? turn({ events, run }) : turn({ events });
  });
}

interface Left {
  readonly report: ExportReport;
  readonly rows: readonly JsonObject[];
  readonly record: JsonObject;
}

async function left(history: readonly Turn[]): Promise<Left> {
  for (const { events } of history) {
    for (const { type, payload } of events) expect(payloadFaults(type, JSON.parse(payload))).toEqual([]);
  }
  using place = scope();
  await storeHistory(place.scopeRoot, { history });
  const store = await openStore(place.scopeRoot);
  const reader = await store.openRun(runId);
  const report = await exportRun({
    reader,
    scopeRoot: place.scopeRoot,
    outputsRoot: place.root,
    facts,
    nowMs: startedAtMs,
  });
  await reader.close();
  await store.close();
  const record = read(report.paths.record);
  const rows = read(report.paths.evidence);
  if (!isJsonArray(rows) || !isJsonObject(record)) throw new Error("no evidence");
  const known = new Set(Object.keys(shapes.evidencePayloads));
  for (const row of rows.filter(isJsonObject)) expect(known).toContain(String(row["evidence_type"]));
  expect(shapes.faults(shapes.Evidence, JSON.parse(JSON.stringify(rows)))).toEqual([]);
  return { report, record, rows: rows.filter(isJsonObject) };
}

function read(path: string): JsonValue {
  return parseJson(readFileSync(path, "utf8"));
}

function named({ rows }: Left): readonly (readonly [unknown, unknown])[] {
  return rows.map((row) => [row["evidence_type"], payloadOf(row)["resource_id"] ?? null]);
}

function payloadOf(row: JsonObject | undefined): JsonObject {
  const payload = row?.["payload"];
  return isJsonObject(payload) ? payload : {};
}

function ofType({ rows }: Left, type: string): readonly JsonObject[] {
  return rows.filter((row) => row["evidence_type"] === type).map(payloadOf);
}

test("rows come in the documented order: what was done to each resource, how all stand, certificates, the sum", async () => {
  const rollback = { why: "rollback" as const, desired_hash: oldHash };
  const found = await left(
    historyOf([
      started({ resource_count: 2 }),
      begun("api"),
      begun("web", { operation_type: "create" }),
      made("api"),
      made("web", { operation_type: "create" }),
      begun("api", rollback),
      made("api", rollback),
      rolledBack("api"),
      status("api", broughtBack),
      status("web"),
      finished({ converged: false, resource_count: 2 }),
      ended,
    ]),
  );
  expect(named(found)).toEqual([
    ["provider_capability_snapshot", null],
    ["reconcile_outcome", "api"],
    ["reconcile_outcome", "api"],
    ["rollback_attempt", "api"],
    ["rollback_chain", "api"],
    ["rollback_result", "api"],
    ["terminal_health", "api"],
    ["reconcile_outcome", "web"],
    ["terminal_health", "web"],
    ["reconcile_resource_status", "api"],
    ["reconcile_resource_status", "web"],
    ["convergence_certificate", "api"],
    ["convergence_certificate", "web"],
    ["convergence_certificate", "__runtime_aggregate__"],
    ["terminal_health", "__runtime_aggregate__"],
  ]);
  const [forward, back] = ofType(found, "reconcile_outcome");
  // What stood between the two nobody looked at: it is not said to be what was wanted.
  expect(forward).toMatchObject({
    operation_type: "update",
    why: "rollout",
    applied: true,
    observed_hash: "unknown",
    health_status: "unknown",
    error: null,
    diff: [{ path: "/image", from: "shop:1", to: "shop:2" }],
    resync_attempt: 2,
    resync_max_attempts: 5,
    resync_interval_ms: 250,
  });
  expect(back).toMatchObject({
    why: "rollback",
    operation_id: `api:rollback:${newHash.slice(0, 12)}`,
    observed_hash: oldHash,
    health_status: "healthy",
  });
  expect(ofType(found, "rollback_chain")).toMatchObject([{ chain: [newHash, oldHash] }]);
  expect(ofType(found, "rollback_attempt")).toMatchObject([{ rollback_target_hash: oldHash }]);
  expect(ofType(found, "rollback_result")).toMatchObject([
    { rollback_outcome: "rollback_applied", observed_hash: oldHash },
  ]);
});

test("a release that was brought back is never healthy, however healthy the old one is", async () => {
  const rollback = { why: "rollback" as const };
  const told = [started(), begun("api", rollback), made("api", rollback), rolledBack("api")];
  for (const word of ["rolled_back", "converged"]) {
    const stands = status("api", { ...broughtBack, outcome: word });
    const found = await left(historyOf([...told, stands, finished({ converged: false }), ended]));
    expect(found.record).toMatchObject({
      terminal_health_status: "degraded",
      reconcile_all_converged: false,
    });
    const [own, sum] = ofType(found, "terminal_health");
    expect([own?.["health_status"], sum?.["health_status"]]).toEqual(["degraded", "degraded"]);
    const [, aggregate] = ofType(found, "convergence_certificate");
    expect(aggregate).toMatchObject({ health: "degraded", converged: false });
    // What was seen stays what was seen.
    expect(ofType(found, "reconcile_resource_status")).toMatchObject([
      { health_status: "healthy", observed_hash: oldHash },
    ]);
    const outcomes = [own?.["outcome"], sum?.["outcome"], aggregate?.["outcome"]];
    expect(outcomes).toEqual(["rolled_back", "rolled_back", "rolled_back"]);
  }
  const tried = [begun("api"), made("api"), status("api"), finished()];
  const retried = await left(historyOf([...told, ...tried, ended]));
  expect(retried.record).toMatchObject({ terminal_health_status: "healthy", reconcile_all_converged: true });
  expect(ofType(retried, "rollback_result")).toHaveLength(1);
  expect(ofType(retried, "reconcile_outcome").map((row) => row["observed_hash"])).toEqual([oldHash, newHash]);

  const cutOff = await left(historyOf([...told, ended]));
  expect(cutOff.record["terminal_health_status"]).toBe("degraded");
});

test("a status says what was seen and when it turned, a certificate who was asked and how long it took", async () => {
  const found = await left(historyOf([...pass, ended]));
  const [stands] = ofType(found, "reconcile_resource_status");
  expect(stands).toMatchObject({
    reconcile_health_gate: "strict",
    health_gate_passed: true,
    resync_completed_attempts: 2,
    resync_configured_max_attempts: 5,
    ignored_fields: ["/replicas"],
    observed_health_conditions: [{ type: "ready", status: "true", reason: "probe" }],
    conditions: [
      { type: "degraded", last_transition_ms: transitionMs },
      { type: "progressing", last_transition_ms: transitionMs + 1 },
      { type: "stalled" },
    ],
  });
  const [own, aggregate] = ofType(found, "convergence_certificate");
  const asked = { provider_id: "docker_compose_apply", attempts: 2, window_ms: 1_234, converged: true };
  expect(own).toMatchObject({ ...asked, health: "healthy" });
  expect(aggregate).toMatchObject({ ...asked, desired_hash: fingerprint({ api: newHash }) });
  // Declared by the bundle is another one.
  expect(ofType(found, "provider_capability_snapshot")).toMatchObject([
    { provider_id: "kubernetes_observe", provider_effective: "docker_compose_apply" },
  ]);
  expect(found.record).toMatchObject({
    reconcile_all_converged: true,
    reconcile_resync_wait_ms_scheduled: 250,
    terminal_health_status: "healthy",
  });
  expect(found.record).not.toHaveProperty("last_reconcile_mode");
});

test("all passes of a run stay: what was done in each, in order; statuses and certificates of the last", async () => {
  const again = [
    started({ mode: "simulate", provider_id: "in_memory" }),
    status("api", { converged: false, hash_matched: false, observed_hash: oldHash, outcome: "planned" }),
    finished({ converged: false, mode: "simulate", wait_ms: 0 }),
  ];
  const before = await left(historyOf([...pass, ended]));
  const found = await left(historyOf([...pass, ended, ...again]));
  expect(ofType(found, "reconcile_outcome").map((row) => [row["operation_type"], row["applied"]])).toEqual([
    ["update", true],
    ["noop", false],
  ]);
  const [firstOutcome] = ofType(before, "reconcile_outcome");
  expect(ofType(found, "reconcile_outcome")[0]).toEqual(firstOutcome ?? {});
  expect(ofType(found, "reconcile_resource_status")).toMatchObject([{ observed_hash: oldHash }]);
  expect(ofType(found, "convergence_certificate").map((row) => row["converged"])).toEqual([false, false]);
  expect(found.record).toMatchObject({
    status: "terminal",
    outcome: "succeeded",
    finished_at_ms: finishedAtMs,
    last_reconcile_mode: "simulate",
    last_reconcile_at_ms: startedAtMs + 10,
    reconcile_all_converged: false,
    reconcile_resync_wait_ms_scheduled: 0,
  });
});

test("a change that akc died in is told as one of which nobody knows, and what follows does not hide it", async () => {
  const cut = await left(historyOf([started(), begun("api"), resumed, ...pass, ended]));
  const [lost, done] = ofType(cut, "reconcile_outcome");
  expect(lost).toMatchObject({ applied: false, interrupted: true, observed_hash: "unknown" });
  expect(lost?.["error"]).toContain("before it knew");
  expect(done).toMatchObject({ applied: true, error: null });
  expect(done).not.toHaveProperty("interrupted");
  expect(cut.record).toMatchObject({ reconcile_all_converged: true, terminal_health_status: "healthy" });
});

test("a pass that broke off leaves no claim that all is well", async () => {
  const broke = finished({ converged: false, attempts: 0, error: "no answer", error_code: "TOOL_TIMEOUT" });
  const endings: readonly (readonly ToldEvent[])[] = [
    [started()],
    [started(), begun("api")],
    [started(), status("api")],
    [started(), status("api"), broke],
    [started(), broke],
  ];
  for (const ending of endings) {
    const found = await left(historyOf([...pass, ended, ...ending]));
    expect(found.record).toMatchObject({
      reconcile_all_converged: false,
      terminal_health_status: "unknown",
    });
    const aggregate = ofType(found, "convergence_certificate").at(-1);
    expect(aggregate).toMatchObject({ converged: false, health: "unknown" });
    expect(ofType(found, "reconcile_outcome")[0]).toMatchObject({ applied: true });
  }
});

test("a pass over nothing leaves nothing that stood before", async () => {
  const nothing = [started({ resource_count: 0 }), finished({ resource_count: 0 })];
  const found = await left(historyOf([...pass, ended, ...nothing]));
  expect(ofType(found, "reconcile_resource_status")).toEqual([]);
  expect(ofType(found, "reconcile_outcome")).toHaveLength(1);
});

test("of runs that told no steps the evidence is what it was, to the byte", async () => {
  const [, only, end] = reconciledTurns();
  const first = reconciledTurns()[0];
  if (first === undefined || only === undefined || end === undefined) throw new Error("no history");
  const later = (of: Turn, by: number): Turn => ({
    ...of,
    events: of.events.map((each) => ({ ...each, seq: each.seq + by, atMs: each.atMs + by })),
  });
  const went = turn({ events: [event(5, resumed.type, { ...resumed.payload, after_seq: 4 })] });
  const one = { ...only, events: only.events.slice(0, 1) };
  const histories = {
    "591b003831932a7496d2999fbeea5884218ac7a7a894dc25188469bf8e8b3307": reconciledTurns(),
    "923758e32aea8e9a55bfb5aa76b472df9a1354b286198babb8b7680a0333504b": [
      ...reconciledTurns(),
      went,
      later(one, 4),
      later(end, 3),
    ],
  };
  for (const [expected, history] of Object.entries(histories)) {
    using place = scope();
    await storeHistory(place.scopeRoot, { history });
    const store = await openStore(place.scopeRoot);
    const reader = await store.openRun(runId);
    const input = { reader, scopeRoot: place.scopeRoot, outputsRoot: "/out", facts, nowMs: startedAtMs };
    const { paths } = await exportRun(input);
    await reader.close();
    await store.close();
    expect(createHash("sha256").update(readFileSync(paths.evidence)).digest("hex")).toBe(expected);
  }
});
