/**
 * What operational criteria guarantee: only what is known to hold passes, and every criterion has a verdict.
 */
import { describe, expect, test } from "bun:test";
import { evaluate, evaluateCriterion } from "../../src/validation/operational-spec/evaluate.ts";
import type { Rollup } from "../../src/validation/operational-spec/model.ts";
import { numericValue } from "../../src/validation/operational-spec/number.ts";
import {
  captureType,
  checkOf,
  criterion,
  inputs,
  journeyType,
  judged,
  presence,
  query,
  querySignal,
  row,
  soundRun,
  threshold,
  told,
} from "./operational-spec-world.ts";

const onStatus = { ...presence, signals: [querySignal("status")] };
const onValue = (comparator: "gte" | "lte" | "eq", bound: number) => ({
  ...threshold(comparator, bound),
  signals: [querySignal("summary.value")],
});

describe("a signal never passes on a record that is no success", () => {
  test("and passes on one that is", () => {
    expect(judged(onStatus, [query()]).verdict).toBe("pass");
    expect(judged(onValue("eq", 7), [query()]).verdict).toBe("pass");
    expect(told(judged(onValue("lte", 6), [query()]), "threshold_signal:")).toBe("fail/threshold");
  });

  test.each([
    [{ status: "error", verdict: "error", reason: "unreachable" }, "error/unreachable"],
    [{ status: "error", verdict: "inconclusive", reason: "ambiguous" }, "inconclusive/ambiguous"],
    [{ status: "ok", verdict: "inconclusive", reason: "stale" }, "inconclusive/stale"],
    [{ status: "ok", verdict: "fail", reason: "threshold" }, "fail/threshold"],
    [{ status: "ok", verdict: "perhaps" }, "error/malformed"],
    [{ status: "error", verdict: "pass" }, "error/error"],
    [{ status: "fine", verdict: "pass" }, "error/malformed"],
    [{ status: null, verdict: "pass" }, "error/malformed"],
    // As the old runtime wrote them: HTTP 500, a missing binding, a blocked one.
    [{ status: "error", verdict: null, summary: { error: "HTTP 500" } }, "error/error"],
    [{ status: "error", verdict: null, summary: { error: "validator binding missing" } }, "error/error"],
    [{ status: "blocked", verdict: null }, "error/blocked"],
  ] as const)("%j is %s", (payload, expected) => {
    const rows = [query({ summary: { value: 7 }, ...payload })];
    expect(told(judged(onStatus, rows), "presence_signal:")).toBe(expected);
    expect(told(judged(onValue("eq", 7), rows), "threshold_signal:")).toBe(expected);
  });

  test("whose reason and message are carried on", () => {
    const rows = [
      query({ status: "error", verdict: "error", reason: "timeout", message: "no answer in 5 s" }),
    ];
    const verdict = judged(onStatus, rows);
    expect(checkOf(verdict, "presence_signal:")).toMatchObject({
      reason: "timeout",
      message: "q: no answer in 5 s",
    });
    expect(verdict.failures).toEqual([
      "sc (presence_signal:akc_observability_query_result:status): q: no answer in 5 s",
    ]);
  });

  test("a journey that failed fails, and one that broke is an error", () => {
    const signals = [{ evidence_type: journeyType, payload_path: "status", validator_stub: "j" }];
    const of = (payload: Record<string, string | number>) =>
      told(
        judged({ ...presence, signals }, [row(journeyType, { binding_id: "j", ...payload })]),
        "presence_signal:",
      );
    expect(of({ status: "passed", assertions_failed: 0 })).toBe("pass");
    expect(of({ status: "failed", assertions_failed: 1 })).toBe("fail/failed");
    expect(of({ status: "error", assertions_failed: 1 })).toBe("error/error");
    expect(of({ status: "passed", assertions_failed: 1 })).toBe("fail/failed");
  });

  test("a capture without an artifact does not pass; a preparation has none", () => {
    const of = (payload: Record<string, string | null>, path: string) => {
      const signals = [{ evidence_type: captureType, payload_path: path, validator_stub: "d" }];
      return judged({ ...presence, signals }, [
        row(captureType, { binding_id: "d", status: "ok", ...payload }),
      ]);
    };
    const shot = { capture_kind: "screenshot", artifact_path: "a.png" };
    expect(of(shot, "artifact_path").verdict).toBe("pass");
    expect(told(of({ ...shot, artifact_path: null }, "status"), "presence_signal:")).toBe(
      "inconclusive/no-data",
    );
    expect(told(of({ ...shot, artifact_path: "" }, "artifact_path"), "presence_signal:")).toBe(
      "inconclusive/no-data",
    );
    expect(of({ capture_kind: "install", artifact_path: null }, "status").verdict).toBe("pass");
  });

  test("nor does its type count as evidence of that type", () => {
    const params = { ...presence, expected_evidence_types: ["akc_observability_query_result"] };
    expect(told(judged(params, [query({ status: "error", verdict: null })]), "presence_evidence_type:")).toBe(
      "error/error",
    );
    expect(judged(params, [query()]).verdict).toBe("pass");
  });

  test("of the same moment what went wrong is not hidden", () => {
    const bad = query({ status: "error", verdict: "error", reason: "denied" });
    for (const note of ["a", "b", "c", "d", "e"]) {
      expect(told(judged(onStatus, [query({ note }), bad]), "presence_signal:")).toBe("error/denied");
    }
  });
});

