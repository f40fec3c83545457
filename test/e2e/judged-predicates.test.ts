/**
 * Every kind of predicate once, from the built binary: what passes, fails and cannot be told, by rows of evidence, by sidecars that lie
 * there before the run, and by windows over earlier runs.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Json, runId } from "./bundle.ts";
import {
  answered,
  atMost,
  checks,
  compiled,
  criterion,
  findings,
  idOf,
  judged,
  metricsSystem,
  objects,
  present,
  promql,
  queried,
  registry,
  reportOf,
  standing,
  start,
  thresholds,
  verify,
} from "./judged.ts";
import { inWorld, type Started, type World } from "./world.ts";

setDefaultTimeout(60_000);

/** Answers what the query says: `3`, or with a range samples that say the same, newest last: `1,2,3`. */
const system = metricsSystem((query) => (query === "none" ? undefined : Number(query)));
const ranges = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const parameters = new URL(request.url).searchParams;
    const end = Number(parameters.get("end"));
    const numbers = (parameters.get("query") ?? "").split(",");
    const values = numbers.map((number, at) => [end - 30 * (numbers.length - 1 - at), number]);
    const data = { resultType: "matrix", result: [{ metric: {}, values }] };
    return Response.json({ status: "success", data });
  },
});
afterAll(() => Promise.all([system.stop(), ranges.stop(true)]));

/** The verdict of each criterion, by its id. */
function verdicts(world: World, run: Started): Json {
  const rows = objects(reportOf(world, run)["criterion_results"]);
  return Object.fromEntries(rows.map(({ success_criterion_id: id, verdict }) => [String(id), verdict]));
}

/** What a run of these leaves is judged again to be the same. */
async function verifiesAsJudged(world: World, run: Started): Promise<void> {
  expect((await world.ask("runtime", "verify", idOf(run), "--rebuild")).code).toBe(0);
  const bindings = join(world.side, "bindings.json");
  const verified = await verify(world, "--runtime-run-id", idOf(run), "--validator-bindings", bindings);
  expect(verified.report["recomputed_attestation_sha256"]).toBe(
    reportOf(world, run)["attestation_fingerprint_sha256"],
  );
  expect(findings(verified).filter((line) => !line.includes("operational.verdict_"))).toEqual([]);
}

test("bindings measure by themselves: expectations, several samples in a row, and how many there must be", async () => {
  await inWorld(async (world) => {
    const url = `http://127.0.0.1:${ranges.port}/api/v1/query`;
    const range = { range: { window: "5m", step: "30s" }, aggregate: "last" };
    const of = (query: string, more: Json) => promql(url, query, { ...range, expect: { lte: 3 }, ...more });
    const bindings = {
      calm: of("9,1,2,3", { consecutive: 3 }),
      flaky: of("1,9,3", { consecutive: 3 }),
      few: of("1,1", { min_samples: 3 }),
      enough: of("1,1,1", { min_samples: 3 }),
      compared: promql(system.url, "11", { compare: { baseline: { query: "10" }, ratio: { lte: 1.2 } } }),
      worse: promql(system.url, "13", { compare: { baseline: { query: "10" }, ratio: { lte: 1.2 } } }),
      baseless: promql(system.url, "13", { compare: { baseline: { query: "none" }, ratio: { lte: 1.2 } } }),
    };
    const run = await start(
      world,
      judged(...Object.keys(bindings).map((id) => criterion(id, answered(id)))),
      bindings,
    );
    expect(verdicts(world, run)).toEqual({
      baseless: "inconclusive",
      calm: "pass",
      compared: "pass",
      enough: "pass",
      few: "inconclusive",
      flaky: "fail",
      worse: "fail",
    });
    expect(standing(run)).toEqual([1, "failed", "fail", "VALIDITY_FAILED"]);
    expect((await world.ask("validate", "replay", idOf(run))).report).toMatchObject({ same: 7, differs: 0 });
    await verifiesAsJudged(world, run);
  });
});

const ids = { "akc.tenant_id": "acme", "akc.repo_id": "shop", "akc.run_id": runId };

function span(name: string, status: string): string {
  return JSON.stringify({
    resource: { attributes: ids },
    span: { name, status, attributes: { tier: "web" } },
  });
}

