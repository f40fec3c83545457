/** What is measured, as a real promtool and a real Prometheus read it. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import type { GateAnswer } from "../../../src/autopilot/gates/model.ts";
import { limits } from "../../../src/limits.ts";
import { counter, histogram } from "../../../src/service/metrics/instruments.ts";
import { createMetrics, type Metrics } from "../../../src/service/metrics/metrics.ts";
import { prometheusText } from "../../../src/service/metrics/prometheus-text.ts";
import { timedStore } from "../../../src/service/metrics/timed-store.ts";
import { serveOutside } from "../../../src/service/server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { PrometheusHost } from "../../env/prometheus.ts";
import { someDefaults } from "./config.ts";
import { emptyScope, FakeController, liveAttempt, scopeStatus, shop } from "./fake-controller.ts";

let controller: FakeController;
let metrics: Metrics;
beforeEach(() => {
  controller = new FakeController();
  metrics = createMetrics(controller, { clock: systemClock, config: () => someDefaults });
});
afterEach(() => metrics.close());

const text = () => prometheusText(metrics.families());
const lines = (name: string) =>
  text()
    .split("\n")
    .filter((line) => line.startsWith(name));

/** One of everything that a controller can tell. */
function liveADay(): void {
  controller.show({
    scopes: [
      scopeStatus({
        sighting: "drifted",
        lastVisitAtMs: Date.now(),
        state: {
          ...emptyScope,
          mutationsAtMs: [Date.now() - 90_000_000, Date.now() - 1_000],
          consecutiveFailures: 1,
          escalated: { reason: "consecutive_failures", message: "two in a row", atMs: Date.now() },
        },
      }),
    ],
  });
  const atMs = Date.now();
  for (const durationMs of [0.4, 1, 30, 700_000])
    controller.tell({ kind: "visited", scope: shop, next: "nothing", durationMs, atMs });
  const trigger = { id: "t", key: "k", severity: "high", reason: "r", atMs, details: {} } as const;
  controller.fact({ type: "triggered", trigger: { ...trigger, kind: "drift" } });
  const closed: GateAnswer = { gate: "budget", verdict: "closed", reason: "cooldown_active", message: "m" };
  const answers: readonly GateAnswer[] = [closed, { ...closed, gate: "slo", verdict: "open" }];
  controller.fact({ type: "held", attemptId: "a", kind: "rollout", bundleSha256: "ab", answers });
  controller.fact({ type: "recompile_ended", attemptId: "r", result: "failed", durationMs: 12_000 });
  controller.fact({ type: "word", word: "pause", by: "eve@host", reason: "r" });
  controller.fact({ type: "escalated", reason: "consecutive_failures", message: "m" });
  controller.fact({ type: "visit_failed", code: "STORE_BUSY", message: "m" });
  controller.tell({ kind: "lease", scope: shop, answer: "taken", streak: 4, atMs });
  controller.tell({ kind: "reloaded", ok: false, message: "m", atMs });
  controller.tell({ kind: "note", level: "warn", message: "m", keys: {}, atMs });
  liveAttempt(controller, Bun.randomUUIDv7());
  liveAttempt(controller, Bun.randomUUIDv7(), "failed");
  metrics.storeWrote(3, true);
  metrics.httpServed("/metrics", 200);
  metrics.exported("traces", "dropped", 2);
}

test("what is told is counted, and what a look shows is a gauge", () => {
  liveADay();
  const all = text();
  for (const line of [
    'akc_visits_total{next="nothing"} 4',
    'akc_attempts_total{kind="rollout",verdict="kept"} 1',
    'akc_attempts_total{kind="rollout",verdict="failed"} 1',
    'akc_gates_closed_total{gate="budget",verdict="closed"} 1',
    'akc_triggers_total{kind="drift"} 1',
    'akc_recompiles_total{result="failed"} 1',
    'akc_scope_lease_denied_streak{tenant="acme",repo="shop"} 4',
    'akc_scope_escalated{tenant="acme",repo="shop"} 1',
    'akc_scope_paused{tenant="acme",repo="shop"} 0',
    'akc_scope_budget_used{tenant="acme",repo="shop",budget="mutations_per_day"} 1',
    'akc_scope_budget_left{tenant="acme",repo="shop",budget="mutations_per_day"} 7',
    'akc_scope_drifted{tenant="acme",repo="shop"} 1',
    "akc_convergence_duration_seconds_count 1",
    'akc_export_items_total{signal="traces",result="dropped"} 2',
    'akc_config_reloads_total{result="refused"} 1',
  ])
    expect(all).toContain(`${line}\n`);
  expect(all).not.toContain('gate="slo"');
  expect(Number(/^process_resident_memory_bytes (\d+)$/m.exec(all)?.[1])).toBeGreaterThan(1e6);
  expect(Number(/^process_open_fds (\d+)$/m.exec(all)?.[1])).toBeGreaterThan(3);
});

test("a bucket holds all that is not above its bound, in ascending order, and +Inf holds all", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 40 }), (values) => {
      const bounds = [0.5, 1, 2.5, 10];
      const one = histogram({ name: "akc.x", help: "h", unit: "s", labels: [] }, bounds);
      for (const value of values) one.observe({}, value);
      const written = [
        ...prometheusText([one.family()]).matchAll(/^akc_x_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm),
      ];
      expect(written.map(([, le]) => le)).toEqual(
        values.length === 0 ? [] : ["0.5", "1", "2.5", "10", "+Inf"],
      );
      for (const [, le, count] of written) {
        const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
        expect(Number(count)).toBe(values.filter((value) => value <= bound).length);
      }
    }),
    { numRuns: 50 },
  );
});

