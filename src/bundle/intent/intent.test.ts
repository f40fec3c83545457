import { describe, expect, test } from "bun:test";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { type LoadOptions, loadBundle } from "../load.ts";
import { bundleDocument, json, memorySource } from "../source.fixture.ts";
import { goalFingerprint, parseIntent, semanticFingerprint, stableIntentSha256 } from "./document.ts";
import { intentProjection } from "./projection.ts";

function intentDocument(members: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    intent_id: "intent-1",
    tenant_id: "tenant-a",
    repo_id: "repo-a",
    spec_version: 1,
    status: "active",
    goal_statement: " Ship the billing service ",
    objectives: [{ id: "o1", priority: 0, statement: "Bill customers", target: null }],
    constraints: [{ id: "c1", kind: "hard", statement: "No PII in logs" }],
    policies: [
      {
        id: "policy.checkout.guard",
        source: "ops",
        requirement: "guarded",
        metadata: { runtime_deny_actions: ["runtime.action.execute.http"] },
      },
    ],
    success_criteria: [
      {
        id: "sc2",
        evaluation_mode: "metric_threshold",
        description: "p99 < 200ms",
        params: { otel_query_stub: "p99_latency" },
      },
      { id: "sc1", evaluation_mode: "tests", description: "unit tests pass" },
    ],
    operating_bounds: { max_seconds: 90, max_steps: 5, allow_network: true },
    created_at_ms: 1700000000000,
    updated_at_ms: 1700000000001,
    unknown: 1,
    ...members,
  };
}

const parsed = (members: Record<string, unknown> = {}) => parseIntent(json(intentDocument(members)));

test("fingerprints and projection are those of the reference", () => {
  const intent = parsed();
  expect(stableIntentSha256(intent)).toBe("bf7c3bb5603e7c160abfda41c7b690b70829f09e63917c56efa0eb35eeba2921");
  expect(semanticFingerprint(intent)).toBe("fb91e5a4beb1c60d");
  expect(goalFingerprint(intent)).toBe("38c51e7ddddb55a5");
  expect(fingerprint(intentProjection(intent))).toBe(
    "6e598dd0af15649b29eb0452db95d0c4d3bb0739a66c3db11d75942ebe74f605",
  );
});

test("an intent without a goal text has no fingerprint of one", () => {
  expect(goalFingerprint(parsed({ goal_statement: null }))).toBe("");
});

test("an intent that breaks a rule is refused with every issue", () => {
  try {
    parsed({
      spec_version: 2,
      status: "asleep",
      objectives: [{ id: "o" }, { id: "o", priority: -1, statement: "x" }],
      operating_bounds: { max_seconds: 0 },
      quality_contract: {},
    });
    throw new Error("accepted");
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    expect(error.code).toBe("INTENT_INVALID");
    expect(error.issues.map((issue) => issue.path)).toEqual([
      "",
      "/objectives/0/priority",
      "/objectives/0/statement",
      "/objectives/1/id",
      "/objectives/1/priority",
      "/operating_bounds/max_seconds",
      "/quality_contract/domain_knowledge",
      "/quality_contract/engineering_discipline",
      "/quality_contract/instincts",
      "/quality_contract/judgment",
      "/quality_contract/taste",
      "/quality_contract/user_empathy",
      "/status",
    ]);
  }
  expect(() => parsed({ goal_statement: " ", objectives: [], constraints: null })).toThrow();
});

describe("observability in the projection", () => {
  const observability = (...criteria: readonly Record<string, unknown>[]) => {
    const success_criteria = criteria.map((criterion, index) => ({
      id: `c${index}`,
      description: "d",
      ...criterion,
    }));
    return JSON.parse(JSON.stringify(toPlain(intentProjection(parsed({ success_criteria })))))
      .success_criteria_summary.observability;
  };
  const sound = { spec_version: 1, window: "single_run", predicate_kind: "presence" };
  const operational = (params: object) =>
    observability({ evaluation_mode: "operational_spec", params: { ...sound, ...params } });
  const signal = { evidence_type: "terminal_health", payload_path: "health_status" };

  test("names the bindings of operational criteria, sorted", () => {
    const signals = [
      { ...signal, validator_stub: "zeta" },
      { ...signal, otel_query_stub: "alpha" },
      { ...signal, validator_stub: "zeta", otel_query_stub: "zeta" },
    ];
    expect(operational({ signals })).toEqual({
      otel_query_stubs: ["alpha", "zeta"],
      intent_trace_tags: ["intent.oteld_stub:alpha", "intent.oteld_stub:zeta"],
    });
  });

  test("says nothing for parameters that break a rule", () => {
    const signals = [{ ...signal, otel_query_stub: "x" }];
    expect(operational({ signals })).toBeDefined();
    for (const params of [
      {},
      { signals, unknown: 1 },
      { signals: [{ ...signal, otel_query_stub: "x", validator_stub: "y" }] },
      { signals: [{ ...signal, otel_query_stub: "x y" }] },
      { signals: [{ otel_query_stub: "x", evidence_type: "t", payload_path: "http://x" }] },
      { signals, predicate_kind: "threshold" },
      { signals, threshold: 1 },
      { signals, window: "rolling_ms" },
      { signals, window: "rolling_ms", rolling_window_ms: 1, evidence_rollup_rel_path: "../x" },
      { signals, spec_version: 0 },
      { signals, window: undefined },
      { signals, min_samples: 1 },
      { signals, otel_metric_signals: [{ name: "http_5xx" }] },
    ]) {
      expect(operational(params)).toBeUndefined();
    }
    const rolling = {
      window: "rolling_ms",
      rolling_window_ms: 1,
      evidence_rollup_rel_path: ".akc/verification/r.json",
    };
    expect(operational({ signals, ...rolling })).toBeDefined();
    expect(
      operational({ signals, predicate_kind: "threshold", threshold: 1, threshold_comparator: "gte" }),
    ).toBeDefined();
    expect(
      observability({ evaluation_mode: "metric_threshold", params: { otel_query_stub: "a b" } }),
    ).toBeUndefined();
  });
});