describe("what is not there is no data, and never zero", () => {
  const inconclusive = "inconclusive/no-data";

  test("a record, a value in it, a number at it", () => {
    expect(told(judged(onStatus), "presence_signal:")).toBe(inconclusive);
    expect(
      told(judged({ ...presence, signals: [querySignal("summary.x")] }, [query()]), "presence_signal:"),
    ).toBe(inconclusive);
    expect(
      told(
        judged({ ...presence, signals: [querySignal("summary.value")] }, [
          query({ summary: { value: null } }),
        ]),
        "presence_signal:",
      ),
    ).toBe(inconclusive);
    const verdict = judged(onValue("lte", 3), [query({ summary: { value: "many" } })]);
    expect(checkOf(verdict, "threshold_signal:")).toMatchObject({
      // The documented name, where there is no number.
      name: "threshold_signal:akc_observability_query_result",
      verdict: "inconclusive",
    });
  });

  test("a blank text, an empty list and an empty object are there, and empty; false and zero are something", () => {
    const of = (value: string | number | boolean | [] | Record<string, never>) =>
      told(judged({ ...presence, signals: [querySignal("value")] }, [query({ value })]), "presence_signal:");
    expect(of(" ")).toBe("fail/presence");
    expect(of([])).toBe("fail/presence");
    expect(of({})).toBe("fail/presence");
    expect(of(false)).toBe("pass");
    expect(of(0)).toBe("pass");
  });

  test("NaN never passes, whatever it is compared with", () => {
    for (const comparator of ["gte", "lte", "eq"] as const) {
      for (const value of ["nan", "NaN", "-nan"]) {
        const verdict = judged(onValue(comparator, 0), [query({ summary: { value } })]);
        expect(told(verdict, "threshold_signal:")).toBe(inconclusive);
      }
    }
    expect(numericValue(Number.NaN)).toBeUndefined();
    expect(judged(onValue("lte", 8), [query({ summary: { value: " 7.5e0 " } })]).verdict).toBe("pass");
    expect(judged(onValue("lte", 8), [query({ summary: { value: "+Inf" } })]).verdict).toBe("fail");
  });

  test("a metric without sidecar, without a point, and with a point without number", () => {
    const params = { ...threshold("lte", 3), otel_metric_signals: [{ metric_name: "http_5xx" }] };
    const metrics = (...records: Record<string, number>[]) => ({
      metrics: {
        records: records.map((value) => ({ metric: { name: "http_5xx", ...value } })),
        rejectedReason: null,
      },
    });
    expect(told(judged(params), "otel_metric_signal:0:http_5xx")).toBe(inconclusive);
    expect(told(judged(params, [], metrics()), "otel_metric_signal:")).toBe(inconclusive);
    expect(told(judged(params, [], metrics({ as_int: 1 }, {})), "otel_metric_signal:")).toBe(inconclusive);
    expect(told(judged(params, [], metrics({ as_int: 1 }, { as_double: 2 })), "otel_metric_signal:")).toBe(
      "pass",
    );
    expect(told(judged(params, [], metrics({ as_int: 2 }, { as_double: 2 })), "otel_metric_signal:")).toBe(
      "fail/threshold",
    );
    const other = {
      ...params,
      otel_metric_signals: [{ metric_name: "http_5xx", attributes: { code: "503" } }],
    };
    expect(told(judged(other, [], metrics({ as_int: 1 })), "otel_metric_signal:")).toBe(inconclusive);
  });

  test("metric lines that were refused are an error", () => {
    const params = { ...presence, expected_evidence_types: ["akc_otel_metrics_export"] };
    const verdict = judged(params, [], { metrics: { records: [], rejectedReason: "too_many_lines" } });
    expect(told(verdict, "presence_evidence_type:")).toBe("error/malformed");
    expect(told(verdict, "otel_metrics_ndjson_parse")).toBe("error/malformed");
    expect(told(judged(params), "presence_evidence_type:")).toBe(inconclusive);
    const blank = { metrics: { records: [{ note: "no metric" }], rejectedReason: null } };
    expect(told(judged(params, [], blank), "presence_evidence_type:")).toBe(inconclusive);
  });

  test("spans and counters of composites", () => {
    const fraction = {
      kind: "span_status_fraction",
      comparator: "gte",
      target: 0.5,
      status_good_value: "ok",
      max_spans: 2,
    };
    const spans = (...statuses: string[]) => ({
      otel: statuses.map((status) => ({ span: { name: "s", status } })),
    });
    const of = (more: object, extra: object = {}) =>
      told(judged({ ...presence, composite_predicates: [fraction], ...extra }, [], more), "composite_span");
    expect(of({})).toBe(inconclusive);
    expect(of(spans("ok", "error"))).toBe("pass");
    expect(of(spans("error"))).toBe("fail/threshold");
    expect(of(spans("ok", "ok", "ok"))).toBe("inconclusive/limited");
    expect(of(spans("error"), { min_samples: 2 })).toBe("inconclusive/limited");
    expect(of({ otelRejectedReason: "other_scope" })).toBe("error/malformed");

    const ratio = {
      kind: "metric_counter_ratio",
      comparator: "lte",
      target: 0.5,
      numerator: { metric_name: "bad" },
      denominator: { metric_name: "all" },
      max_metric_points: 3,
      max_metric_series: 2,
    };
    const points = (counts: Record<string, number>) => ({
      metrics: {
        records: Object.entries(counts).map(([name, as_int]) => ({ metric: { name, as_int } })),
        rejectedReason: null,
      },
    });
    const ratioOf = (more: object, extra: object = {}) =>
      told(judged({ ...presence, composite_predicates: [ratio], ...extra }, [], more), "composite_metric");
    expect(ratioOf(points({ bad: 1, all: 4 }))).toBe("pass");
    expect(ratioOf(points({ bad: 3, all: 4 }))).toBe("fail/threshold");
    expect(ratioOf(points({ all: 4 }))).toBe(inconclusive);
    expect(ratioOf(points({ bad: 0, all: 0 }))).toBe(inconclusive);
    expect(ratioOf({})).toBe(inconclusive);
    expect(ratioOf(points({ bad: 1, all: 4, other: 1 }))).toBe("inconclusive/limited");
    const many = {
      metrics: { records: Array(4).fill({ metric: { name: "all", as_int: 1 } }), rejectedReason: null },
    };
    expect(
      checkOf(judged({ ...presence, composite_predicates: [ratio] }, [], many), "composite_metric"),
    ).toMatchObject({
      reason: "limited",
      evidence: { points_considered: 4, series_distinct: 1 },
    });
    expect(ratioOf(points({ bad: 3, all: 4 }), { min_samples: 5 })).toBe("inconclusive/limited");
  });

  test("the run's own rows", () => {
    const params = {
      ...presence,
      expected_evidence_types: ["retry_budget"],
      max_resync_attempts_bound: 2,
      bundle_schema_version: 4,
      reject_failed_aggregate_terminal_health: true,
    };
    const verdict = evaluateCriterion(criterion(params), inputs([], { bundleSchemaVersion: null }));
    expect(verdict.checks.map(({ name, verdict: word }) => `${name} ${word}`)).toEqual([
      "aggregate_terminal_health inconclusive",
      "aggregate_terminal_health_not_failed inconclusive",
      "reconcile_convergence pass",
      "reconcile_resync_attempts_bound inconclusive",
      "bundle_schema_version_pin inconclusive",
      "presence_evidence_type:retry_budget inconclusive",
    ]);
  });
});

