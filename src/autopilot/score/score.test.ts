import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  attempt,
  entriesOf,
  held,
  outcome,
  scope,
  shut,
  type Tale,
} from "../../../test/autopilot/made-entries.ts";
import { prettyJson } from "../../json/canonical.ts";
import { limits } from "../../limits.ts";
import type { AttemptVerdict } from "../model.ts";
import { type HistoryRow, historyRowsOf } from "./history-row.ts";
import { documentedKpi, halfEven, quantile } from "./kpi.ts";
import { scoreboardJson, scoreboardOf } from "./scoreboard.ts";
import { dueWindow, windowOf } from "./windows.ts";

const weekMs = 7 * 86_400_000;
const window = { startMs: 0, endMs: weekMs };

test("the documented example gives the documented figures", () => {
  const entries = entriesOf([
    ...attempt({ id: "a", startMs: 10, endMs: 20, run: outcome({ convergenceMs: 100 }) }),
    ...attempt({
      id: "b",
      startMs: 30,
      endMs: 40,
      verdict: "failed",
      run: outcome({ outcome: "failed", convergenceMs: 300, rollbacks: 2, exitCode: 1 }),
    }),
    [50, held("c", [shut("policy", "policy_denied")])],
  ]);
  expect(scoreboardOf(entries, window).kpi).toMatchObject({
    decision_window_id: `0-${weekMs}`,
    rollouts_total: 2,
    rollouts_with_rollback: 1,
    rollbacks_total: 2,
    rollback_success_rate: 0,
    convergence_latency_ms_avg: 200,
    mttr_like_repair_latency_ms_avg: 300,
    failed_promotions_prevented: 1,
    mutation_attempts_blocked_by_policy: 1,
    delivery_change_instability_proxy: 0.5,
    policy_compliance_rate: 1,
    delivery_throughput_rollouts_per_week_est: 2,
    // What the documented rate cannot see: one of three was refused.
    policy_compliance_rate_all_attempts: 2 / 3,
  });
});

test("a window in which nothing happened has the documented figures of nothing, and no rate that was not measured", () => {
  const { kpi } = scoreboardOf([], window);
  expect(kpi.rollback_success_rate).toBe(1);
  expect(kpi.policy_compliance_rate).toBe(1);
  expect(kpi.convergence_latency_ms_avg).toBe(0);
  expect(kpi.standing_rate).toBeNull();
  expect(kpi.policy_compliance_rate_all_attempts).toBeNull();
  expect(kpi.time_to_repair_ms_avg).toBeNull();
});

test("a rollout counts as refused when its run was denied something, and as succeeded only when it was kept", () => {
  const rows = historyRowsOf(
    entriesOf([
      ...attempt({ id: "kept", startMs: 1, endMs: 2 }),
      ...attempt({ id: "back", startMs: 3, endMs: 4, verdict: "rolled_back" }),
      ...attempt({
        id: "denied",
        startMs: 5,
        endMs: 6,
        verdict: "failed",
        run: outcome({ healthy: false, outcome: "blocked", exitCode: 2, errorCode: "POLICY_DENIED" }),
      }),
      ...attempt({
        id: "long",
        startMs: 7,
        endMs: 8,
        verdict: "failed",
        run: outcome({ outcome: "exhausted", exitCode: 1 }),
      }),
      ...attempt({ id: "cut", startMs: 9, endMs: 10, verdict: "stopped" }),
    ]),
  );
  expect(
    rows.map((row) => [row.runtime_terminal_status, row.promotion_policy_allow, row.rollback_count]),
  ).toEqual([
    ["succeeded", true, 0],
    ["terminal", true, 1],
    ["failed", false, 0],
    ["max_iterations_exceeded", true, 0],
    ["stopped", true, 0],
  ]);
});

