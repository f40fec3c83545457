/** What is exported, as a strict collector takes it, and what becomes of it when the collector does not. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TelemetryConfig } from "../../../src/autopilot/config/model.ts";
import { limits } from "../../../src/limits.ts";
import { createMetrics, type Metrics } from "../../../src/service/metrics/metrics.ts";
import { exportTelemetry, type TelemetryDeps } from "../../../src/service/otlp.ts";
import { headersOf, retryAfterMs } from "../../../src/service/telemetry/otlp-sender.ts";
import { traceIdOf } from "../../../src/service/telemetry/spans.ts";
import { type Clock, systemClock } from "../../../src/system/clock.ts";
import { systemIds } from "../../../src/system/ids.ts";
import { Collector, type ReceivedMetric, type ReceivedSpan } from "./collector.ts";
import { someDefaults } from "./config.ts";
import { FakeController, liveAttempt, scopeStatus, shop } from "./fake-controller.ts";

const noMirrors: TelemetryConfig["mirrors"] = { stdout: false, httpTimeoutMs: 500 };
let controller: FakeController;
let collector: Collector;
let metrics: Metrics;
let folder: string;
let notes: string[];
let stdout: string[];
/** How long the export slept, in the order in which it did; sleeping takes no time. */
let slept: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akc-otlp-"));
  controller = new FakeController();
  collector = new Collector();
  metrics = createMetrics(controller, { clock: systemClock, config: () => someDefaults });
  notes = [];
  stdout = [];
  slept = [];
});
afterEach(async () => {
  metrics.close();
  await collector.stop();
  rmSync(folder, { recursive: true, force: true });
});

function begin(telemetry: Partial<TelemetryConfig>, more: Partial<TelemetryDeps> = {}) {
  return exportTelemetry(controller, {
    telemetry: { mirrors: noMirrors, ...telemetry },
    environment: "prod",
    clock: systemClock,
    ids: systemIds,
    config: () => someDefaults,
    metrics,
    refusalOf: () => ({ word: "budget_prevented" }),
    stdout: async (text) => void stdout.push(text),
    note: (level, message, why) => void notes.push(`${level} ${message}: ${why}`),
    ...more,
  });
}

const toCollector = (intervalMs = 60_000): TelemetryConfig["otlp"] => ({
  endpoint: collector.endpoint,
  intervalMs,
});

const attribute = ({ attributes }: { readonly attributes: ReceivedSpan["attributes"] }, key: string) =>
  Object.values(attributes.find((one) => one.key === key)?.value ?? {})[0];

const exported = (result: string): number => {
  const family = metrics.families().find(({ name }) => name === "akc.export.items");
  if (family === undefined || family.kind === "histogram") return 0;
  const wanted = family.series.filter(
    ({ labels }) => labels["result"] === result && labels["signal"] === "traces",
  );
  return wanted.reduce((sum, { value }) => sum + value, 0);
};

test("an attempt is a trace of a run with its tasks, under the names of the conventions and akc's own", async () => {
  const telemetry = begin({ otlp: toCollector() });
  const [kept, failed] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  liveAttempt(controller, kept);
  liveAttempt(controller, failed, "failed");
  controller.fact({
    type: "recompile_ended",
    attemptId: Bun.randomUUIDv7(),
    result: "unchanged",
    durationMs: 40,
  });
  controller.tell({ kind: "visited", scope: shop, next: "nothing", durationMs: 1, atMs: Date.now() });
  controller.tell({ kind: "visited", scope: shop, next: "attempt", durationMs: 1.5, atMs: Date.now() });
  await telemetry.close();

  expect(collector.faults).toEqual([]);
  const named = (name: string) => collector.spans.filter((span) => span.name === name);
  const [root, broken] = named("RUN akc rollout");
  expect(root).toMatchObject({ traceId: traceIdOf(kept), kind: 2, status: { code: 1 } });
  if (root === undefined || broken === undefined) throw new Error("no root");
  expect(attribute(root, "cicd.pipeline.result")).toBe("success");
  expect(attribute(root, "error.type")).toBeUndefined();
  expect(attribute(root, "akc.tenant_id")).toBe("acme");
  expect(broken).toMatchObject({ status: { code: 2, message: "it was failed" } });
  expect(attribute(broken, "cicd.pipeline.result")).toBe("failure");
  expect(attribute(broken, "error.type")).toBe("TOOL_TIMEOUT");
  const bake = named("akc.autopilot.bake");
  expect(bake).toHaveLength(1);
  expect(bake[0]).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId });
  expect(named("BUILD akc recompile").map((span) => attribute(span, "cicd.pipeline.result"))).toEqual([
    "skip",
  ]);
  expect(named("akc.autopilot.visit").map((span) => attribute(span, "akc.autopilot.next"))).toEqual([
    "attempt",
  ]);
  expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(collector.spans.length);
});