describe("what a run leaves of its reconciling", () => {
  const plain = { ...presence, expected_evidence_types: ["terminal_health"] };
  const outcomes = (...payloads: Record<string, string | boolean | null>[]) =>
    told(
      judged(
        plain,
        payloads.map((payload) => row("reconcile_outcome", payload)),
      ),
      "reconcile_outcome_applied",
    );

  test("where nothing was to be done, nothing was to be applied", () => {
    expect(outcomes({ operation_type: "noop", applied: false, error: null })).toBe("pass");
    expect(outcomes({ operation_type: "noop", applied: false, outcome: "converged" })).toBe("pass");
  });

  test("but a change that was not made, and what nobody could see, is not satisfied", () => {
    expect(outcomes({ operation_type: "update", applied: false, error: null })).toBe("fail/not_applied");
    expect(outcomes({ operation_type: "noop", applied: false, error: "not observed" })).toBe(
      "fail/not_applied",
    );
    expect(outcomes({ operation_type: "noop", applied: false, outcome: "blocked" })).toBe("fail/not_applied");
  });

  test("a resource that has not converged fails, and so do too many tries and a failed end", () => {
    const status = (payload: Record<string, string | boolean | number>) => [
      row("reconcile_resource_status", { resource_id: "db", ...payload }),
    ];
    const bounded = { ...plain, max_resync_attempts_bound: 2 };
    const diverged = judged(bounded, status({ converged: false, resync_completed_attempts: 3 }));
    expect(told(diverged, "reconcile_convergence")).toBe("fail/not_converged");
    expect(checkOf(diverged, "reconcile_convergence").evidence).toMatchObject({
      non_converged_resource_ids: ["db"],
    });
    expect(told(diverged, "reconcile_resync_attempts_bound")).toBe("fail/threshold");
    expect(told(judged(bounded, status({ converged: true })), "reconcile_resync_attempts_bound")).toBe(
      "inconclusive/no-data",
    );
    const failedEnd = [row("terminal_health", { aggregate: true, health_status: "failed" })];
    expect(judged(plain, failedEnd).verdict).toBe("pass");
    const strict = { ...plain, reject_failed_aggregate_terminal_health: true };
    expect(told(judged(strict, failedEnd), "aggregate_terminal_health_not_failed")).toBe("fail/health");
  });

  test("the certificate of the run has converged and counts its tries", () => {
    const params = { ...presence, expected_evidence_types: ["convergence_certificate"] };
    const certified = (payload: Record<string, boolean | number>) =>
      judged(params, [row("convergence_certificate", { aggregate: true, ...payload })]);
    const name = "convergence_certificate_aggregate";
    expect(told(certified({ converged: true, attempts: 1 }), name)).toBe("pass");
    expect(told(certified({ converged: false, attempts: 1 }), name)).toBe("fail/not_converged");
    expect(told(certified({ converged: true }), name)).toBe("inconclusive/no-data");
  });

  test("a row that says of itself that it is an error proves nothing", () => {
    const broken = { resource_id: "db", status: "error", reason: "denied" };
    const status = row("reconcile_resource_status", {
      ...broken,
      converged: true,
      resync_completed_attempts: 1,
    });
    const bounded = judged({ ...plain, max_resync_attempts_bound: 2 }, [status]);
    expect(told(bounded, "reconcile_convergence")).toBe("error/denied");
    expect(told(bounded, "reconcile_resync_attempts_bound")).toBe("error/denied");
    expect(outcomes({ ...broken, applied: true, operation_type: "update" })).toBe("error/denied");
    const health = row("terminal_health", { ...broken, aggregate: true, health_status: "healthy" });
    expect(told(judged(plain, [health]), "aggregate_terminal_health")).toBe("error/denied");
  });

  test("another version of the bundle is a mismatch", () => {
    expect(told(judged({ ...plain, bundle_schema_version: 3 }), "bundle_schema_version_pin")).toBe(
      "fail/mismatch",
    );
  });
});

