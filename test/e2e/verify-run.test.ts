/** `akc verify` about runs that the binary made: what they left holds, and whatever is changed afterwards is found. */
import { expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleBuilder, bundle, exec, type Json, runId } from "./bundle.ts";
import { inWorld, type World } from "./world.ts";

const criterion = (expected: readonly string[]): Json => ({
  id: "checkout-slo",
  evaluation_mode: "operational_spec",
  params: {
    spec_version: 1,
    window: "single_run",
    predicate_kind: "presence",
    expected_evidence_types: expected,
    signals: [{ evidence_type: "terminal_health", payload_path: "health_status" }],
  },
  summary: "the run says how it ended",
});

const intent = (id: string): Json => ({ node_id: id, kind: "service", name: id, depends_on: [] });

function judgedBy(...criteria: readonly Json[]): BundleBuilder {
  const summary = { count: criteria.length, evaluation_modes: ["operational_spec"], criteria };
  return bundle()
    .step("work", exec(["true"]))
    .with({ intent_policy_projection: { success_criteria_summary: summary } });
}

const healthy = judgedBy(criterion(["action_decision"]));

const manifest = JSON.stringify({
  schema_kind: "run_manifest",
  manifest_version: 1,
  ...{ tenant_id: "acme", repo_id: "shop", run_id: runId },
  control_plane: {},
});
const manifestPath = `.akc/run/${runId}.manifest.json`;

function verify(world: World, ...flags: readonly string[]) {
  return world.ask("verify", "--tenant-id", "acme", "--repo-id", "shop", ...flags);
}

function codesOf(report: Json): readonly string[] {
  const findings = report["findings"];
  return Array.isArray(findings) ? findings.map(({ code }: Json) => String(code)) : [];
}

test("what a run left is whole, with a manifest and without one", async () => {
  await inWorld(async (world) => {
    for (const linked of [false, true]) {
      if (linked) await world.write(manifestPath, manifest);
      const started = await world.start(healthy);
      expect(started.code).toBe(0);
      const id = String(started.report["runtime_run_id"]);
      const flags = linked ? [] : ["--runtime-run-id", id.slice(0, 13)];
      const found = await verify(world, ...flags);
      expect(codesOf(found.report)).toEqual([]);
      expect(found).toMatchObject({
        code: 0,
        report: {
          runtime_run_id: id,
          authority: "recomputed",
          verdict: "pass",
          passed: true,
          report_present: true,
          manifest_path: linked ? manifestPath : null,
          strict_manifest_consistency: linked ? "checked" : "skipped",
        },
      });
    }
  });
}, 60_000);

test("more than one resource does not break the attestation", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    const deploying = judgedBy(criterion(["reconcile_outcome"])).with({
      deployment_intents: [intent("svc-a"), intent("svc-b"), intent("svc-c")],
    });
    await world.start(deploying);
    const found = await verify(world);
    expect(codesOf(found.report).filter((code) => code.endsWith("_mismatch"))).toEqual([]);
    expect(found.report["recomputed_attestation_sha256"]).toBe(found.report["stored_attestation_sha256"]);
  });
}, 60_000);

test("a run that does not meet its criteria is found to have failed, and its report is true", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    await world.start(judgedBy(criterion(["convergence_certificate"])));
    const found = await verify(world);
    expect(found.report).toMatchObject({ passed: false, report_present: true });
    expect(found.code).not.toBe(0);
    expect(codesOf(found.report).filter((code) => code.endsWith("_mismatch"))).toEqual([]);
  });
}, 60_000);

test("every file that is changed or taken away is found, and restoring it mends that", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    const started = await world.start(healthy);
    const folder = world.runFolder(String(started.report["runtime_run_id"]));
    const files = [
      [
        join(folder, "runtime_evidence.json"),
        "operational.evidence_tampered",
        "operational.evidence_missing",
      ],
      [
        join(folder, "operational_validity_report.json"),
        "operational.report_pointer_sha_mismatch",
        "operational.report_missing",
      ],
      [
        join(world.scope, `.akc/runtime/${runId}.runtime_bundle.json`),
        "operational.bundle_tampered",
        "operational.bundle_unreadable",
      ],
    ] as const;
    for (const [path, tampered, missing] of files) {
      const good = readFileSync(path, "utf8");
      writeFileSync(path, good.replace(/"(a)/, '"z$1'));
      const changed = await verify(world);
      expect({ path, codes: codesOf(changed.report), code: changed.code }).toEqual({
        path,
        codes: expect.arrayContaining([tampered]),
        code: 2,
      });
      rmSync(path);
      const gone = await verify(world);
      expect({ path, codes: codesOf(gone.report), code: gone.code }).toEqual({
        path,
        codes: expect.arrayContaining([missing]),
        code: 2,
      });
      writeFileSync(path, good);
      expect((await verify(world)).code).toBe(0);
    }
  });
}, 120_000);