test("what waits for a time or a person prevents nothing; budgets, scores and policies do, in the documented words", () => {
  const open = { gate: "policy", verdict: "open", reason: "allowed", message: "" } as const;
  const rows = historyRowsOf(
    entriesOf([
      [
        1,
        held("a", [open, shut("window", "outside_maintenance_window"), shut("approval", "approval_missing")]),
      ],
      [2, held("b", [open, shut("window", "outside_maintenance_window"), shut("budget", "cooldown_active")])],
      [3, held("c", [shut("slo", "min_rollouts_total_not_met", { gate_status: "insufficient_history" })])],
      [4, held("d", [shut("promotion", "promotion_mode_not_live_apply:staged_apply")])],
      [5, held("e", [shut("promotion", "compile_apply_denied:CAA_MISSING")])],
      [6, held("f", [shut("budget", "cooldown_active")], { kind: "repair" })],
      ...attempt({ id: "g", startMs: 7, endMs: 8, verdict: "not_started" }),
    ]),
  );
  expect(rows.map((row) => row.prevented_reason)).toEqual([
    "budget_prevented:cooldown_active",
    "slo_gate:insufficient_history:min_rollouts_total_not_met",
    "promotion_mode_not_live_apply:staged_apply",
    "compile_apply_denied:CAA_MISSING",
    "not_started",
  ]);
  expect(documentedKpi(rows, window).compile_apply_gate_prevented_total).toBe(1);
});

test("percentiles are the documented ones, a half going to the even neighbour", () => {
  expect([0.5, 1.5, 2.5, 3.5, 2.4, 2.6].map(halfEven)).toEqual([0, 2, 2, 4, 2, 3]);
  expect(quantile([], 0.9)).toBe(0);
  expect(quantile([10, 20], 0.5)).toBe(10);
  expect(quantile([10, 20, 30, 40], 0.5)).toBe(30);
  expect(quantile([1, 2, 3, 4, 5, 6], 0.9)).toBe(5);
  const row = { ...base, event_kind: "runtime_rollout", prevented_reason: null } as const;
  const rows = [10, 20].map((ms) => ({ ...row, intent_to_healthy_runtime_ms: ms, intent_to_prod_ms: ms }));
  expect(documentedKpi(rows, window)).toMatchObject({
    intent_to_healthy_runtime_ms_p50: 20,
    delivery_lead_time_ms_p50: 10,
  });
});

const base: HistoryRow = historyRowsOf(entriesOf(attempt({ id: "x", startMs: 1, endMs: 2 })))[0] ?? never();

function never(): never {
  throw new Error("a rollout makes a row");
}

const verdicts: readonly AttemptVerdict[] = [
  "kept",
  "failed",
  "rolled_back",
  "rollback_failed",
  "not_started",
  "stopped",
];

const tale = fc.record({
  gapMs: fc.integer({ min: 0, max: 2 * 86_400_000 }),
  lastsMs: fc.integer({ min: 0, max: 86_400_000 }),
  kind: fc.constantFrom("rollout", "rollout", "repair"),
  verdict: fc.constantFrom(...verdicts),
  convergenceMs: fc.option(fc.integer({ min: 0, max: 100_000 })),
  rollbacks: fc.integer({ min: 0, max: 3 }),
  leadMs: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
  refused: fc.option(fc.constantFrom("policy", "budget", "window")),
});