describe("criteria", () => {
  test("with params that break a rule are errors that name every fault, and are never dropped", () => {
    const verdict = judged({ ...presence, spec_version: 0, signals: [{ evidence_type: " ", path: "x" }] });
    expect(verdict).toMatchObject({
      verdict: "error",
      checks: [{ name: "operational_params", reason: "malformed" }],
    });
    expect(verdict.predicateKind).toBeUndefined();
    expect(checkOf(verdict, "operational_params").evidence).toMatchObject({
      faults: [{ path: "/signals/0/evidence_type" }, { path: "/signals/0/path" }, { path: "/spec_version" }],
    });
    expect(evaluate([criterion({ ...presence, colour: 1 })], inputs())).toMatchObject({
      verdict: "error",
      passed: false,
    });
  });

  test("without params cannot be told", () => {
    expect(judged({})).toMatchObject({ verdict: "inconclusive", checks: [{ reason: "no-data" }] });
  });

  test("an error outranks a failure, a failure not knowing, and not knowing a pass", () => {
    const pass = criterion({ ...presence, expected_evidence_types: ["terminal_health"] }, "a");
    const unknown = criterion({ ...presence, expected_evidence_types: ["x"] }, "b");
    const fails = criterion({ ...onValue("lte", 1) }, "c");
    const broken = criterion({ spec_version: 0 }, "d");
    const given = inputs([...soundRun, query()]);
    const fold = (...list: readonly (typeof pass)[]) => evaluate(list, given).verdict;
    expect(fold()).toBe("pass");
    expect(fold(pass)).toBe("pass");
    expect(fold(pass, unknown)).toBe("inconclusive");
    expect(fold(unknown, fails, pass)).toBe("fail");
    expect(fold(broken, fails, unknown)).toBe("error");
    expect(evaluate([broken, pass], given).criteria.map(({ id }) => id)).toEqual(["a", "d"]);
  });

  test("that are advisory are told and fail nothing, though the documented word is no", () => {
    const advisory = { ...criterion(onValue("lte", 1)), advisory: true };
    expect(evaluate([advisory], inputs([...soundRun, query()]))).toMatchObject({
      verdict: "pass",
      passed: false,
      criteria: [{ verdict: "fail", advisory: true }],
    });
  });

  test("that are a dry run are told and count nowhere", () => {
    const dry = criterion({ ...onValue("lte", 1), dry_run: true });
    expect(evaluate([dry], inputs([...soundRun, query()]))).toMatchObject({
      verdict: "pass",
      passed: true,
      criteria: [{ verdict: "fail", advisory: true, dryRun: true }],
    });
  });

  test("a record of a dry run is told, gates nothing, and stands for nothing else", () => {
    const dry = query({ dry_run: true, verdict: "fail", reason: "threshold" }, 90);
    const verdict = judged(onStatus, [dry]);
    expect(verdict).toMatchObject({ verdict: "pass", failures: [] });
    expect(checkOf(verdict, "presence_signal:")).toMatchObject({ verdict: "fail", dryRun: true });
    // Beside a record that counts it is not looked at.
    expect(checkOf(judged(onStatus, [query(), dry]), "presence_signal:").dryRun).toBeUndefined();
    const expected = { ...presence, expected_evidence_types: ["akc_observability_query_result"] };
    expect(judged(expected, [query({ dry_run: true })]).verdict).toBe("inconclusive");
  });
});

