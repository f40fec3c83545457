/** The operational coupling against real files: what is whole passes, and whatever was changed is found. Source: spec reconcile Appendix B. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import fc from "fast-check";
import { prettyJson } from "../../src/json/canonical.ts";
import { fingerprint, sha256Hex } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { findingCodes } from "../../src/validation/assurance/finding.ts";
import { writeAssurance } from "../../src/validation/assurance/link.ts";
import type { KeptRun } from "../../src/validation/assurance/subject.ts";
import { attestationScheme } from "../../src/validation/report.ts";
import {
  type Assured,
  assured,
  atMost,
  codes,
  healthy,
  intentPlace,
  places,
  queried,
  runtimeRunId,
  underIntent,
  type VerifyOptions,
} from "./assured.ts";

describe("what was verified of old, as it must be", () => {
  test.each([1, 2, 7])("an untouched run of %i resources is whole", async (resources) => {
    using world = await assured({ resources });
    const found = await world.verify();
    expect(codes(found)).toEqual([]);
    expect(found).toMatchObject({
      authority: "recomputed",
      criteriaSource: "bundle",
      passed: true,
      hadReport: true,
      manifestCompared: true,
      governance: { enforcement: "blocking", source: "default" },
    });
    expect(found.validity?.attestationSha256).toBe(found.storedAttestation);
    expect(found.result).toMatchObject({
      schema_id: "akc:operational_assurance_result:v1",
      schema_version: 1,
      advisory_only: false,
      enforcement_mode: "blocking",
      findings: [],
      passed: true,
      provider_results: [],
      tenant_id: "acme",
      repo_id: "shop",
      run_id: "run-1",
      verdict: "pass",
    });
  });

  test("evidence that was edited is found, and the manifest is held to its word all the same", async () => {
    using world = await assured();
    world.edit(places.evidence, '"health_status": "healthy"', '"health_status": "failed"');
    const found = await world.verify();
    expect(codes(found)).toEqual(
      expect.arrayContaining([
        "operational.evidence_tampered",
        "operational.report_fingerprint_mismatch",
        "operational.manifest_fingerprint_mismatch",
      ]),
    );
    expect(found).toMatchObject({ passed: false, manifestCompared: true });
  });

  test("the same edit with the report taken away is found too", async () => {
    using world = await assured();
    world.edit(places.evidence, '"health_status": "healthy"', '"health_status": "failed"');
    world.remove(places.report);
    const found = await world.verify();
    expect(codes(found)).toEqual(
      expect.arrayContaining(["operational.evidence_tampered", "operational.report_missing"]),
    );
    expect(found.passed).toBe(false);
  });

  test("a report whose verdict was turned is found", async () => {
    using world = await assured();
    world.edit(places.report, '  "passed": true', '  "passed": false');
    expect(codes(await world.verify())).toEqual(
      expect.arrayContaining([
        "operational.report_passed_mismatch",
        "operational.report_pointer_sha_mismatch",
      ]),
    );
  });

  test("what was restored verifies, whatever an earlier verification wrote", async () => {
    using world = await assured();
    const good = prettyJson(world.read(places.report));
    world.edit(places.report, '  "passed": true', '  "passed": false');
    const broken = await world.verify();
    await writeAssurance(await world.subject(), broken);
    world.write(places.report, good);
    expect(codes(await world.verify())).toEqual([]);
  });

  test.each(["../../x.json", "/etc/hostname"])("evidence at %s is not looked at", async (path) => {
    using world = await assured();
    world.control({ runtime_evidence_ref: { path, sha256: "0".repeat(64) } });
    const found = await world.verify();
    expect(codes(found)).toContain("operational.path_outside");
    expect(found).toMatchObject({ passed: false, validity: { verdict: "error" } });
  });

  test("a link that leads out of the scope is not followed", async () => {
    using world = await assured();
    world.write("../../outside.json", "[]");
    symlinkSync(world.path("../../outside.json"), world.path("link.json"));
    world.control({ runtime_evidence_ref: { path: "link.json", sha256: fingerprint([]) } });
    expect(codes(await world.verify())).toContain("operational.path_outside");
  });

  test("a report that was made under another intent is found, and the scope is named", async () => {
    using world = await assured(underIntent());
    world.edit(places.report, '"intent_id": "intent-1"', '"intent_id": "intent-2"');
    const found = await world.verify();
    const mismatch = found.findings.find(({ code }) => code === "intent.report_authority_mismatch");
    expect(mismatch).toMatchObject({
      severity: "error",
      evidence: { tenant_id: "acme", repo_id: "shop", members: ["intent_id"] },
    });
    expect(mismatch?.message).toContain("acme/shop");
  });
});

describe("nothing that was changed goes unnoticed", () => {
  test("any other value anywhere in evidence, report or bundle", async () => {
    using world = await assured({ resources: 2 });
    const texts = new Map(
      [places.evidence, places.report, places.bundle].map((name) => [name, textOf(world, name)] as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts.keys()), fc.nat(), async (name, seed) => {
        const text = texts.get(name) ?? "";
        const changed = changedAt(text, seed);
        fc.pre(changed !== undefined);
        world.write(name, changed ?? "");
        expect((await world.verify()).passed).toBe(false);
        world.write(name, text);
      }),
      { numRuns: 60 },
    );
    expect((await world.verify()).passed).toBe(true);
  });

  test("bytes that mean the same are found by the digests that the state keeps", async () => {
    using world = await assured();
    const kept = keptOf(world);
    expect(codes(await world.verify({ kept }))).toEqual([]);
    world.write(places.evidence, `${textOf(world, places.evidence)}\n`);
    expect(codes(await world.verify({ kept }))).toEqual(["operational.evidence_tampered"]);
  });

  test("evidence, report and manifest that were all made anew are found by the state", async () => {
    using world = await assured({ health: "failed" });
    const kept = keptOf(world);
    world.write(places.evidence, textOf(world, places.evidence).replaceAll('"failed"', '"healthy"'));
    const evidence = fromPlain(JSON.parse(textOf(world, places.evidence)));
    const manifest = world.read(places.manifest);
    world.write(places.manifest, prettyJson({ ...manifest, runtime_evidence: evidence }));
    world.control({ runtime_evidence_ref: { path: places.evidence, sha256: fingerprint(evidence) } });
    await world.settle();
    expect(codes(await world.verify())).toEqual([]);
    expect(codes(await world.verify({ kept }))).toEqual([
      "operational.evidence_tampered",
      "operational.report_pointer_sha_mismatch",
    ]);
  });
});

describe("each finding is found", () => {
  const cases: Readonly<Record<string, (world: Assured) => VerifyOptions | undefined>> = {
    "operational.evidence_missing": (world) => void world.remove(places.evidence),
    "operational.evidence_unreadable": (world) => void world.write(places.evidence, "[{"),
    "operational.evidence_foreign": (world) => void world.edit(places.evidence, runtimeRunId, "0193-other"),
    "operational.evidence_unpinned": (world) => {
      world.control({ runtime_evidence_ref: null, operational_validity_report_ref: null });
      world.control({ operational_validity_passed: null, operational_validity_fingerprint_sha256: null });
      world.remove(places.report);
      return undefined;
    },
    "operational.bundle_unreadable": (world) => void world.remove(places.bundle),
    "operational.bundle_tampered": (world) => void world.edit(places.bundle, "stays healthy", "may die"),
    "operational.scope_mismatch": (world) =>
      void world.edit(places.bundle, '"tenant_id": "acme"', '"tenant_id": "umbrella"'),
    "operational.report_missing": (world) => void world.remove(places.report),
    "operational.report_unreadable": (world) => void world.write(places.report, "{"),
    "operational.report_foreign": (world) => {
      world.write(places.report, prettyJson({ ...world.read(places.report), runtime_run_id: "another" }));
      return undefined;
    },
    "operational.report_verdict_mismatch": (world) =>
      void world.edit(places.report, '  "verdict": "pass"\n}', '  "verdict": "fail"\n}'),
    "operational.report_content_mismatch": (world) =>
      void world.edit(places.report, '"health_status": "healthy"', '"health_status": "degraded"'),
    "operational.report_fingerprint_mismatch": (world) => {
      const report = { ...world.read(places.report), attestation_fingerprint_sha256: "1".repeat(64) };
      world.write(places.report, prettyJson(report));
      return undefined;
    },
    "operational.manifest_fingerprint_mismatch": (world) =>
      void world.control({ operational_validity_fingerprint_sha256: "2".repeat(64) }),
    "operational.manifest_passed_mismatch": (world) =>
      void world.control({ operational_validity_passed: false }),
    "operational.manifest_evidence_mismatch": (world) => {
      const manifest = world.read(places.manifest);
      world.write(places.manifest, prettyJson({ ...manifest, runtime_evidence: [{ other: true }] }));
      return undefined;
    },
    "operational.governance_invalid": (world) =>
      void world.write(places.governance, '{"governance_profile": {"verifier_enforcement": "never"}}'),
    "operational.sidecar_unreadable": (world) => void mkdirSync(world.path(places.otel)),
  };
  test.each(Object.keys(cases))("%s", async (code) => {
    using world = await assured();
    const options = cases[code]?.(world);
    const found = await world.verify(options);
    expect(codes(found)).toContain(code);
    expect(found.passed).toBe(false);
    expect(found.result["passed"]).toBe(false);
  });

  test("operational.report_missing_recomputed is a warning where nothing says that there was a report", async () => {
    using world = await assured();
    world.remove(places.report);
    world.control({
      operational_validity_report_ref: null,
      operational_validity_passed: null,
      operational_validity_fingerprint_sha256: null,
    });
    const found = await world.verify();
    expect(codes(found)).toEqual(["operational.report_missing_recomputed (warning)"]);
    expect(found).toMatchObject({ passed: true, hadReport: false, manifestCompared: false });
  });

  test("operational.report_without_criteria", async () => {
    using world = await assured({ criteria: [] });
    world.write(
      places.report,
      prettyJson(fromPlain({ tenant_id: "acme", repo_id: "shop", run_id: "run-1" })),
    );
    const found = await world.verify();
    expect(codes(found)).toEqual(["operational.report_without_criteria (warning)"]);
  });

  test("operational.verdict_failed, for criteria that are not met", async () => {
    using world = await assured({ health: "failed" });
    const found = await world.verify();
    expect(codes(found)).toEqual(["operational.verdict_failed"]);
    expect(found.findings[0]?.evidence).toMatchObject({
      success_criterion_id: "checkout-slo",
      passed: false,
    });
    expect(found).toMatchObject({ passed: false, validity: { verdict: "fail" } });
  });

  test("operational.verdict_inconclusive is no error, and no pass", async () => {
    using world = await assured({
      criteria: [atMost(1, "slo.errors")],
      rows: [queried("slo.errors", { status: "error", verdict: "inconclusive", reason: "no-data" })],
    });
    const found = await world.verify({ bindings: { "slo.errors": "promql_query" } });
    expect(codes(found)).toEqual(["operational.verdict_inconclusive (warning)"]);
    expect(found).toMatchObject({ passed: false, validity: { verdict: "inconclusive" } });
    expect(found.result["passed"]).toBe(false);
  });

  test("operational.verdict_error, where outside systems could not be asked", async () => {
    using world = await assured({
      criteria: [atMost(1, "slo.errors")],
      rows: [queried("slo.errors", { status: "error", verdict: "error", reason: "unreachable" })],
    });
    const found = await world.verify({ bindings: { "slo.errors": "promql_query" } });
    expect(codes(found)).toEqual(["operational.verdict_error"]);
    expect(found.providers).toEqual([
      expect.objectContaining({
        stubId: "slo.errors",
        provider: "promql_query",
        status: "error",
        details: expect.objectContaining({ bound: true, execution: "failed", reason: "unreachable" }),
      }),
    ]);
  });

  test("operational.criterion_invalid: a criterion whose params cannot be read is not dropped", async () => {
    using world = await assured({
      criteria: [{ ...healthy, params: { spec_version: 1, window: "single_run" } }],
    });
    const found = await world.verify();
    expect(codes(found)).toEqual(["operational.criterion_invalid"]);
    expect(found.passed).toBe(false);
  });

  test("operational.rollup_missing and operational.rollup_load_failed", async () => {
    const rolling = (id: string, path: string) => ({
      ...healthy,
      id,
      params: {
        ...(healthy["params"] as object),
        window: "rolling_ms",
        rolling_window_ms: 60_000,
        evidence_rollup_rel_path: path,
      },
    });
    using world = await assured({
      criteria: [
        rolling("a", ".akc/verification/a.operational_evidence_window.json"),
        rolling("b", ".akc/verification/b.operational_evidence_window.json"),
      ],
      files: { ".akc/verification/b.operational_evidence_window.json": "{}" },
    });
    expect(codes(await world.verify())).toEqual(
      expect.arrayContaining(["operational.rollup_missing", "operational.rollup_load_failed"]),
    );
  });

  test("operational.attachment_tampered and operational.attachment_missing", async () => {
    const path = ".akc/verification/validators/run-1/attachments/a.response.json";
    const attachments = [
      { path, media_type: "application/json", sha256: sha256Hex("{}") },
      { path: `${path}.gone`, media_type: "application/json", sha256: sha256Hex("{}") },
    ];
    using world = await assured({
      rows: [queried("a", { attachments, verdict: "pass", summary: { value: 1 } })],
      files: { [path]: "{}" },
    });
    expect(codes(await world.verify())).toEqual(["operational.attachment_missing (warning)"]);
    world.write(path, "{ }");
    expect(codes(await world.verify())).toContain("operational.attachment_tampered");
  });

  test("operational.stub_binding_missing and operational.provider_not_allowlisted", async () => {
    using world = await assured({
      criteria: [atMost(1, "slo.a", "a"), atMost(1, "slo.b", "b")],
      rows: [queried("slo.a", { verdict: "pass", value: 0, summary: { value: 0 } })],
    });
    world.write(
      places.governance,
      JSON.stringify({
        governance_profile: {
          provider_allowlist: ["logql_query"],
          escalation_thresholds: { max_errors_before_block: 5 },
        },
      }),
    );
    const found = await world.verify({ bindings: { "slo.a": "promql_query" } });
    expect(codes(found)).toEqual(
      expect.arrayContaining([
        "operational.stub_binding_missing (warning)",
        "operational.provider_not_allowlisted",
      ]),
    );
    expect(found.providers.map(({ stubId, status }) => [stubId, status])).toEqual([
      ["slo.a", "ok"],
      ["slo.b", "missing"],
    ]);
  });

  test("operational.governance_error_threshold_exceeded counts every error", async () => {
    using world = await assured();
    world.write(
      places.governance,
      JSON.stringify({ governance_profile: { escalation_thresholds: { max_errors_before_block: 1 } } }),
    );
    world.edit(places.report, '  "passed": true', '  "passed": false');
    const found = await world.verify();
    expect(codes(found).at(-1)).toBe("operational.governance_error_threshold_exceeded");
    expect(found.findings.at(-1)?.evidence).toEqual({ max_errors_before_block: 1, error_count: 2 });
  });

  test("every code says what to do next", () => {
    for (const { next } of Object.values(findingCodes)) expect(next.length).toBeGreaterThan(20);
  });
});

describe("whose word counts", () => {
  test("the intent in the store, when it is the one that the bundle names", async () => {
    using world = await assured(underIntent());
    const found = await world.verify();
    expect(codes(found)).toEqual([]);
    expect(found).toMatchObject({ criteriaSource: "intent_store", passed: true });
  });

  test("the bundle alone, and that is said, where the store has no such intent", async () => {
    using world = await assured(underIntent());
    world.remove(intentPlace);
    const found = await world.verify();
    expect(codes(found)).toEqual(["intent.store_missing (warning)"]);
    expect(found).toMatchObject({ criteriaSource: "bundle", passed: true });
  });

  test("a bundle that asks for less than its intent is found, and the intent is judged by", async () => {
    const draft = underIntent();
    const milder = { success_criteria_summary: { criteria: [{ ...healthy, id: "milder" }] } };
    using world = await assured({ ...draft, bundle: { ...draft.bundle, intent_policy_projection: milder } });
    const found = await world.verify();
    expect(codes(found)).toContain("intent.projection_mismatch");
    expect(found.criteria.map(({ id }) => id)).toEqual(["checkout-slo"]);
  });

  test.each([
    ["another hash", '"goal_statement": "ship it"', '"goal_statement": "ship that"'],
    ["another scope", '"tenant_id": "acme"', '"tenant_id": "umbrella"'],
    ["no JSON", "{", ""],
  ])("an intent of %s is no authority", async (_, from, to) => {
    using world = await assured(underIntent());
    world.edit(intentPlace, from, to);
    const found = await world.verify();
    expect(codes(found)).toContain("intent.authority_invalid");
    expect(found.passed).toBe(false);
  });
});

describe("governance", () => {
  test.each([
    [{ rollout_stage: "observe" }, "advisory"],
    [{ rollout_stage: "observe", governance_profile: { verifier_enforcement: "blocking" } }, "blocking"],
    [{ rollout_stage: "enforce" }, "blocking"],
    [{ governance_profile: { verifier_enforcement: "advisory" } }, "advisory"],
    [{ governance_profile: { verifier_enforcement: "sometimes" }, rollout_stage: "observe" }, "blocking"],
    [{ governance_profile: [] }, "blocking"],
  ])("%j is %s", async (policyBundle, enforcement) => {
    using world = await assured({ health: "failed" });
    world.write(places.governance, JSON.stringify(policyBundle));
    const found = await world.verify();
    expect(found.governance.enforcement).toBe(enforcement === "advisory" ? "advisory" : "blocking");
    expect(found.passed).toBe(false);
    expect(found.result).toMatchObject({ passed: false, advisory_only: enforcement === "advisory" });
  });
});

describe("a bundle without criteria", () => {
  test("has no authority to be judged by, and passes", async () => {
    using world = await assured({ criteria: [] });
    const found = await world.verify();
    expect(codes(found)).toEqual([]);
    expect(found).toMatchObject({ authority: "none", passed: true, hadReport: false });
    expect(found.validity).toBeUndefined();
    expect(found.result).toMatchObject({ verdict: "none", authority: "none", passed: true });
  });

  test("is held to its evidence all the same", async () => {
    using world = await assured({ criteria: [] });
    world.edit(places.evidence, "healthy", "failed");
    expect(codes(await world.verify())).toContain("operational.evidence_tampered");
  });
});

describe("the manifest", () => {
  test("keeps every key and gets the links", async () => {
    using world = await assured();
    world.write(".akc/control/governance_profile.resolved.json", "{}\n");
    const found = await world.verify();
    await writeAssurance(await world.subject(), found);
    const text = textOf(world, places.assurance);
    expect(world.read(places.manifest)).toMatchObject({
      key_of_tomorrow: { kept: 1.5 },
      control_plane: {
        operational_assurance_ref: { path: places.assurance, sha256: sha256Hex(text) },
        operational_assurance_passed: true,
        operational_assurance_enforcement_mode: "blocking",
        governance_profile_ref: {
          path: ".akc/control/governance_profile.resolved.json",
          sha256: sha256Hex("{}\n"),
        },
        operational_validity_passed: true,
      },
    });
    expect(codes(await world.verify())).toEqual([]);
  });

  test.each([
    ["of another tenant", '"tenant_id": "acme"', '"tenant_id": "umbrella"', "MANIFEST_INVALID"],
    ["of another run", '"run_id": "run-1"', '"run_id": "run-2"', "MANIFEST_INVALID"],
    ["that is no JSON", "{", "", "MANIFEST_INVALID"],
  ])("%s is refused", async (_, from, to, code) => {
    using world = await assured();
    world.edit(places.manifest, from, to);
    expect(world.verify()).rejects.toMatchObject({ code });
  });

  test("that names no run has no evidence to judge by", async () => {
    using world = await assured();
    world.control({
      runtime_run_id: null,
      runtime_evidence_ref: null,
      operational_validity_report_ref: null,
    });
    const found = await world.verify();
    expect(codes(found)).toContain("operational.evidence_missing");
    expect(found).toMatchObject({ passed: false, validity: { verdict: "error" } });
  });
});

test.skipIf(process.getuid?.() === 0)("a file without permission is an error", async () => {
  using world = await assured();
  chmodSync(world.path(places.evidence), 0o000);
  expect(codes(await world.verify())).toContain("operational.evidence_unreadable");
});

test("an attestation of the old runtime that differs blocks, unless its artifacts are asked for", async () => {
  using world = await assured();
  const { attestation_scheme: scheme, ...old } = world.read(places.report);
  expect(scheme).toBe(attestationScheme);
  const report = { ...old, attestation_fingerprint_sha256: "1".repeat(64) };
  world.write(places.report, prettyJson(report));
  world.control({ operational_validity_report_ref: { path: places.report, sha256: fingerprint(report) } });
  expect(codes(await world.verify())).toEqual(["operational.report_fingerprint_mismatch"]);
  expect(codes(await world.verify({ mode: "relaxed" }))).toEqual([
    "operational.report_fingerprint_mismatch (warning)",
  ]);
});

test("an advisory criterion that is not met is told, and blocks nothing", async () => {
  using world = await assured({ health: "failed", criteria: [{ ...healthy, advisory: true }] });
  const found = await world.verify();
  expect(codes(found)).toEqual(["operational.verdict_failed (warning)"]);
  expect(found.passed).toBe(true);
});

test("judging twice gives the same report but for its time", async () => {
  using world = await assured({ resources: 3 });
  const [one, other] = [await world.judge(), await world.judge()];
  expect(one?.report).toEqual(other?.report ?? {});
  expect(one?.report).toEqual(world.read(places.report));
});

test("judging without evidence is an error for every criterion, and still a report", async () => {
  using world = await assured();
  world.remove(places.evidence);
  const judged = await world.judge();
  expect(judged?.validity).toMatchObject({ verdict: "error", passed: false });
  expect(judged?.report).toMatchObject({ verdict: "error", passed: false });
  expect(judged?.report["runtime_evidence_ref"]).toBeUndefined();
});

function keptOf(world: Assured): KeptRun {
  return {
    runtimeRunId,
    bundlePath: world.path(places.bundle),
    bundleSha256: fingerprint(world.read(places.bundle)),
    sealed: new Map([
      ["runtime_evidence.json", sha256Hex(textOf(world, places.evidence))],
      ["operational_validity_report.json", sha256Hex(textOf(world, places.report))],
    ]),
  };
}

function textOf(world: Assured, name: string): string {
  return readFileSync(world.path(name), "utf8");
}

/** The text with one letter or digit of some value changed; undefined where that is no other JSON value. */
function changedAt(text: string, seed: number): string | undefined {
  const at = seed % text.length;
  const char = text[at] ?? "";
  if (!/[a-z0-9]/.test(char)) return undefined;
  const other = /[0-9]/.test(char) ? String((Number(char) + 1) % 10) : char === "z" ? "a" : "z";
  const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
  try {
    return Bun.deepEquals(JSON.parse(text), JSON.parse(changed)) ? undefined : changed;
  } catch {
    return changed;
  }
}
