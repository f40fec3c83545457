/**
 * The gates of one scope. An empty history holds nothing up unless the file says `hold`: a gate that only its own opening could open
 * would stay shut for good.
 *
 * Source: spec cli §14.11; cli:W-02b.
 */
import { limits } from "../../limits.ts";
import type { Layers } from "./layers.ts";
import type { GatesConfig, SloGateConfig } from "./model.ts";
import type { ScopeFile } from "./schema.ts";
import type { ScopeGround } from "./scope-settings.ts";
import { countText, RatioText, SwitchText } from "./texts.ts";
import { lengthText, timeOfDayText, weekdays } from "./words.ts";

export function gateSettings(layers: Layers<ScopeFile>, ground: ScopeGround): GatesConfig {
  return {
    promotion: promotion(layers, ground),
    slo: slo(layers, ground),
    windows: layers.value(
      "gates.windows",
      {
        of: (file) =>
          file.gates?.windows?.map(({ days, from, to, time_zone }) => ({
            days: [...new Set(days.map((day) => weekdays.indexOf(day)))].sort((a, b) => a - b),
            fromMinute: from,
            toMinute: to,
            timeZone: time_zone ?? "UTC",
          })),
        show: (windows) =>
          windows.map(({ days, fromMinute, toMinute, timeZone }) => ({
            days: days.map((index) => weekdays[index] ?? ""),
            from: timeOfDayText(fromMinute),
            to: timeOfDayText(toMinute),
            time_zone: timeZone,
          })),
      },
      { value: [] },
    ),
    freezes: layers.value(
      "gates.freezes",
      {
        of: (file) =>
          file.gates?.freezes?.map(({ from, to, reason, repairs }) => ({
            fromMs: from,
            toMs: to,
            reason,
            repairs: repairs ?? false,
          })),
        show: (freezes) =>
          freezes.map(({ fromMs, toMs, ...freeze }) => ({
            ...freeze,
            from: new Date(fromMs).toISOString(),
            to: new Date(toMs).toISOString(),
          })),
      },
      { value: [] },
    ),
    approval: layers.value("gates.approval", { of: (file) => file.gates?.approval }, { value: "never" }),
  };
}

function promotion(layers: Layers<ScopeFile>, { inFile }: ScopeGround): GatesConfig["promotion"] {
  return {
    require: layers.value(
      "gates.promotion.require",
      { of: (file) => file.gates?.promotion?.require },
      { value: "when_mutating" },
    ),
    publicKeys: layers.value(
      "gates.promotion.public_keys",
      { of: (file) => file.gates?.promotion?.public_keys?.map(inFile) },
      { value: [] },
    ),
    maxAgeMs: layers.maybe("gates.promotion.max_age", {
      of: (file) => file.gates?.promotion?.max_age,
      show: lengthText,
    }),
  };
}

function slo(layers: Layers<ScopeFile>, { autonomous }: ScopeGround): SloGateConfig {
  const rate = (
    key: "min_policy_compliance_rate" | "min_rollback_success_rate" | "max_change_instability",
    value: number,
  ) => layers.value(`gates.slo.${key}`, { text: RatioText, of: (file) => file.gates?.slo?.[key] }, { value });
  return {
    enabled: layers.value(
      "gates.slo.enabled",
      { text: SwitchText, of: (file) => file.gates?.slo?.enabled },
      autonomous === undefined ? { value: false } : { value: true, source: autonomous },
    ),
    minRollouts: layers.value(
      "gates.slo.min_rollouts",
      { text: countText(0, limits.autopilotBudgetMax), of: (file) => file.gates?.slo?.min_rollouts },
      { value: 5 },
    ),
    minPolicyComplianceRate: rate("min_policy_compliance_rate", 0.98),
    minRollbackSuccessRate: rate("min_rollback_success_rate", 0.95),
    maxChangeInstability: rate("max_change_instability", 0.25),
    insufficientHistory: layers.value(
      "gates.slo.insufficient_history",
      { of: (file) => file.gates?.slo?.insufficient_history },
      { value: "allow" },
    ),
  };
}
