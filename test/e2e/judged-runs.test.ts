/** The story of runs that are judged by a real Prometheus, which scrapes a service that breaks and is mended. From the built binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PrometheusHost } from "../env/prometheus.ts";
import { runId } from "./bundle.ts";
import {
  answered,
  atMost,
  checks,
  compiled,
  criterion,
  failures,
  findings,
  idOf,
  judged,
  promql,
  readJson,
  registry,
  reportOf,
  rowOf,
  standing,
  start,
  verify,
} from "./judged.ts";
import { inWorld, until, type World } from "./world.ts";

setDefaultTimeout(60_000);

/** The service: what it counts is what a test says. */
const service = { errors: 0 };
const target = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: () => new Response(`errors_now ${service.errors}\n`),
});
const found = await PrometheusHost.up(target.port ?? 0);
afterAll(async () => {
  await found?.down();
  await target.stop(true);
});

const metrics = () => `${found?.url}/api/v1/query`;

/** Until Prometheus has scraped what the service now says. */
async function scraped(errors: number): Promise<void> {
  service.errors = errors;
  await until(`Prometheus saw ${errors}`, async () => {
    const answer = await fetch(`${metrics()}?query=errors_now`);
    return JSON.stringify(await answer.json()).includes(`,"${errors}"]`);
  });
}

const errors = () => promql(metrics(), "errors_now");
const criteria = [
  criterion("answered", answered("slo.errors")),
  criterion("errors", atMost(5, "slo.errors")),
];

