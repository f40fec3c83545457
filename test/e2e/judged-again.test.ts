/**
 * Runs of one compile run, which share their sidecars and the places of the latest answers; and runs that are simulated, stopped or named
 * twice: whose judgement is whose, and which are judged at all. From the built binary.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runId, sh } from "./bundle.ts";
import {
  atMost,
  compiled,
  criterion,
  failures,
  findings,
  idOf,
  judged,
  metricsSystem,
  objects,
  promql,
  readJson,
  registry,
  reportOf,
  rowOf,
  rowsOf,
  standing,
  start,
  verify,
} from "./judged.ts";
import { expectError, inWorld, untilThere, type World } from "./world.ts";

setDefaultTimeout(60_000);

const measured = { errors: 1 };
const system = metricsSystem(() => measured.errors);
afterAll(() => system.stop());
const bindings = { slo: promql(system.url, "errors") };
const shared = `.akc/run/${runId}`;
const window = ".akc/verification/before.operational_evidence_window.json";

/** A line of the shared metrics, as a collector writes it. */
function point(name: string, value: number): string {
  const attributes = {
    "service.name": "shop",
    "akc.tenant_id": "acme",
    "akc.repo_id": "shop",
    "akc.run_id": runId,
  };
  const metric = { name, kind: "sum", as_int: value };
  return `${JSON.stringify({ akc_metric_export_version: 1, source: "runtime.metric_point", resource: { attributes }, metric })}\n`;
}

function span(status: string): string {
  return `${JSON.stringify({ span: { name: "POST /pay", status, attributes: {} } })}\n`;
}

const fewFailures = criterion(
  "failures",
  atMost(5, "slo", { otel_metric_signals: [{ metric_name: "failures" }] }),
);
const mostSpansAreGood = criterion(
  "spans",
  atMost(5, "slo", {
    composite_predicates: [
      {
        kind: "span_status_fraction",
        span_name: "POST /pay",
        status_good_value: "ok",
        comparator: "gte",
        target: 0.5,
        max_spans: 100,
      },
    ],
  }),
);
const noWorseThanBefore = criterion(
  "before",
  atMost(5, "slo", { compare: { baseline_evidence_rollup_rel_path: window, absolute: { lte: 1 } } }),
);

/** A window over one row that says that the number was that. */
async function baseline(world: World, value: number): Promise<void> {
  const row = {
    evidence_type: "akc_observability_query_result",
    runtime_run_id: "before",
    timestamp: 1_000,
    payload: { binding_id: "slo", status: "ok", verdict: "pass", summary: { value } },
  };
  const path = `.akc/runtime/before/${value}.json`;
  const text = JSON.stringify([row]);
  await world.write(path, text);
  const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const exports = [{ path, sha256 }];
  const document = { window_start_ms: 0, window_end_ms: 2_000, runtime_evidence_exports: exports };
  await world.write(window, JSON.stringify(document));
}