describe("several records of one signal", () => {
  const values = (...list: number[]) => list.map((value, at) => query({ summary: { value } }, 100 + at));

  test("the newest one is judged, in whatever order they come", () => {
    expect(judged(onValue("lte", 3), values(9, 2)).verdict).toBe("pass");
    expect(judged(onValue("lte", 3), values(9, 2).reverse()).verdict).toBe("pass");
    expect(judged(onValue("lte", 3), values(2, 9)).verdict).toBe("fail");
  });

  test("with `consecutive` as many newest ones must hold", () => {
    const params = { ...onValue("lte", 3), consecutive: 2 };
    expect(judged(params, values(9, 2, 3)).verdict).toBe("pass");
    expect(told(judged(params, values(2, 9, 2)), "threshold_signal:")).toBe("fail/threshold");
    expect(told(judged(params, values(2)), "threshold_signal:")).toBe("inconclusive/limited");
    expect(told(judged(params, values(9)), "threshold_signal:")).toBe("fail/threshold");
    expect(checkOf(judged(params, values(9, 2, 3)), "threshold_signal:").evidence).toMatchObject({
      consecutive: { required: 2, considered: 2, held: 2 },
    });
  });

  test("with `min_samples` too few tell nothing, not even a failure, and errors are no samples", () => {
    const params = { ...onValue("lte", 3), min_samples: 2 };
    expect(judged(params, values(1, 2)).verdict).toBe("pass");
    expect(told(judged(params, values(9)), "threshold_signal:")).toBe("inconclusive/limited");
    const broken = query({ status: "error", verdict: "error", reason: "timeout" }, 1);
    expect(told(judged(params, [broken, ...values(2)]), "threshold_signal:")).toBe("inconclusive/limited");
  });

  test("only those of its binding, and the aggregate of the run before single resources", () => {
    expect(told(judged(onStatus, [query({ binding_id: "other" })]), "presence_signal:")).toBe(
      "inconclusive/no-data",
    );
    const signals = [{ evidence_type: "terminal_health", payload_path: "aggregate.health_status" }];
    const rows = [row("terminal_health", { resource_id: "db", health_status: "" }, 99)];
    expect(judged({ ...presence, signals }, rows).verdict).toBe("pass");
    const other = [{ evidence_type: "terminal_health", payload_path: "resource_id" }];
    expect(checkOf(judged({ ...presence, signals: other }, rows), "presence_signal:").evidence).toMatchObject(
      {
        selected_record: { payload: { resource_id: "db" } },
      },
    );
  });
});