test("measurements go out under both names, as sums, gauges and histograms of the whole time", async () => {
  controller.show({ scopes: [scopeStatus({ nextVisitAtMs: 1 })] });
  const telemetry = begin({ otlp: toCollector() });
  liveAttempt(controller, Bun.randomUUIDv7());
  controller.fact({ type: "visit_failed", code: "STORE_BUSY", message: "m" });
  await telemetry.close();
  expect(collector.faults).toEqual([]);
  const metric = (name: string): ReceivedMetric | undefined =>
    collector.metrics.find((one) => one.name === name);
  const one = expect.objectContaining({ asInt: "1" });
  expect(metric("akc.attempts")).toMatchObject({
    sum: { isMonotonic: true, dataPoints: expect.arrayContaining([one]) },
  });
  expect(metric("akc.scope.paused")).toMatchObject({ gauge: { dataPoints: [{ asInt: "0" }] } });
  expect(metric("cicd.pipeline.run.active")).toMatchObject({ unit: "{run}", sum: { isMonotonic: false } });
  expect(metric("cicd.system.errors")).toMatchObject({ sum: { dataPoints: [{ asInt: "1" }] } });
  const duration = metric("cicd.pipeline.run.duration");
  if (duration === undefined || !("histogram" in duration)) throw new Error("no duration");
  expect(duration.unit).toBe("s");
  const states = duration.histogram.dataPoints.map((point) => [
    attribute(point, "cicd.pipeline.run.state"),
    attribute(point, "cicd.pipeline.result"),
    point.sum,
  ]);
  expect(states).toEqual([
    ["executing", undefined, 3],
    ["finalizing", "success", 60],
  ]);
});

test("headers come from a file, read anew for each request, and are not sent after a redirect", async () => {
  const headersFile = join(folder, "headers");
  writeFileSync(headersFile, "# of the collector\nAuthorization: Bearer one\n\nX-Scope: a: b\n");
  const other = new Collector();
  const telemetry = begin({ otlp: { endpoint: collector.endpoint, intervalMs: 60_000, headersFile } });
  collector.answer = () => new Response(null, { status: 307, headers: { location: other.endpoint } });
  liveAttempt(controller, Bun.randomUUIDv7());
  await telemetry.close();
  expect(collector.requests.map(({ headers }) => headers.get("authorization"))).toEqual([
    "Bearer one",
    "Bearer one",
  ]);
  expect(collector.requests[0]?.headers.get("x-scope")).toBe("a: b");
  expect(other.requests).toEqual([]);
  await other.stop();
  expect(notes.toSorted().toReversed()).toEqual([
    "warn traces are not taken by the collector: HTTP_REDIRECT_REFUSED: the server redirected to a place that is not allowed",
    "warn metrics are not taken by the collector: HTTP_REDIRECT_REFUSED: the server redirected to a place that is not allowed",
  ]);
  writeFileSync(headersFile, "secret-without-a-colon\n");
  const refused = await headersOf(headersFile).catch((cause: unknown) => cause);
  expect(refused).toMatchObject({ code: "TELEMETRY_REFUSED", details: { line: 1 } });
  expect(JSON.stringify(refused)).not.toContain("secret-without");
});

