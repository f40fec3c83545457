/** Which strategy a bundle gets, from what it says and from the mode; and that everything wrong with it is told at once. */
import { describe, expect, test } from "bun:test";
import { AkcError } from "../../errors.ts";
import { fromPlain } from "../../json/plain.ts";
import { JsonFloat, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { type StrategyFacts, strategyOf } from "./strategy.ts";

const enforce: StrategyFacts = { mode: "enforce", resources: 4 };
const canary: StrategyFacts = { mode: "canary", resources: 4 };

function issuesOf(section: unknown, facts = enforce): readonly string[] {
  try {
    strategyOf({ runtime_rollout: fromPlain(section) }, facts);
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    expect(error.code).toBe("DESIRED_STATE_INVALID");
    return error.issues.map(({ path, message }) => `${path} ${message}`);
  }
  return [];
}

const written = (section: unknown, facts = enforce, more: JsonObject = {}) =>
  strategyOf({ ...more, runtime_rollout: fromPlain(section) }, facts);

describe("without a word of the bundle", () => {
  test("everything is changed in dependency order, several at a time, and brought back when it fails", () => {
    expect(strategyOf({}, enforce)).toMatchObject({
      kind: "all_at_once",
      steps: [{ amount: { share: 1 }, bakeMs: 0, pause: false }],
      parallel: limits.resourcesInParallelDefault,
      approval: false,
      abortOn: ["degraded", "failed"],
      inconclusiveOn: [],
      rollbackOnFailure: true,
      pauseDeadlineMs: limits.pauseDeadlineMsDefault,
      health: {
        gate: "permissive",
        unknownGraceMs: 0,
        minHealthyMs: 0,
        healthyDeadlineMs: limits.healthyDeadlineMsDefault,
        progressDeadlineMs: limits.progressDeadlineMsDefault,
      },
    });
  });

  test("the documented gate and grace count", () => {
    const metadata = { reconcile_health_gate: "STRICT", reconcile_health_unknown_grace_ms: 500 };
    expect(strategyOf(metadata, enforce).health).toMatchObject({ gate: "strict", unknownGraceMs: 500 });
  });

  test("mode canary changes one, or the limit, and waits for approval", () => {
    const one = strategyOf({}, canary);
    expect(one).toMatchObject({ kind: "canary", of: "resources", approval: true });
    expect(one.steps.map(({ amount }) => amount)).toEqual([{ count: 1 }, { share: 1 }]);
    const two = strategyOf({}, { ...canary, canaryLimit: 2 });
    expect(two.steps.map(({ amount }) => amount)).toEqual([{ count: 2 }, { share: 1 }]);
    expect(strategyOf({}, { ...canary, canaryLimit: 9 })).toMatchObject({ approval: false, steps: [{}] });
  });
});

describe("reconcile_canary_strategy", () => {
  const documented = (value: unknown, facts = canary) =>
    strategyOf({ reconcile_canary_strategy: fromPlain(value) }, facts);
  const amounts = (value: unknown, facts = canary) =>
    documented(value, facts).steps.map(({ amount }) => amount);

  test("counts in mode canary alone", () => {
    expect(documented({ weight_steps: [0.5] }, enforce).kind).toBe("all_at_once");
    expect(documented({ weight_steps: [0.5] })).toMatchObject({ kind: "canary", approval: false });
  });

  for (const enabled of [false, "true", 1, null]) {
    test(`is off with enabled ${JSON.stringify(enabled)}`, () => {
      expect(documented({ enabled, weight_steps: [0.5] }).approval).toBe(true);
    });
  }

  test("weights are shares up to 1 and counts above, clamped, growing and ending with all", () => {
    expect(amounts({ weight_steps: [0.25, 0.5, 1] })).toEqual([
      { share: 0.25 },
      { share: 0.5 },
      { share: 1 },
    ]);
    expect(amounts({ weight_steps: [2.9, 1.5, 3, 99] })).toEqual([{ count: 2 }, { count: 3 }, { share: 1 }]);
    expect(amounts({ weight_steps: ["x", true, -1, 0, 0.3] })).toEqual([{ share: 0.3 }, { share: 1 }]);
    expect(amounts({ weight_steps: [0.5, 0.26] })).toEqual([{ share: 0.5 }, { share: 1 }]);
    const floats = strategyOf({ reconcile_canary_strategy: { weight_steps: [new JsonFloat(2)] } }, canary);
    expect(floats.steps[0]?.amount).toEqual({ count: 2 });
  });

  test("without usable weights it is the limit first, then all", () => {
    expect(amounts({})).toEqual([{ count: 1 }, { share: 1 }]);
    expect(amounts({ weight_steps: [null] }, { ...canary, canaryLimit: 2 })).toEqual([
      { count: 2 },
      { share: 1 },
    ]);
    expect(amounts({}, { ...canary, resources: 1 })).toEqual([{ share: 1 }]);
  });

  test("its pauses are bakes before the next step, padded and cut to the steps", () => {
    const bakes = (pauses: unknown) =>
      documented({ weight_steps: [0.25, 0.5], pause_windows_ms: pauses }).steps.map(({ bakeMs }) => bakeMs);
    expect(bakes([1_000])).toEqual([1_000, 0, 0]);
    expect(bakes([-5, "x", 2_000, 3_000, 4_000])).toEqual([0, 2_000, 0]);
    expect(bakes("soon")).toEqual([0, 0, 0]);
  });

  test("what is neither healthy nor aborting is inconclusive", () => {
    expect(documented({})).toMatchObject({ abortOn: ["degraded", "failed"], inconclusiveOn: ["unknown"] });
    expect(documented({ abort_on_health_status: ["failed", "on fire"] })).toMatchObject({
      abortOn: ["failed"],
      inconclusiveOn: ["unknown", "degraded"],
    });
    expect(documented({ abort_on_health_status: ["on fire"] }).abortOn).toEqual(["degraded", "failed"]);
  });
});

describe("runtime_rollout", () => {
  test("every key is read", () => {
    const strategy = written({
      strategy: "canary",
      of: "copies",
      steps: [
        { count: 1, bake_ms: 60_000 },
        { percent: 25, pause: true },
        { share: 0.5, analysis: { name: "other", checks: [{ binding: "slo.b" }] } },
      ],
      bake_ms: 5_000,
      analysis: {
        name: "latency",
        checks: [{ binding: "slo.a", below: 0.2 }],
        initial_delay_ms: 10,
        interval_ms: 20,
        count: 5,
        failure_limit: 1,
        inconclusive_limit: 2,
        error_limit: 3,
        dry_run: true,
      },
      max_surge: "25%",
      max_unavailable: 1,
      parallel: 3,
      approval: true,
      health: { min_healthy_ms: 1, healthy_deadline_ms: 2, progress_deadline_ms: 3 },
      abort_on: ["failed"],
      inconclusive_on: ["unknown"],
      rollback_on_failure: false,
      pause_deadline_ms: 4,
    });
    const latency = {
      name: "latency",
      checks: [{ binding: "slo.a", below: 0.2 }],
      initialDelayMs: 10,
      intervalMs: 20,
      count: 5,
      failureLimit: 1,
      inconclusiveLimit: 2,
      errorLimit: 3,
      dryRun: true,
    };
    expect(strategy).toEqual({
      kind: "canary",
      of: "copies",
      steps: [
        { amount: { count: 1 }, bakeMs: 60_000, pause: false, analysis: latency },
        { amount: { share: 0.25 }, bakeMs: 5_000, pause: true, analysis: latency },
        {
          amount: { share: 0.5 },
          bakeMs: 5_000,
          pause: false,
          analysis: {
            name: "other",
            checks: [{ binding: "slo.b" }],
            initialDelayMs: 0,
            intervalMs: limits.analysisIntervalMsDefault,
            count: 1,
            failureLimit: 0,
            inconclusiveLimit: 0,
            errorLimit: 0,
            dryRun: false,
          },
        },
        { amount: { share: 1 }, bakeMs: 5_000, pause: false, analysis: latency },
      ],
      maxSurge: { share: 0.25 },
      maxUnavailable: { count: 1 },
      parallel: 3,
      approval: true,
      health: {
        gate: "permissive",
        unknownGraceMs: 0,
        minHealthyMs: 1,
        healthyDeadlineMs: 2,
        progressDeadlineMs: 3,
      },
      abortOn: ["failed"],
      inconclusiveOn: ["unknown"],
      rollbackOnFailure: false,
      pauseDeadlineMs: 4,
    });
    expect(JSON.parse(JSON.stringify(strategy))).toEqual(strategy);
  });

  test("rolling means one resource at a time and one copy more than wanted", () => {
    const none = { count: 0 };
    expect(written({ strategy: "rolling" })).toMatchObject({
      parallel: 1,
      maxSurge: { count: 1 },
      maxUnavailable: none,
    });
    const missing = written({ strategy: "rolling", max_unavailable: 2 });
    expect(missing).toMatchObject({ maxSurge: none, maxUnavailable: { count: 2 } });
  });

  test("a long healthy deadline makes the default of progress longer", () => {
    const { health } = written({ strategy: "rolling", health: { healthy_deadline_ms: 3_600_000 } });
    expect(health.progressDeadlineMs).toBe(7_200_000);
  });

  test("numbers that JSON tells apart are plain in what is kept", () => {
    const checks = [{ below: new JsonFloat(2), list: [{ big: 2n ** 60n }] }];
    const section = { strategy: "rolling", bake_ms: new JsonFloat(5), analysis: { name: "a", checks } };
    const { steps } = strategyOf({ runtime_rollout: section }, enforce);
    expect(steps[0]?.bakeMs).toBe(5);
    expect(steps[0]?.analysis?.checks).toEqual([{ below: 2, list: [{ big: 2 ** 60 }] }]);
  });

  test("comes before the documented canary", () => {
    const more = { reconcile_canary_strategy: { weight_steps: [0.5] } };
    const steps = [{ count: 3 }];
    expect(written({ strategy: "canary", steps }, canary, more).steps[0]?.amount).toEqual({ count: 3 });
  });

  test("in mode canary nothing that it says makes it less than a canary", () => {
    for (const strategy of ["all_at_once", "rolling", "blue_green"]) {
      const section = { strategy, bake_ms: 9, approval: false, parallel: 7 };
      expect(written(section, canary)).toMatchObject({
        kind: "canary",
        of: "resources",
        approval: true,
        parallel: 7,
        steps: [
          { amount: { count: 1 }, bakeMs: 9 },
          { amount: { share: 1 }, bakeMs: 9 },
        ],
      });
    }
  });

  test("everything wrong is told at once, each with its place", () => {
    expect(
      issuesOf({
        strategy: "rolling",
        paralel: 3,
        parallel: 0,
        max_surge: "125%",
        abort_on: ["healthy"],
        health: { healthy_deadline_ms: "5m" },
        analysis: { name: "a b", checks: [] },
      }).map((issue) => issue.split(" ")[0]),
    ).toEqual([
      "/runtime_rollout/analysis/name",
      "/runtime_rollout/analysis/checks",
      "/runtime_rollout/max_surge",
      "/runtime_rollout/parallel",
      "/runtime_rollout/health/healthy_deadline_ms",
      "/runtime_rollout/abort_on/0",
      "/runtime_rollout/paralel",
    ]);
    expect(issuesOf("rolling")).toEqual(["/runtime_rollout must be an object with a strategy"]);
    expect(issuesOf({})).toHaveLength(1);
  });

  test("keys that exclude one another are told at once too", () => {
    expect(
      issuesOf({
        strategy: "canary",
        steps: [{ count: 2, percent: 5 }, {}, { count: 3 }, { count: 3 }],
        max_surge: 0,
        max_unavailable: "0%",
        health: { min_healthy_ms: 10, healthy_deadline_ms: 5, progress_deadline_ms: 4 },
        abort_on: ["failed", "unknown"],
        inconclusive_on: ["unknown"],
        analysis: { name: "a", checks: [{}], count: 2, failure_limit: 2 },
      }),
    ).toEqual([
      "/runtime_rollout/steps/0 must have exactly one of count, percent and share",
      "/runtime_rollout/steps/1 must have exactly one of count, percent and share",
      "/runtime_rollout/steps/3 must be more than the step before",
      "/runtime_rollout/analysis/failure_limit must be less than count: it could never be met",
      "/runtime_rollout/max_surge must not be 0 while max_unavailable is 0: nothing could ever be changed",
      "/runtime_rollout/health/min_healthy_ms must not be more than healthy_deadline_ms",
      "/runtime_rollout/health/progress_deadline_ms must not be less than healthy_deadline_ms",
      "/runtime_rollout/inconclusive_on unknown is in abort_on too",
    ]);
    expect(issuesOf({ strategy: "blue_green", steps: [{ count: 1 }], of: "copies" })).toHaveLength(2);
    expect(issuesOf({ strategy: "rolling", max_surge: 0 })).toHaveLength(1);
  });
});