describe("two runs of one compile run", () => {
  test("each is verified by what it was judged by, whatever the other left in the places that they share", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const bundle = judged(fewFailures, mostSpansAreGood, noWorseThanBefore);
      await world.write(`${shared}.otel_metrics.jsonl`, point("failures", 2));
      await world.write(`${shared}.otel.jsonl`, span("ok") + span("ok"));
      await baseline(world, 1);
      measured.errors = 1;
      const first = await start(world, bundle, bindings);
      expect(standing(first)).toEqual([0, "succeeded", "pass", null]);
      const firstReport = reportOf(world, first);
      const firstRow = rowOf(world, first, "slo");

      await world.write(`${shared}.otel_metrics.jsonl`, point("failures", 9));
      const spans = join(world.scope, `${shared}.otel.jsonl`);
      writeFileSync(spans, readFileSync(spans, "utf8") + span("bad").repeat(9));
      await baseline(world, 4);
      measured.errors = 6;
      const second = await start(world, bundle, bindings);
      expect(standing(second)).toEqual([1, "failed", "fail", "VALIDITY_FAILED"]);
      expect(failures(second).length).toBeGreaterThan(3);

      // The places of the latest are the second's, the first's own are as they were.
      const latest = `.akc/verification/validators/${runId}/slo.observability_query_result.json`;
      expect(readJson(join(world.scope, latest))).toMatchObject({ value: 6 });
      expect(reportOf(world, first)).toEqual(firstReport);
      expect(rowOf(world, first, "slo")).toEqual(firstRow);
      const flags = ["--validator-bindings", join(world.side, "bindings.json")];
      const verified = await verify(world, "--runtime-run-id", idOf(first), ...flags);
      expect([verified.code, verified.report["verdict"], findings(verified)]).toEqual([0, "pass", []]);
      const other = await verify(world, "--runtime-run-id", idOf(second), ...flags);
      expect(other).toMatchObject({ code: 2, report: { verdict: "fail" } });
      expect(new Set(findings(other))).toEqual(new Set(["error operational.verdict_failed"]));
      for (const run of [first, second]) {
        expect((await world.ask("runtime", "verify", idOf(run), "--rebuild")).code).toBe(0);
        expect((await world.ask("validate", "replay", idOf(run))).report).toMatchObject({ same: 1 });
      }

      // What was kept of them is evidence as any other.
      const [input] = objects(firstReport["judged_inputs"]);
      const path = join(world.scope, String(input?.["path"]));
      const kept = readFileSync(path);
      writeFileSync(path, "");
      expect((await verify(world, "--runtime-run-id", idOf(first), ...flags)).code).toBe(2);
      expect((await world.ask("runtime", "verify", idOf(first))).code).toBe(1);
      writeFileSync(path, kept);
      expect((await verify(world, "--runtime-run-id", idOf(first), ...flags)).code).toBe(0);
    });
  });

  test("asked again, a run is judged by what the shared places hold then", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      await world.write(`${shared}.otel_metrics.jsonl`, point("failures", 9));
      measured.errors = 1;
      const run = await start(world, judged(fewFailures), bindings);
      expect(standing(run)).toEqual([1, "failed", "fail", "VALIDITY_FAILED"]);
      await world.write(`${shared}.otel_metrics.jsonl`, point("failures", 1));
      expect((await verify(world)).code).toBe(2);
      const again = await verify(world, "--execute-validators");
      expect([again.code, again.report["verdict"], findings(again)]).toEqual([0, "pass", []]);
      expect(objects(reportOf(world, run)["judged_inputs"])).toHaveLength(1);
      expect((await world.ask("runtime", "verify", idOf(run), "--rebuild")).code).toBe(0);
    });
  });

  test("what bindings left comes back with a backup, and what runs share is not missed", async () => {
    await inWorld(async (world) => {
      await world.write(`${shared}.otel_metrics.jsonl`, point("failures", 2));
      const run = await start(world, judged(fewFailures), bindings);
      const backup = join(world.side, "shop.akcstate");
      expect((await world.ask("state", "backup", "--to", backup)).code).toBe(0);
      rmSync(world.runFolder(idOf(run)), { recursive: true });
      rmSync(join(world.scope, ".akc/verification"), { recursive: true });
      rmSync(join(world.scope, `${shared}.otel_metrics.jsonl`));
      const flags = ["--from", backup, "--force"];
      expect((await world.ask("state", "restore", ...flags)).stderr).not.toContain("error");
      const verified = await verify(world, "--runtime-run-id", idOf(run));
      expect([verified.code, verified.report["verdict"]]).toEqual([0, "pass"]);
    });
  });
});

describe("a run that proves nothing", () => {
  test("is judged when it was simulated, asks nobody, and does not fail for it", async () => {
    await inWorld(async (world) => {
      const before = system.requests;
      const run = await start(
        world,
        judged(criterion("sc", atMost(5, "slo"))),
        bindings,
        "--mode",
        "simulate",
      );
      expect([run.code, run.report["outcome"]]).toEqual([0, "succeeded"]);
      expect(system.requests).toBe(before);
      expect(reportOf(world, run)).toMatchObject({ passed: false, verdict: "error" });
      expect((await world.ask("runtime", "verify", idOf(run), "--rebuild")).code).toBe(0);
    });
  });

  test("is not judged when it was stopped, and is when it went on to its end", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const path = await registry(world, bindings);
      const bundle = judged(criterion("sc", atMost(5, "slo"))).step(
        "gate",
        sh("touch begun; while [ ! -e go ]; do sleep 0.05; done"),
      );
      measured.errors = 2;
      const before = system.requests;
      const live = await world.begin(bundle, "--validator-bindings", path, "--runtime-run-id", "r1");
      await untilThere(join(world.workdir("r1"), "begun"));
      live.kill("SIGINT");
      expect((await live.ended).code).toBe(130);
      expect(await world.standing("r1")).toBe("stopped");
      expect(system.requests).toBe(before);
      expect(existsSync(join(world.runFolder("r1"), "operational_validity_report.json"))).toBe(false);

      writeFileSync(join(world.workdir("r1"), "go"), "");
      const resumed = await world.ask("runtime", "resume", "r1");
      expect(standing(resumed)).toEqual([0, "succeeded", "pass", null]);
      expect(rowOf(world, resumed, "slo")).toMatchObject({ value: 2 });
      expect(system.requests).toBe(before + 1);
      expect((await verify(world)).code).toBe(0);
    });
  });
});

test("a run that is named twice is judged once, and the second start says how it ended", async () => {
  await inWorld(async (world) => {
    measured.errors = 3;
    const bundle = judged(criterion("sc", atMost(5, "slo")));
    const first = await start(world, bundle, bindings, "--runtime-run-id", "r1");
    expect(standing(first)).toEqual([0, "succeeded", "pass", null]);
    const before = system.requests;
    measured.errors = 9;
    const second = await start(world, bundle, bindings, "--runtime-run-id", "r1");
    expect(system.requests).toBe(before);
    expect(rowsOf(world, first, "slo")).toMatchObject([{ value: 3 }]);
    expectError(second, "RUN_EXISTS", 5);
    expect(reportOf(world, first)).toMatchObject({ passed: true });
  });
});