describe.skipIf(found === undefined)("judged by a real Prometheus", () => {
  // Targets are discovered some seconds after the start.
  beforeAll(() => scraped(1));

  test("a run that meets its criteria ends well, and every place tells the same of it", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const run = await start(world, judged(...criteria), { "slo.errors": errors() });
      expect(standing(run)).toEqual([0, "succeeded", "pass", null]);
      expect(run.report["adapter_id"]).toBe("local_depth");
      const report = reportOf(world, run);
      expect(report).toMatchObject({ passed: true, verdict: "pass", runtime_run_id: idOf(run) });
      expect(checks(report)).toEqual([
        "presence_signal:akc_observability_query_result:status pass",
        "threshold_signal:akc_observability_query_result:summary.value pass",
      ]);
      const latest = `.akc/verification/${runId}.operational_validity_report.json`;
      expect(readJson(join(world.scope, latest))).toEqual(report);

      const attestation = report["attestation_fingerprint_sha256"];
      expect(readJson(join(world.runFolder(idOf(run)), "runtime_run.json"))).toMatchObject({
        operational_validity_passed: true,
        operational_validity_verdict: "pass",
        operational_validity_fingerprint_sha256: attestation,
      });
      const manifest = readJson(join(world.scope, `.akc/run/${runId}.manifest.json`));
      expect(manifest["control_plane"]).toMatchObject({
        operational_validity_passed: true,
        operational_validity_fingerprint_sha256: attestation,
        operational_validity_report_ref: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
      const told = world.events(idOf(run)).filter(({ type }) => /validation|validity/.test(type));
      expect(told.map(({ type }) => type)).toEqual([
        "runtime.validation.observed",
        "runtime.operational_validity.attested",
      ]);
      expect(told[1]?.payload).toMatchObject({ passed: true, attestation_fingerprint_sha256: attestation });
      expect(rowOf(world, run, "slo.errors")).toMatchObject({
        status: "ok",
        verdict: "pass",
        value: 1,
        summary: { value: 1 },
        success_criterion_ids: ["answered", "errors"],
        validator: { id: "promql", plugin: "akc/observability" },
      });
    });
  });

  test("a broken service fails the run with words that say why; mended and asked again, it holds", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      await scraped(9);
      const run = await start(world, judged(...criteria), { "slo.errors": errors() });
      expect(standing(run)).toEqual([1, "failed", "fail", "VALIDITY_FAILED"]);
      expect(run.report["last_error"]).toBe("operational criteria not met: errors (fail)");
      expect(failures(run)).toEqual([expect.stringMatching(/^errors .*9 is not lte 5$/)]);
      expect(run.stderr).toMatch(/errors \(fail\) \[VALIDITY_FAILED\]\nhint: /);
      expect(await world.standing(idOf(run))).toBe("failed");
      expect(findings(await verify(world))).toContain("error operational.verdict_failed");
      await holds(world, idOf(run));

      await scraped(2);
      const again = await verify(world, "--execute-validators");
      expect([again.code, again.report["verdict"], findings(again)]).toEqual([0, "pass", []]);
      expect(rowOf(world, run, "slo.errors")).toMatchObject({ verdict: "pass", value: 2 });
      await holds(world, idOf(run));
    });
  });

  test("no data leaves the run as it ended, and nobody takes it for judged", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const run = await start(world, judged(...criteria), {
        "slo.errors": promql(metrics(), "errors_nobody_counts"),
      });
      expect(standing(run)).toEqual([4, "succeeded", "inconclusive", null]);
      expect(run.stderr).toContain("[VALIDITY_INCONCLUSIVE]");
      expect(rowOf(world, run, "slo.errors")).toMatchObject({ verdict: "inconclusive", reason: "no-data" });
      expect(readJson(join(world.runFolder(idOf(run)), "runtime_run.json"))).toMatchObject({
        outcome: "succeeded",
        operational_validity_passed: false,
      });
      expect((await verify(world)).code).toBe(4);
    });
  });

  test("what only advises, or is tried out, fails nothing and is told", async () => {
    await inWorld(async (world) => {
      await scraped(9);
      const bindings = { slo: errors(), tried: { ...errors(), dry_run: true } };
      const run = await start(
        world,
        judged(
          criterion("advisory", atMost(5, "slo"), { advisory: true }),
          criterion("binding", atMost(5, "tried")),
          criterion("counts", atMost(100, "slo")),
          criterion("dry", atMost(5, "slo", { dry_run: true })),
        ),
        bindings,
      );
      expect(standing(run)).toEqual([0, "succeeded", "pass", null]);
      expect(failures(run)).toEqual([
        expect.stringMatching(/^advisory .*9 is not lte 5 \(only advises\)$/),
        expect.stringMatching(/^dry .*9 is not lte 5 \(only advises\)$/),
      ]);
      const results = reportOf(world, run)["criterion_results"];
      expect(results).toMatchObject([
        { success_criterion_id: "advisory", verdict: "fail", advisory: true },
        { success_criterion_id: "binding", verdict: "pass" },
        { success_criterion_id: "counts", verdict: "pass" },
        { success_criterion_id: "dry", verdict: "fail", dry_run: true },
      ]);
      expect(rowOf(world, run, "tried")).toMatchObject({ dry_run: true, value: 9 });
    });
  });

  test("evidence of which one byte was changed is found out, and proves nothing", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      await scraped(3);
      const run = await start(world, judged(...criteria), { "slo.errors": errors() });
      const flags = ["--validator-bindings", join(world.side, "bindings.json")];
      expect(await verify(world, ...flags)).toMatchObject({ code: 0, report: { passed: true } });
      const evidence = join(world.runFolder(idOf(run)), "runtime_evidence.json");
      const text = readFileSync(evidence, "utf8");
      writeFileSync(evidence, text.replace('"value": 3,', '"value": 4,'));
      const tampered = await verify(world, ...flags);
      expect(tampered.code).toBe(2);
      expect(findings(tampered)).toContain("error operational.evidence_tampered");
      writeFileSync(evidence, text);
      const attached = rowOf(world, run, "slo.errors")["attachments"];
      const [{ path }] = JSON.parse(JSON.stringify(attached));
      const answer = readFileSync(join(world.scope, path), "utf8");
      writeFileSync(join(world.scope, path), answer.replace('"3"', '"4"'));
      expect(findings(await verify(world, ...flags))).toEqual(["error operational.attachment_tampered"]);
      writeFileSync(join(world.scope, path), answer);
      expect(await verify(world, ...flags)).toMatchObject({ code: 0, report: { findings: [] } });
    });
  });

  test("an archive of a judged run tells the same elsewhere, and so does the whole tree", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const run = await start(world, judged(...criteria), { "slo.errors": errors() });
      const archive = join(world.side, "run.akcrun");
      expect((await world.ask("runtime", "export", idOf(run), "--to", archive)).code).toBe(0);
      cpSync(world.root, join(world.side, "elsewhere"), { recursive: true });
      await inWorld(async (other) => {
        const there = join(other.side, "run.akcrun");
        cpSync(archive, there);
        for (const command of [
          ["runtime", "verify", "--rebuild"],
          ["validate", "replay"],
        ]) {
          const ran = await other.akc([...command, "--archive", there, "-o", "json"]);
          expect({ command, code: ran.code, stderr: ran.stderr }).toEqual({ command, code: 0, stderr: "" });
        }
        cpSync(join(world.side, "elsewhere"), other.root, { recursive: true });
        await holds(other, idOf(run));
        const bindings = await registry(other, { "slo.errors": errors() });
        const verified = await verify(other, "--validator-bindings", bindings);
        expect([verified.code, findings(verified)]).toEqual([0, []]);
      });
    });
  });

  // The last one: afterwards there is no Prometheus.
  test("a Prometheus that is gone is asked again and then an error; what it said before is judged again without it", async () => {
    await inWorld(async (world) => {
      await compiled(world);
      const before = await start(world, judged(...criteria), { "slo.errors": errors() });
      expect(standing(before)).toEqual([0, "succeeded", "pass", null]);
      await found?.halt();
      const again = await world.ask("validate", "replay", idOf(before));
      expect(again).toMatchObject({ code: 0, report: { same: 1, items: [{ outcome: "same" }] } });

      const run = await start(world, judged(...criteria), { "slo.errors": { ...errors(), tries: 3 } });
      expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
      const row = rowOf(world, run, "slo.errors");
      expect(row).toMatchObject({ status: "error", verdict: "error", reason: "unreachable" });
      expect(row["attempts"]).toHaveLength(3);
      expect(failures(run)).toHaveLength(2);
      await holds(world, idOf(run));
      expect((await verify(world)).code).toBe(2);
    });
  });
});

/** The history of a run is whole, its files are what it says, and its verdicts follow from what was seen. */
async function holds(world: World, id: string): Promise<void> {
  for (const command of [
    ["runtime", "verify", id, "--rebuild"],
    ["runtime", "replay", id, "--mode", "runtime_replay"],
    ["validate", "replay", id],
  ]) {
    const ran = await world.ask(...command);
    expect({ command, code: ran.code, stderr: ran.stderr }).toEqual({ command, code: 0, stderr: "" });
  }
}
