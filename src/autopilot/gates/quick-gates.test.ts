/** The gates that look at the configuration and the state alone: freeze, approval, SLO. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { SloGateConfig } from "../config/model.ts";
import { freezeGate } from "./freeze.ts";
import { type SloKpi, sloGate } from "./slo.ts";

describe("a freeze", () => {
  const freeze = (fromMs: number, toMs: number, repairs = false) => ({
    fromMs,
    toMs,
    reason: "holidays",
    repairs,
  });

  test("stops rollouts, and repairs only where it says so", () => {
    expect(freezeGate([freeze(10, 20)], "rollout", 10)).toMatchObject({
      verdict: "closed",
      reason: "frozen",
      opensAtMs: 20,
    });
    expect(freezeGate([freeze(10, 20)], "rollout", 20)).toMatchObject({ verdict: "open" });
    expect(freezeGate([freeze(10, 20)], "repair", 10)).toMatchObject({ verdict: "skipped" });
    expect(freezeGate([freeze(10, 20, true)], "repair", 10)).toMatchObject({ verdict: "closed" });
    expect(freezeGate([], "rollout", 10)).toMatchObject({ verdict: "skipped" });
  });

  test("opens when it says, at that very moment and not before", () => {
    const spans = fc
      .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 20 }))
      .map(([from, length]) => freeze(from, from + length));
    fc.assert(
      fc.property(
        fc.array(spans, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 80 }),
        (all, now) => {
          const { verdict, opensAtMs } = freezeGate(all, "rollout", now);
          const frozen = (ms: number) => all.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
          expect(verdict === "closed").toBe(frozen(now));
          if (opensAtMs === undefined) return;
          for (let ms = now; ms < opensAtMs; ms += 1) expect(frozen(ms)).toBe(true);
          expect(frozen(opensAtMs)).toBe(false);
        },
      ),
    );
  });
});

describe("the SLO gate", () => {
  const config: SloGateConfig = {
    enabled: true,
    minRollouts: 5,
    minPolicyComplianceRate: 0.98,
    minRollbackSuccessRate: 0.95,
    maxChangeInstability: 0.25,
    insufficientHistory: "hold",
  };
  const good: SloKpi = {
    rollouts_total: 5,
    policy_compliance_rate: 1,
    rollback_success_rate: 1,
    delivery_change_instability_proxy: 0,
  };
  const ask = (kpi: Partial<SloKpi>, more: Partial<SloGateConfig> = {}) =>
    sloGate({ ...config, ...more }, async () => ({ ...good, ...kpi }));

  test("is open where the history is long and good enough", async () => {
    expect(await ask({})).toMatchObject({
      verdict: "open",
      reason: "allowed",
      details: { gate_status: "allowed" },
    });
    const atTheEdge = {
      policy_compliance_rate: 0.98,
      rollback_success_rate: 0.95,
      delivery_change_instability_proxy: 0.25,
    };
    expect(await ask(atTheEdge)).toMatchObject({ verdict: "open" });
  });

  test.each([
    ["policy_compliance_rate_below_threshold", { policy_compliance_rate: 0.979 }],
    ["rollback_success_rate_below_threshold", { rollback_success_rate: 0.949 }],
    ["delivery_change_instability_proxy_above_threshold", { delivery_change_instability_proxy: 0.251 }],
    ["policy_compliance_rate_below_threshold", { policy_compliance_rate: Number.NaN }],
    ["delivery_change_instability_proxy_above_threshold", { delivery_change_instability_proxy: Number.NaN }],
  ])("is closed by %s", async (reason, kpi) => {
    expect(await ask(kpi)).toMatchObject({
      verdict: "closed",
      reason,
      details: { gate_status: "prevented" },
    });
  });

  test("holds on a short history or lets it pass, so that an empty one cannot lock itself out", async () => {
    expect(await ask({ rollouts_total: 0 })).toMatchObject({
      verdict: "closed",
      reason: "min_rollouts_total_not_met",
      details: { gate_status: "insufficient_history", scoreboard_kpi: { rollouts_total: 0 } },
    });
    expect(await ask({ rollouts_total: 0 }, { insufficientHistory: "allow" })).toMatchObject({
      verdict: "open",
    });
  });

  test("asks nobody while it is off", async () => {
    const asked = sloGate({ ...config, enabled: false }, () => Promise.reject(new Error("asked")));
    expect(await asked).toMatchObject({ verdict: "skipped" });
  });
});