function point(name: string, value: number, attributes: Json = {}): string {
  const metric = { name, kind: "sum", as_double: value, attributes };
  return JSON.stringify({
    akc_metric_export_version: 1,
    source: "runtime.metric_point",
    resource: { attributes: { "service.name": "shop", ...ids } },
    metric,
  });
}

const lines = (all: readonly string[]) => `${all.join("\n")}\n`;

function goodSpans(target: number, more: Json = {}): Json {
  const predicate = { kind: "span_status_fraction", status_good_value: "ok", comparator: "gte", target };
  return { ...predicate, max_spans: 10, span_name: "pay", span_attributes: { tier: "web" }, ...more };
}

function failedRatio(target: number, more: Json = {}): Json {
  return {
    kind: "metric_counter_ratio",
    numerator: { metric_name: "requests", attributes: { code: "500" } },
    denominator: { metric_name: "requests" },
    comparator: "lte",
    target,
    max_metric_points: 10,
    max_metric_series: 10,
    ...more,
  };
}

test("sidecars that lie there before the run are measured: spans, counters, sums of metrics", async () => {
  await inWorld(async (world) => {
    await world.write(
      `.akc/run/${runId}.otel.jsonl`,
      lines([
        span("pay", "ok"),
        span("pay", "ok"),
        span("pay", "ok"),
        span("pay", "error"),
        span("x", "error"),
      ]),
    );
    await world.write(
      `.akc/run/${runId}.otel_metrics.jsonl`,
      lines([point("requests", 1, { code: "500" }), point("requests", 9, { code: "200" })]),
    );
    const composite = (predicate: Json, more: Json = {}) =>
      present([], { composite_predicates: [predicate], ...more });
    const sums = (threshold: number, name: string, more: Json = {}) =>
      thresholds([], "lte", threshold, { otel_metric_signals: [{ metric_name: name }], ...more });
    const params: Readonly<Record<string, readonly [Json, string]>> = {
      "spans good enough": [composite(goodSpans(0.75)), "pass"],
      "spans too bad": [composite(goodSpans(0.8)), "fail"],
      "spans too few": [composite(goodSpans(0.75), { min_samples: 5 }), "inconclusive"],
      "spans too many": [composite(goodSpans(0.75, { max_spans: 3 })), "inconclusive"],
      "spans of nobody": [composite(goodSpans(0, { span_name: "none" })), "inconclusive"],
      "ratio low": [composite(failedRatio(0.1)), "pass"],
      "ratio high": [composite(failedRatio(0.05)), "fail"],
      "ratio of nothing": [
        composite(failedRatio(1, { denominator: { metric_name: "none" } })),
        "inconclusive",
      ],
      "sum low": [sums(10, "requests"), "pass"],
      "sum high": [sums(9, "requests"), "fail"],
      "sum of nothing": [sums(9, "none"), "inconclusive"],
      "sum of few": [sums(10, "requests", { min_samples: 3 }), "inconclusive"],
      exported: [present([], { expected_evidence_types: ["akc_otel_metrics_export"] }), "pass"],
    };
    const criteria = Object.entries(params).map(([id, [one]]) => criterion(id, one));
    const run = await start(world, judged(...criteria), {});
    expect(verdicts(world, run)).toEqual(
      Object.fromEntries(Object.entries(params).map(([id, [, verdict]]) => [id, verdict])),
    );
    await verifiesAsJudged(world, run);
  });
});

test("lines of another scope, and lines that are none, refuse their sidecar and pass nothing", async () => {
  await inWorld(async (world) => {
    await world.write(
      `.akc/run/${runId}.otel_metrics.jsonl`,
      lines([point("requests", 1), point("requests", 1).replace("acme", "umbrella")]),
    );
    const metric = { otel_metric_signals: [{ metric_name: "requests" }] };
    const run = await start(world, judged(criterion("sc", thresholds([], "lte", 9, metric))), {});
    expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
    expect(checks(reportOf(world, run))).toEqual([
      "otel_metrics_ndjson_parse error malformed",
      "otel_metric_signal:0:requests error malformed",
    ]);
    await verifiesAsJudged(world, run);
  });
});

const rollup = ".akc/verification/week.operational_evidence_window.json";