test("figures equal an independent recount of what happened", () => {
  fc.assert(
    fc.property(fc.array(tale, { maxLength: 40 }), (told) => {
      let at = 0;
      // Counted while it is made up, by nothing of the program.
      const count = {
        all: 0,
        withBack: 0,
        backs: 0,
        kept: 0,
        prevented: 0,
        blocked: 0,
        repairs: 0,
        keptRepairs: 0,
      };
      const latencies: number[] = [];
      const leads: number[] = [];
      const facts = told.flatMap((one, index) => {
        at += one.gapMs;
        const startMs = at;
        at += one.lastsMs;
        const inside = startMs >= window.startMs && startMs < window.endMs;
        if (one.refused !== null) {
          if (inside && one.refused !== "window") count.prevented++;
          if (inside && one.refused === "policy") count.blocked++;
          return [[startMs, held(`h${index}`, [shut(one.refused, "no")])] as const];
        }
        const begun = one.verdict !== "not_started";
        if (inside && one.kind === "repair" && begun) {
          count.repairs++;
          if (one.verdict === "kept") count.keptRepairs++;
        }
        if (inside && one.kind === "rollout" && !begun) count.prevented++;
        if (inside && one.kind === "rollout" && begun) {
          const backs = one.verdict.startsWith("roll") ? Math.max(1, one.rollbacks) : one.rollbacks;
          count.all++;
          count.backs += backs;
          if (backs > 0) count.withBack++;
          if (one.verdict === "kept") count.kept++;
          if (one.convergenceMs !== null) latencies.push(one.convergenceMs);
          if (one.leadMs !== null) leads.push(one.leadMs);
        }
        const made: Tale = {
          id: `a${index}`,
          startMs,
          endMs: at,
          kind: one.kind === "repair" ? "repair" : "rollout",
          verdict: one.verdict,
          run: outcome({ rollbacks: one.rollbacks, convergenceMs: one.convergenceMs }),
          metrics: { ...noTimes, intentToProdMs: one.leadMs },
        };
        return attempt(made);
      });
      const { kpi } = scoreboardOf(entriesOf(facts), window);
      expect(kpi.rollouts_total).toBe(count.all);
      expect(kpi.rollouts_with_rollback).toBe(count.withBack);
      expect(kpi.rollbacks_total).toBe(count.backs);
      expect(kpi.rollouts_kept_total).toBe(count.kept);
      expect(kpi.failed_promotions_prevented).toBe(count.prevented);
      expect(kpi.mutation_attempts_blocked_by_policy).toBe(count.blocked);
      expect(kpi.repairs_total).toBe(count.repairs);
      expect(kpi.repairs_kept_total).toBe(count.keptRepairs);
      const total = latencies.reduce((sum, ms) => sum + ms, 0);
      expect(kpi.convergence_latency_ms_avg).toBeCloseTo(
        latencies.length === 0 ? 0 : total / latencies.length,
        6,
      );
      // Never a number that JSON has no form for.
      prettyJson(scoreboardJson(scope, { window, kpi }));
      leads.sort((a, b) => a - b);
      expect(leads.length === 0 ? [0] : leads).toContain(kpi.delivery_lead_time_ms_p90);
    }),
    { numRuns: 200 },
  );
});

const noTimes = {
  intentToHealthyRuntimeMs: null,
  compileToHealthyRuntimeMs: null,
  compressionFactorVsBaseline: null,
  intentToStagingMs: null,
  intentToProdMs: null,
  stagingToProdMs: null,
  approvalWaitMs: null,
  manualTouchCount: null,
};

test("the time to repair runs from the first notice of the drift to the end of the repair", () => {
  const noticed = (id: string) =>
    ({
      type: "triggered",
      trigger: { id, kind: "drift", severity: "med", key: id, reason: "", atMs: 0, details: {} },
    }) as const;
  const entries = entriesOf([
    [100, noticed("t1")],
    [200, noticed("t2")],
    ...attempt({ id: "r", kind: "repair", startMs: 500, endMs: 900, triggerIds: ["t2", "t1"] }),
  ]);
  const { kpi } = scoreboardOf(entries, window);
  expect(kpi.time_to_repair_ms_avg).toBe(800);
  expect(kpi.rollouts_total).toBe(0);
});

test("windows are aligned, follow each other without a gap, and none is passed over in silence", () => {
  const day = 86_400_000;
  expect(windowOf(3 * day + 5, day)).toEqual({ startMs: 3 * day, endMs: 4 * day });
  expect(dueWindow(5, undefined, day - 1, day)).toBeUndefined();
  expect(dueWindow(5, 5, day, day)).toEqual({ window: { startMs: 0, endMs: day } });
  // Idle ones in between get their own, oldest first.
  expect(dueWindow(day, undefined, 9 * day, day)).toEqual({ window: { startMs: day, endMs: 2 * day } });
  const far = (limits.autopilotScoreboardsBehindMax + 11) * day;
  expect(dueWindow(day, undefined, far, day)).toEqual({
    window: { startMs: 11 * day, endMs: 12 * day },
    idle: { fromMs: day, windows: 10 },
  });
  // One with an event is never left out, however far behind it is.
  expect(dueWindow(day, 4 * day + 7, far, day)).toEqual({
    window: { startMs: 4 * day, endMs: 5 * day },
    idle: { fromMs: day, windows: 3 },
  });
});

test("rates and milliseconds are floats in the artifact, counts are not", () => {
  const text = prettyJson(scoreboardJson(scope, scoreboardOf([], window)));
  expect(text).toContain('"policy_compliance_rate": 1.0');
  expect(text).toContain('"rollouts_total": 0,');
  expect(text).toContain('"schema_id": "akc:reliability_scoreboard:v1"');
});