describe("strict authority", () => {
  const at = ".akc/intent/acme/shop/intent-1.json";
  const stored = intentDocument({ tenant_id: "acme", repo_id: "shop" });
  const intent = parseIntent(json(stored));
  const ref = {
    intent_id: "intent-1",
    stable_intent_sha256: stableIntentSha256(intent),
    semantic_fingerprint: semanticFingerprint(intent),
    goal_text_fingerprint: goalFingerprint(intent),
  };
  const projection = intentProjection(intent);

  /** The bundle's text keeps floats as floats, so the projection is put in after it was written. */
  async function load(
    members: Record<string, unknown>,
    files: Record<string, unknown>,
    options: Partial<LoadOptions> = {},
  ) {
    const source = memorySource(bundleDocument(members), files);
    return loadBundle(source, { mode: "enforce", ...options });
  }
  const sound = { intent_ref: ref, intent_policy_projection: projection };

  async function reason(attempt: Promise<unknown>): Promise<unknown> {
    const error = await attempt.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    return error instanceof AkcError && error.code === "INTENT_INVALID" ? error.details["reason"] : error;
  }

  test("uses the recomputed projection of an intent that is what the bundle says", async () => {
    const bundle = await load(sound, { [at]: stored }, { strictIntentAuthority: true });
    expect(bundle.intentAuthorityStrict).toBe(true);
    expect(bundle.metadata["intent_authority_strict_applied"]).toBe(true);
    expect(fingerprint(bundle.intentProjection)).toBe(fingerprint(projection));
  });

  test("refuses, each with its reason", async () => {
    const strict = { strictIntentAuthority: true };
    const other = { ...ref, stable_intent_sha256: "a".repeat(64) };
    expect(await reason(load({}, {}, strict))).toBe("INTENT_REF_MISSING");
    expect(await reason(load(sound, {}, strict))).toBe("INTENT_NOT_FOUND");
    expect(await reason(load({ ...sound, intent_ref: other }, { [at]: stored }, strict))).toBe(
      "INTENT_HASH_MISMATCH",
    );
    const changed = intentDocument({ tenant_id: "acme", repo_id: "shop", title: "other" });
    expect(await reason(load(sound, { [at]: changed }, strict))).toBe("INTENT_HASH_MISMATCH");
    const foreign = intentDocument({ tenant_id: "other", repo_id: "shop" });
    expect(await reason(load(sound, { [at]: foreign }, strict))).toBe("INTENT_STORE_READ");
    expect(await reason(load(sound, { [at]: { nothing: 1 } }, strict))).toBe("INTENT_STORE_READ");
    const narrowed = { ...sound, intent_policy_projection: { policies: [] } };
    expect(await reason(load(narrowed, { [at]: stored }, strict))).toBe("INTENT_PROJECTION_MISMATCH");
  });

  test("is on when the bundle wishes it or the repository has an intent store, and off only by the operator", async () => {
    const envelope = (intent_authority_strict: boolean) => ({
      runtime_policy_envelope: { intent_authority_strict },
    });
    const lying = { intent_ref: ref, intent_policy_projection: {} };
    expect((await load(lying, {})).intentAuthorityStrict).toBe(false);
    expect(await reason(load({ ...lying, ...envelope(true) }, {}))).toBe("INTENT_NOT_FOUND");
    expect(await reason(load({ ...lying, ...envelope(false) }, { [at]: stored }))).toBe(
      "INTENT_PROJECTION_MISMATCH",
    );
    const active = { ".akc/intent/acme/shop/active.json": { intent_id: "intent-1" } };
    expect(await reason(load({}, active))).toBe("INTENT_REF_MISSING");
    const off = { strictIntentAuthority: false };
    expect((await load({ ...lying, ...envelope(true) }, { [at]: stored }, off)).intentAuthorityStrict).toBe(
      false,
    );
  });
});

test("numbers that are floats in an intent stay floats whatever the file says", () => {
  const text = (seconds: string) =>
    JSON.stringify(intentDocument()).replace('"max_seconds":90', `"max_seconds":${seconds}`);
  const sha = (seconds: string) => stableIntentSha256(parseIntent(parseJson(text(seconds))));
  expect(sha("90")).toBe(sha("90.0"));
  expect(sha("90")).not.toBe(sha("90.5"));
});