/** A window over the evidence of these runs, as an operator writes it. */
async function windowOver(world: World, runs: readonly Started[]): Promise<{ readonly spanMs: number }> {
  const exports = runs.map((run) => {
    const path = `.akc/runtime/${runId}/${idOf(run)}/runtime_evidence.json`;
    const text = readFileSync(join(world.scope, path), "utf8");
    return { path, sha256: new Bun.CryptoHasher("sha256").update(text).digest("hex"), text };
  });
  const times = exports.flatMap(({ text }) =>
    objects(JSON.parse(text)).map(({ timestamp }) => Number(timestamp)),
  );
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const document = {
    schema_version: 1,
    window_start_ms: start,
    window_end_ms: end,
    runtime_evidence_exports: exports.map(({ path, sha256 }) => ({ path, sha256 })),
  };
  await world.write(rollup, JSON.stringify(document));
  return { spanMs: end - start };
}

describe("earlier runs", () => {
  test("are a window over which signals are judged, the newest first, and so many in a row", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const plain = judged(criterion("sc", atMost(100, "slo")));
      const runs: Started[] = [];
      for (const value of ["9", "2", "3"]) {
        runs.push(await start(world, plain, { slo: promql(system.url, value) }));
      }
      const { spanMs } = await windowOver(world, runs);
      const rolling = (more: Json = {}) => ({
        window: "rolling_ms",
        rolling_window_ms: 600_000,
        evidence_rollup_rel_path: rollup,
        ...more,
      });
      const run = await start(
        world,
        judged(
          criterion("newest", atMost(5, "slo", rolling())),
          criterion("two in a row", atMost(5, "slo", rolling({ consecutive: 2 }))),
          criterion("three in a row", atMost(5, "slo", rolling({ consecutive: 3 }))),
          criterion("four samples", atMost(5, "slo", rolling({ min_samples: 4 }))),
          criterion("too long", atMost(5, "slo", rolling({ rolling_window_ms: Math.max(1, spanMs - 1) }))),
          criterion(
            "no window",
            atMost(5, "slo", rolling({ evidence_rollup_rel_path: ".akc/verification/none.json" })),
          ),
        ),
        { slo: promql(system.url, "4") },
      );
      expect(verdicts(world, run)).toEqual({
        "four samples": "inconclusive",
        newest: "pass",
        "no window": "error",
        "three in a row": "fail",
        "too long": "fail",
        "two in a row": "pass",
      });
      await verifiesAsJudgedBut(world, run, "error operational.rollup_missing");
    });
  });

  test("are what a run is compared with: no worse by so much, or nobody can tell", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const before = await start(world, judged(criterion("sc", atMost(100, "slo"))), {
        slo: promql(system.url, "10"),
      });
      await windowOver(world, [before]);
      const compare = (bounds: Json, more: Json = {}) =>
        atMost(100, "slo", { compare: { baseline_evidence_rollup_rel_path: rollup, ...bounds }, ...more });
      const other = thresholds([queried("other")], "lte", 100, {
        compare: { baseline_evidence_rollup_rel_path: rollup, ratio: { lte: 2 } },
      });
      const run = await start(
        world,
        judged(
          criterion("ratio", compare({ ratio: { lte: 1.2 } })),
          criterion("ratio too high", compare({ ratio: { lte: 1.1 } })),
          criterion("difference", compare({ absolute: { lte: 2, gte: -1 } })),
          criterion("difference too high", compare({ absolute: { lt: 2 } })),
          criterion("never measured before", other),
        ),
        { slo: promql(system.url, "12"), other: promql(system.url, "1") },
      );
      expect(verdicts(world, run)).toEqual({
        difference: "pass",
        "difference too high": "fail",
        "never measured before": "inconclusive",
        ratio: "pass",
        "ratio too high": "fail",
      });
      await verifiesAsJudged(world, run);
    });
  });
});

/** The same, where one thing is found on purpose. */
async function verifiesAsJudgedBut(world: World, run: Started, found: string): Promise<void> {
  const bindings = await registry(world, { slo: promql(system.url, "4") });
  const verified = await verify(world, "--runtime-run-id", idOf(run), "--validator-bindings", bindings);
  expect(verified.report["recomputed_attestation_sha256"]).toBe(
    reportOf(world, run)["attestation_fingerprint_sha256"],
  );
  const others = findings(verified).filter((line) => !line.includes("operational.verdict_"));
  expect(others).toEqual([found]);
}
