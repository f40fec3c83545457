/**
 * Whether the rollouts of the last window went well enough for another one: the documented SLO gate over the scoreboard's KPIs. Too
 * short a history holds or lets pass as the configuration says, so that an empty one cannot lock itself out (cli:W-02b). Pure.
 *
 * Source: spec cli §14.11.
 */
import type { JsonObject } from "../../json/value.ts";
import type { SloGateConfig } from "../config/model.ts";
import type { DocumentedKpi } from "../score/kpi.ts";
import { closed, open, skipped } from "./answer.ts";
import type { GateAnswer } from "./model.ts";

/** What is looked at of a scoreboard. */
export type SloKpi = Pick<
  DocumentedKpi,
  "rollouts_total" | "policy_compliance_rate" | "rollback_success_rate" | "delivery_change_instability_proxy"
>;

/** @param kpi of the trailing window; only asked for where the gate is on */
export async function sloGate(config: SloGateConfig, kpi: () => Promise<SloKpi>): Promise<GateAnswer> {
  if (!config.enabled) return skipped("slo", "slo_gate_disabled", "the SLO gate is off");
  return weighed(config, await kpi());
}

function weighed(config: SloGateConfig, kpi: SloKpi): GateAnswer {
  const { rollouts_total: rollouts } = kpi;
  const told = (status: string) => ({
    gate_status: status,
    gate_config: configJson(config),
    scoreboard_kpi: kpiJson(kpi),
  });
  if (rollouts < config.minRollouts) {
    const message = `the window has ${rollouts} rollouts of the ${config.minRollouts} that the gate judges by`;
    if (config.insufficientHistory === "allow") {
      return open("slo", "insufficient_history_allowed", message, told("allowed"));
    }
    return closed("slo", {
      reason: "min_rollouts_total_not_met",
      message,
      opens: `More rollouts within the window, or \`insufficient_history: allow\` in the gate's configuration.`,
      details: told("insufficient_history"),
    });
  }
  const missed = thresholds.find(({ isMissed }) => isMissed(kpi, config));
  if (missed === undefined)
    return open("slo", "allowed", "the last window went well enough", told("allowed"));
  return closed("slo", {
    reason: missed.reason,
    message: missed.message(kpi, config),
    opens: "Better rollouts, or the bad ones leaving the window as time goes on.",
    details: told("prevented"),
  });
}

interface Threshold {
  readonly reason: string;
  isMissed(kpi: SloKpi, config: SloGateConfig): boolean;
  message(kpi: SloKpi, config: SloGateConfig): string;
}

/** In the documented order. */
const thresholds: readonly Threshold[] = [
  {
    reason: "policy_compliance_rate_below_threshold",
    // Written so that what is no number is missed.
    isMissed: (kpi, { minPolicyComplianceRate: min }) => !(kpi.policy_compliance_rate >= min),
    message: (kpi, config) =>
      `${shown(kpi.policy_compliance_rate)} of the rollouts were allowed by policy, not ${shown(config.minPolicyComplianceRate)}`,
  },
  {
    reason: "rollback_success_rate_below_threshold",
    isMissed: (kpi, { minRollbackSuccessRate: min }) => !(kpi.rollback_success_rate >= min),
    message: (kpi, config) =>
      `${shown(kpi.rollback_success_rate)} of the rollbacks succeeded, not ${shown(config.minRollbackSuccessRate)}`,
  },
  {
    reason: "delivery_change_instability_proxy_above_threshold",
    isMissed: (kpi, { maxChangeInstability: max }) => !(kpi.delivery_change_instability_proxy <= max),
    message: (kpi, config) =>
      `${shown(kpi.delivery_change_instability_proxy)} of the rollouts were brought back, more than ${shown(config.maxChangeInstability)}`,
  },
];

function shown(rate: number): string {
  return `${Math.round(rate * 1_000) / 10} %`;
}

function configJson(config: SloGateConfig): JsonObject {
  return {
    enabled: config.enabled,
    min_rollouts_total: config.minRollouts,
    min_policy_compliance_rate: config.minPolicyComplianceRate,
    min_rollback_success_rate: config.minRollbackSuccessRate,
    max_delivery_change_instability_proxy: config.maxChangeInstability,
    insufficient_history: config.insufficientHistory,
  };
}

function kpiJson(kpi: SloKpi): JsonObject {
  const { rollouts_total, policy_compliance_rate, rollback_success_rate, delivery_change_instability_proxy } =
    kpi;
  return { rollouts_total, policy_compliance_rate, rollback_success_rate, delivery_change_instability_proxy };
}