test("however many names there are, a counter has so many series, and none is lost", () => {
  const one = counter({ name: "akc.x", help: "h", labels: ["code"], seriesMax: 10 });
  for (let index = 0; index < 500; index += 1) one.add({ code: `code-${index}` });
  const { series } = one.family();
  expect(series).toHaveLength(11);
  expect(series.find(({ labels }) => labels["code"] === "other")).toMatchObject({ value: 490 });
});

test("every metric stands in the documentation with its kind", async () => {
  liveADay();
  const page = await Bun.file(join(import.meta.dir, "../../../docs/autopilot-outside.md")).text();
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const told = text().matchAll(/^# TYPE (\S+) (\S+)$/gm);
  const missing = [...told].flatMap(([, name = "", kind = ""]) => {
    const row = rows.find((line) => line.includes(`\`${name}\``));
    return row !== undefined && (name.startsWith("process_") || row.includes(`| ${kind} |`)) ? [] : [name];
  });
  expect(missing).toEqual([]);
});

test("labels and help are escaped so that no value can write a line of its own", () => {
  const one = counter({ name: "akc.x", help: "a\nb\\c", labels: ["path"] });
  one.add({ path: 'a"b\\c\nakc_evil 1' });
  expect(prometheusText([one.family()])).toBe(
    '# HELP akc_x_total a\\nb\\\\c\n# TYPE akc_x_total counter\nakc_x_total{path="a\\"b\\\\c\\nakc_evil 1"} 1\n',
  );
});

test("beyond the bound a scope has no gauges of its own, and that is said", () => {
  const scopes = Array.from({ length: limits.metricScopesMax + 3 }, (_, index) =>
    scopeStatus({ scope: { tenantId: "acme", repoId: `r${index}` } }),
  );
  controller.show({ scopes });
  expect(lines("akc_scope_paused{")).toHaveLength(limits.metricScopesMax);
  expect(lines("akc_scopes_not_shown ")).toEqual(["akc_scopes_not_shown 3"]);
});

test("an attempt that was under way before anybody listened is counted with its kind", () => {
  metrics.close();
  const attemptId = Bun.randomUUIDv7();
  const run = { attemptId, bundlePath: "/b", bundleSha256: "ab", runtimeRunId: "r", triggerIds: [] };
  const attempt = {
    ...run,
    kind: "repair",
    startedAtMs: Date.now() - 5_000,
    phase: { kind: "running" },
  } as const;
  controller.show({ scopes: [scopeStatus({ state: { ...emptyScope, attempt } })] });
  metrics = createMetrics(controller, { clock: systemClock, config: () => someDefaults });
  controller.fact({ type: "attempt_ended", attemptId, verdict: "rolled_back" });
  const counted = lines("akc_attempts_total").filter((line) => !line.endsWith(" 0"));
  expect(counted).toEqual(['akc_attempts_total{kind="repair",verdict="rolled_back"} 1']);
});

test("writes of the store are timed, failed ones too, and their failures are handed on", async () => {
  const wrote: boolean[] = [];
  const { store, broken } = twoStores();
  const timed = (one: typeof store) => timedStore(one, systemClock, (_, ok) => wrote.push(ok));
  await timed(store).prune(0);
  await timed(store).takeNonce("n", 1, 0);
  await expect(timed(broken).takeNonce("n", 1, 0)).rejects.toThrow("full");
  expect(wrote).toEqual([true, false]);
});

let host: PrometheusHost | undefined;
afterAll(() => host?.down());

test("promtool finds nothing to say against it, and a Prometheus scrapes it", async () => {
  liveADay();
  const outside = await serveOutside(controller, {
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    clock: systemClock,
    config: () => someDefaults,
    metrics,
  });
  try {
    host = await PrometheusHost.up(outside.port);
    if (host === undefined) return;
    const scraped = await (await fetch(`${outside.address}/metrics`)).text();
    const lint = Bun.spawn(["promtool", "check", "metrics"], {
      stdin: new Blob([scraped]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complaints] = [await lint.stdout.text(), await lint.stderr.text()];
    expect([await lint.exited, said, complaints]).toEqual([0, "", ""]);

    const value = await eventually(host, 'akc_attempts_total{job="akc",kind="rollout",verdict="kept"}');
    expect(value).toBe("1");
    const quantile = "histogram_quantile(0.5, akc_visit_duration_seconds_bucket)";
    expect(Number(await eventually(host, quantile))).toBeGreaterThan(0);
    expect(await eventually(host, 'akc_scope_budget_left{budget="mutations_per_day"}')).toBe("7");
  } finally {
    await outside.close();
  }
});

const Answer = v.object({
  data: v.object({ result: v.array(v.object({ value: v.tuple([v.number(), v.string()]) })) }),
});

async function eventually(host: PrometheusHost, query: string): Promise<string> {
  for (let tries = 0; tries < 150; tries += 1) {
    const response = await fetch(`${host.url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const { data } = v.parse(Answer, await response.json());
    const [first] = data.result;
    if (first !== undefined) return first.value[1];
    await Bun.sleep(100);
  }
  throw new Error(`no data for ${query}`);
}

function twoStores() {
  const nothing = () => Promise.reject(new Error("not asked for"));
  const store = {
    state: nothing,
    append: nothing,
    say: nothing,
    entries: nothing,
    entriesBetween: nothing,
    attemptMarks: nothing,
    cursors: nothing,
    scopes: nothing,
    scopesInAttempt: nothing,
    raiseFence: nothing,
    fence: nothing,
    takeNonce: async () => true,
    beat: nothing,
    tallies: nothing,
    controllers: nothing,
    version: nothing,
    verify: nothing,
    prune: async () => 0,
    close: async () => undefined,
  };
  return { store, broken: { ...store, takeNonce: () => Promise.reject(new Error("full")) } };
}
