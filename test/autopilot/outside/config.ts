/** The part of a configuration that measurements are read off. */
import type { AutopilotConfig } from "../../../src/autopilot/config/model.ts";
import { limits } from "../../../src/limits.ts";
import { someBudgets } from "./fake-controller.ts";

export const someDefaults: Pick<AutopilotConfig, "defaults" | "scopes"> = {
  defaults: {
    mode: "enforce",
    intervalMs: 60_000,
    budgets: someBudgets,
    pluginsDirs: [],
    triggers: { runtimeEvents: true, drift: true, validity: true, sources: [], intent: true },
    gates: {
      promotion: { require: "when_mutating", publicKeys: [] },
      slo: {
        enabled: false,
        minRollouts: 5,
        minPolicyComplianceRate: 0.98,
        minRollbackSuccessRate: 0.95,
        maxChangeInstability: 0.25,
        insufficientHistory: "hold",
      },
      windows: [],
      freezes: [],
      approval: "never",
    },
    rollout: { bakeMs: limits.autopilotBakeMsDefault, bakeLookMs: 15_000, bindings: [] },
    score: { windowMs: 604_800_000, slos: [] },
    environment: "staging",
  },
  scopes: new Map(),
};