test("a file with headers that is not there is named", async () => {
  const headersFile = join(folder, "no-headers");
  const telemetry = begin({ otlp: { endpoint: collector.endpoint, intervalMs: 60_000, headersFile } });
  await telemetry.close();
  expect(notes.toSorted().at(0)).toBe(
    `warn metrics are not taken by the collector: FILE_NOT_FOUND: the file does not exist: ${headersFile}`,
  );
});

/** A clock whose sleeping is remembered and takes no time; the loops' own pauses end with the export. */
function quickClock(pauseMs: number): Clock {
  return {
    ...systemClock,
    sleep: (ms, signal) => {
      if (ms === pauseMs) return systemClock.sleep(ms, signal);
      slept.push(ms);
      return Promise.resolve();
    },
  };
}

test("what a collector cannot take now is sent again when it said, and what it will never take is not", async () => {
  const answers = [
    new Response(null, { status: 429, headers: { "retry-after": "7" } }),
    new Response(null, { status: 503 }),
    new Response(null, { status: 502 }),
  ];
  collector.answer = (path) => (path.endsWith("traces") ? answers.shift() : undefined);
  const telemetry = begin({ otlp: toCollector(20) }, { clock: quickClock(20) });
  liveAttempt(controller, Bun.randomUUIDv7());
  // What is taken is noted after the answer to it.
  await eventually(() => collector.spans.length === 3 && notes.length >= 2);
  expect(slept[0]).toBe(7_000);
  expect(slept[1]).toBeGreaterThanOrEqual(limits.otlpBackoffMs);
  expect(slept[2]).toBeLessThanOrEqual(4 * limits.otlpBackoffMs);
  expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(3);
  expect(notes).toEqual([
    "warn traces are not taken by the collector: HTTP 429",
    `info traces are taken by the collector again: ${collector.endpoint}`,
  ]);

  collector.answer = (path) => (path.endsWith("traces") ? new Response(null, { status: 400 }) : undefined);
  const before = collector.requests.filter(({ path }) => path.endsWith("traces")).length;
  liveAttempt(controller, Bun.randomUUIDv7());
  await eventually(() => exported("rejected") === 3);
  expect(collector.requests.filter(({ path }) => path.endsWith("traces")).length).toBe(before + 1);
  await telemetry.close();
});

test("with nobody there the queue is bounded, the loss is counted, and the controller goes on", async () => {
  const telemetry = begin(
    { otlp: { endpoint: "http://127.0.0.1:1", intervalMs: 60_000 } },
    { clock: quickClock(60_000) },
  );
  const many = limits.otlpSpansQueuedMax + 500;
  for (let index = 0; index < many; index += 1)
    controller.tell({
      kind: "visited",
      scope: shop,
      next: "attempt",
      durationMs: 1,
      atMs: 1_700_000_000_000,
    });
  await telemetry.close();
  expect(exported("dropped")).toBe(many);
  expect(exported("sent")).toBe(0);
  expect(notes.toSorted()).toEqual([
    "warn metrics are not taken by the collector: HTTP_UNREACHABLE: the server could not be reached: nothing listens there",
    "warn traces are not taken by the collector: HTTP_UNREACHABLE: the server could not be reached: nothing listens there",
  ]);
});

test("what a collector took only in part is counted so", async () => {
  collector.answer = (path) =>
    path.endsWith("traces")
      ? Response.json({ partialSuccess: { rejectedSpans: "2", errorMessage: "too old" } })
      : undefined;
  const telemetry = begin({ otlp: toCollector() });
  liveAttempt(controller, Bun.randomUUIDv7());
  await telemetry.close();
  expect([exported("sent"), exported("rejected")]).toEqual([1, 2]);
  expect(notes).toContain("warn traces were rejected by the collector: too old");
});