describe("a comparison with a baseline", () => {
  const path = ".akc/verification/before.json";
  const baseline = (...rows: ReturnType<typeof query>[]): Partial<Parameters<typeof inputs>[1]> => ({
    rollups: new Map<string, Rollup>([
      [path, { kind: "loaded", windowStartMs: 0, windowEndMs: 1000, exports: [], records: rows }],
    ]),
  });
  const params = {
    ...presence,
    signals: [querySignal("summary.value")],
    compare: { baseline_evidence_rollup_rel_path: path, ratio: { lte: 1.5 }, absolute: { lt: 10 } },
  };
  const before = (value: number | string) => baseline(query({ summary: { value } }, 5, "rr-0"));

  test("holds, or does not", () => {
    expect(judged(params, [query()], before(7)).verdict).toBe("pass");
    expect(told(judged(params, [query()], before(4)), "compare_signal:")).toBe("fail/threshold");
    expect(
      told(
        judged(
          { ...params, compare: { ...params.compare, ratio: null, absolute: { lt: 1 } } },
          [query()],
          before(4),
        ),
        "compare_signal:",
      ),
    ).toBe("fail/threshold");
  });

  test("cannot be told without a number on both sides, nor as a ratio to zero", () => {
    expect(told(judged(params, [query()], before(0)), "compare_signal:")).toBe("inconclusive/no-data");
    expect(told(judged(params, [query()], before("x")), "compare_signal:")).toBe("inconclusive/no-data");
    expect(told(judged(params, [query()], baseline()), "compare_signal:")).toBe("inconclusive/no-data");
    expect(told(judged(params, [], before(7)), "compare_signal:")).toBe("inconclusive/no-data");
    const failed = query({ status: "error", verdict: "error", reason: "timeout" });
    expect(told(judged(params, [failed], before(7)), "compare_signal:")).toBe("error/timeout");
  });

  test("is an error where the baseline was not loaded", () => {
    expect(told(judged(params, [query()]), "operational_evidence_baseline_load")).toBe("error/missing");
  });

  test("is a failure where records lie outside the window of the baseline", () => {
    const outside = baseline(query({}, 1001, "rr-0"));
    expect(told(judged(params, [query()], outside), "operational_evidence_baseline_load")).toBe(
      "fail/window",
    );
  });

  test("compares sums of metrics", () => {
    const metrics = (as_int: number) => ({
      records: [{ metric: { name: "http_5xx", as_int } }],
      rejectedReason: null,
    });
    const loaded = { kind: "loaded", windowStartMs: 0, windowEndMs: 9, exports: [], records: [] } as const;
    const metricParams = {
      ...presence,
      otel_metric_signals: [{ metric_name: "http_5xx" }],
      compare: { baseline_evidence_rollup_rel_path: path, ratio: { lte: 2 } },
    };
    const of = (now: number, then?: number) =>
      told(
        judged(metricParams, [], {
          metrics: metrics(now),
          rollups: new Map<string, Rollup>([
            [path, { ...loaded, ...(then === undefined ? {} : { metrics: metrics(then) }) }],
          ]),
        }),
        "compare_metric_signal:0:http_5xx",
      );
    expect(of(4, 2)).toBe("pass");
    expect(of(5, 2)).toBe("fail/threshold");
    expect(of(4)).toBe("inconclusive/no-data");
  });
});