test("an earlier run of the same compile run is verified by its own files", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    const first = await world.start(healthy);
    const second = await world.start(healthy);
    const found = await verify(world, "--runtime-run-id", String(first.report["runtime_run_id"]));
    expect(codesOf(found.report)).toEqual([]);
    expect(found).toMatchObject({ code: 0, report: { manifest_path: null } });
    expect((await verify(world)).report["runtime_run_id"]).toBe(second.report["runtime_run_id"]);
  });
}, 60_000);

test("a run without criteria passes, and it is said that nothing was judged", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    await world.start(bundle().step("work", exec(["true"])));
    expect(await verify(world)).toMatchObject({ code: 0, report: { authority: "none", verdict: "none" } });
  });
}, 60_000);

test("a damaged state is no reason to believe the files", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    await world.start(healthy);
    const state = join(world.scope, ".akc/runtime/state.sqlite3");
    const good = readFileSync(state);
    for (const suffix of ["-wal", "-shm"]) rmSync(`${state}${suffix}`, { force: true });
    writeFileSync(state, "nothing of a database, and long enough to be read as one".repeat(100));
    const found = await verify(world);
    expect(found.code).toBe(2);
    expect(codesOf(found.report)).toContain("operational.state_unreadable");
    writeFileSync(state, good);
  });
}, 60_000);

const fewErrors: Json = {
  id: "errors",
  evaluation_mode: "operational_spec",
  params: {
    spec_version: 1,
    window: "single_run",
    predicate_kind: "threshold",
    threshold: 1,
    threshold_comparator: "lte",
    signals: [
      {
        evidence_type: "akc_observability_query_result",
        payload_path: "summary.value",
        validator_stub: "slo.errors",
      },
    ],
  },
  summary: "few errors",
};

test("--execute-validators asks again, and the run is judged by what is said now", async () => {
  await inWorld(async (world) => {
    let errors = 5;
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ errors }) });
    try {
      await world.write(manifestPath, manifest);
      const url = `http://127.0.0.1:${server.port}/errors`;
      const registry = join(world.side, "bindings.yaml");
      writeFileSync(
        registry,
        `bindings:\n  slo.errors: {kind: http_json, url: "${url}", pointer: /errors}\n`,
      );
      await world.start(judgedBy(fewErrors));
      const ask = ["--execute-validators", "--validator-bindings", "bindings.yaml"];
      const failed = await verify(world, ...ask);
      expect({ ...failed.report, stderr: failed.stderr }).toMatchObject({ verdict: "fail", passed: false });
      expect(codesOf(failed.report)).toEqual(["operational.verdict_failed"]);
      expect(failed.code).toBe(2);
      errors = 0;
      const passed = await verify(world, ...ask);
      expect(codesOf(passed.report)).toEqual([]);
      expect(passed).toMatchObject({
        code: 0,
        report: {
          verdict: "pass",
          provider_results: [{ stub_id: "slo.errors", provider: "http_json", status: "ok" }],
        },
      });
      server.stop(true);
      const gone = await verify(world, ...ask);
      expect(codesOf(gone.report)).toEqual(["operational.verdict_error"]);
      expect(gone).toMatchObject({ code: 2, report: { verdict: "error", passed: false } });
    } finally {
      server.stop(true);
    }
  });
}, 60_000);

test("--execute-validators without a run is refused", async () => {
  await inWorld(async (world) => {
    await world.write(manifestPath, manifest);
    const found = await verify(world, "--execute-validators");
    expect(found).toMatchObject({ code: 2, report: { kind: "Error", code: "USAGE" } });
  });
});