test("a time to come back is read as seconds and as a date", () => {
  expect(retryAfterMs("120", 0)).toBe(120_000);
  expect(retryAfterMs("Wed, 21 Oct 2026 07:28:00 GMT", Date.UTC(2026, 9, 21, 7, 27, 0))).toBe(60_000);
  expect(retryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT", Date.UTC(2026, 1))).toBe(0);
  expect(retryAfterMs("soon", 0)).toBeUndefined();
});

test("the documented lines go to all mirrors, with ids of the right length and a real status", async () => {
  const file = join(folder, "deep/lines.ndjson");
  const posted: { agent: string | null; line: string }[] = [];
  const mirror = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      posted.push({ agent: request.headers.get("user-agent"), line: await request.text() });
      return new Response();
    },
  });
  const httpUrl = `http://127.0.0.1:${mirror.port}/lines`;
  const telemetry = begin({ mirrors: { stdout: true, httpUrl, httpTimeoutMs: 2_000, file } });
  controller.show({
    scopes: [
      scopeStatus({
        state: { ...scopeStatus().state, consecutiveFailures: 2, mutationsAtMs: [Date.now() - 5] },
      }),
    ],
  });
  liveAttempt(controller, Bun.randomUUIDv7(), "failed", Date.now() - 63_000);
  controller.fact({ type: "held", attemptId: "a", kind: "rollout", bundleSha256: "ab", answers: [] });
  controller.fact({ type: "escalated", reason: "consecutive_failures", message: "m" });
  for (let streak = 1; streak <= 41; streak += 1)
    controller.tell({ kind: "lease", scope: shop, answer: "taken", streak, atMs: Date.now() });
  await telemetry.close();
  await mirror.stop(true);

  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(stdout.map((text) => text.trimEnd())).toEqual(lines);
  expect(posted.map(({ line }) => line)).toEqual(lines);
  expect(new Set(posted.map(({ agent }) => agent))).toEqual(new Set(["akc-otel-export/1"]));
  const spans = lines.map((line) => JSON.parse(line));
  expect(spans.map(({ span }) => span.name)).toEqual([
    "akc.autopilot.runtime_rollout",
    "akc.autopilot.budget_prevented",
    "akc.autopilot.escalation_hold",
    "akc.autopilot.human_escalation",
    ...new Array(5).fill("akc.autopilot.skip_not_lease_holder"),
  ]);
  expect(spans.slice(4).map(({ span }) => span.attributes["akc.autopilot.lease_denied_streak"])).toEqual([
    1, 5, 10, 20, 40,
  ]);
  for (const { span, source, resource, akc_trace_export_version: version } of spans) {
    expect([version, source]).toEqual([1, "runtime.autopilot_scope"]);
    expect(resource.attributes).toEqual({
      "service.name": "akc",
      "akc.tenant_id": "acme",
      "akc.repo_id": "shop",
      "akc.run_id": "autopilot",
    });
    expect(span.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(span.span_id).toMatch(/^[0-9a-f]{16}$/);
    expect(span.attributes["akc.run_id"]).toBe("autopilot");
  }
  expect(spans[0].span).toMatchObject({
    status: "error",
    attributes: { "akc.autopilot.consecutive_failures": 2, "akc.autopilot.mutations_count": 1 },
  });
  expect(lines[0]).toMatch(/"start_time_unix_nano":\d{13}000000[,}]/);
});

test("a mirror that fails loses its lines and nothing else", async () => {
  // A file in the place of the folder.
  writeFileSync(join(folder, "taken"), "");
  const good: string[] = [];
  const telemetry = begin(
    {
      mirrors: {
        stdout: true,
        httpUrl: "http://127.0.0.1:1/",
        httpTimeoutMs: 500,
        file: join(folder, "taken/lines"),
      },
    },
    { stdout: async (text) => void good.push(text), note: (_, message) => void notes.push(message) },
  );
  for (let index = 0; index < 3; index += 1)
    controller.fact({ type: "escalated", reason: "rollback_failed", message: "m" });
  await telemetry.close();
  expect(good).toHaveLength(6);
  expect(notes.toSorted()).toEqual([
    "the file mirror of traces fails: its lines are dropped",
    "the http mirror of traces fails: its lines are dropped",
  ]);
});

test("where nothing is to be exported nobody listens", async () => {
  const before = controller.listeners;
  const telemetry = begin({});
  expect(controller.listeners).toBe(before);
  await telemetry.close();
});

async function eventually(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !holds(); tries += 1) await Bun.sleep(10);
  expect(holds()).toBe(true);
}