describe("a window over several runs", () => {
  const path = ".akc/verification/w.json";
  const params = {
    ...presence,
    window: "rolling_ms",
    rolling_window_ms: 1000,
    evidence_rollup_rel_path: path,
    signals: [{ evidence_type: "terminal_health", payload_path: "health_status" }],
    reject_failed_aggregate_terminal_health: true,
  };
  const over = (rollup: Rollup) =>
    evaluateCriterion(criterion(params), inputs([], { rollups: new Map([[path, rollup]]) }));
  const loaded = (records: typeof soundRun, windowEndMs = 1000): Rollup => ({
    kind: "loaded",
    windowStartMs: 0,
    windowEndMs,
    exports: [{ path: "e.json", sha256: "0".repeat(64) }],
    records,
  });
  const health = (word: string, atMs: number, run: string) =>
    row("terminal_health", { aggregate: true, health_status: word }, atMs, run);

  test("is judged by its own records", () => {
    expect(over(loaded(soundRun)).verdict).toBe("pass");
  });

  test("the newest run speaks, and not the one with the largest id", () => {
    const verdict = over(loaded([health("failed", 20, "a"), health("healthy", 10, "z")]));
    expect(told(verdict, "aggregate_terminal_health_not_failed")).toBe("fail/health");
    expect(over(loaded([health("healthy", 20, "a"), health("failed", 10, "z")])).verdict).toBe("pass");
  });

  test("that is too long, or has records outside, fails", () => {
    expect(told(over(loaded(soundRun, 1001)), "rolling_window_span")).toBe("fail/window");
    const stray = over(loaded([...soundRun, health("healthy", 1001, "a")]));
    expect(told(stray, "rolling_evidence_timestamps")).toBe("fail/window");
    expect(checkOf(stray, "rolling_evidence_timestamps").evidence).toMatchObject({
      out_of_window_records: [{ timestamp: 1001, runtime_run_id: "a" }],
    });
  });

  test("that cannot be loaded is one failing check, an error with its reason", () => {
    for (const reason of ["missing", "malformed", "tampered", "path"] as const) {
      const verdict = over({ kind: "failed", reason, message: "m" });
      expect(verdict).toMatchObject({
        verdict: "error",
        checks: [{ name: "operational_evidence_rollup_load", verdict: "error", reason }],
        failures: ["sc (operational_evidence_rollup_load): m"],
      });
    }
    const unloaded = evaluateCriterion(criterion(params), inputs());
    expect(told(unloaded, "operational_evidence_rollup_load")).toBe("error/missing");
  });
});
