/**
 * What one scope goes by: each setting from the first place that says something of it. For all scopes together, and again for each that
 * the file says more of; never looks at a disk.
 *
 * Source: spec cli §14.2; cli:W-23.
 */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import { type Budgets, environments, modes } from "../model.ts";
import { choice } from "./composed.ts";
import { gateSettings } from "./gate-settings.ts";
import type { Layers, Source } from "./layers.ts";
import type { ScopeConfig, ScoreConfig, TriggersConfig } from "./model.ts";
import { unattendedDefaults } from "./profile.ts";
import { recompileSettings } from "./recompile-settings.ts";
import type { ScopeFile } from "./schema.ts";
import { countText, pathText, secondsText } from "./texts.ts";
import { lengthText } from "./words.ts";

export type ScopeSettings = Omit<ScopeConfig, "scope" | "scopeRoot">;

/** What is settled before, for all scopes. */
export interface ScopeGround {
  readonly cwd: string;
  /** The absolute path that a path of the file means. */
  inFile(path: string): string;
  /** A credential's file. */
  credential(name: string): string;
  readonly forwardsEvents: boolean;
  /** Who asked for the defaults of a controller that nobody attends; undefined: nobody. */
  readonly unattended: Source | undefined;
  /** Whether the project is at adoption level 4. */
  readonly autonomous: Source | undefined;
  /** Registry of bindings that counts where nobody names one. */
  readonly bindingsPath: string | undefined;
  readonly projectBindingsPath: string | undefined;
  readonly ingestStatePath: string | undefined;
}

export function scopeSettings(layers: Layers<ScopeFile>, ground: ScopeGround): ScopeSettings {
  const { cwd, inFile } = ground;
  const environment = layers.value(
    "env_profile",
    { text: choice(environments), of: (file) => file.env_profile },
    { value: "staging" },
  );
  const usual = unattendedDefaults[environment];
  const unattended = withEnvironment(ground.unattended, environment);
  const path = (key: "bundle" | "policy") =>
    layers.maybe(key, {
      text: pathText(cwd),
      of: (file) => (file[key] === undefined ? undefined : inFile(file[key])),
    });
  const mode = layers.value("mode", { text: choice(modes), of: (file) => file.mode }, { value: "enforce" });
  // Who only looks spends nothing.
  const idle: Source | undefined = mode === "observe" ? { kind: "default", name: "mode observe" } : undefined;
  return {
    environment,
    mode,
    intervalMs: layers.value(
      "interval",
      {
        text: secondsText(limits.autopilotIntervalMsMin, limits.autopilotIntervalMsMax),
        of: (file) => file.interval,
        show: lengthText,
      },
      unattended === undefined
        ? { value: limits.autopilotIntervalMsDefault }
        : { value: usual.intervalMs, source: unattended },
    ),
    budgets: budgets(layers, usual, unattended ?? idle),
    bundlePath: path("bundle"),
    policyPath: path("policy"),
    pluginsDirs: layers.value(
      "plugins_dirs",
      { texts: v.array(pathText(cwd)), of: (file) => file.plugins_dirs?.map(inFile) },
      { value: [] },
    ),
    bindingsPath: bindings(layers, ground),
    recompile: recompileSettings(layers, ground, environment),
    triggers: triggers(layers, ground),
    gates: gateSettings(layers, ground),
    rollout: {
      bakeMs: layers.value(
        "rollout.bake",
        { of: (file) => file.rollout?.bake, show: lengthText },
        { value: limits.autopilotBakeMsDefault },
      ),
      bakeLookMs: layers.value(
        "rollout.bake_look",
        { of: (file) => file.rollout?.bake_look, show: lengthText },
        { value: limits.autopilotBakeLookMsDefault },
      ),
      bindings: layers.value("rollout.bindings", { of: (file) => file.rollout?.bindings }, { value: [] }),
      deadlineMs: layers.maybe("rollout.deadline", {
        of: (file) => file.rollout?.deadline,
        show: lengthText,
      }),
    },
    score: score(layers),
  };
}

/** The source with the environment whose row of the table it is. */
function withEnvironment(source: Source | undefined, environment: string): Source | undefined {
  return source === undefined ? undefined : { ...source, name: `${source.name}, ${environment}` };
}

const budgetKeys = {
  mutationsPerDay: ["mutations_per_day", 1],
  rollbacksPerDay: ["rollbacks_per_day", 0],
  rollbacksPerDayBeforeEscalation: ["rollbacks_per_day_before_escalation", 1],
  concurrentRollouts: ["concurrent_rollouts", 1],
  consecutiveFailures: ["consecutive_failures", 1],
} as const;
const cooldownKeys = {
  cooldownAfterFailureMs: "cooldown_after_failure",
  cooldownAfterPolicyDenyMs: "cooldown_after_policy_deny",
} as const;

/** Explicit ones count, one by one; what is missing comes from the defaults where they were asked for, and is a fault where not. */
function budgets(layers: Layers<ScopeFile>, usual: Budgets, unattended: Source | undefined): Budgets {
  const number = (name: keyof typeof budgetKeys) => {
    const [key, min] = budgetKeys[name];
    const ways = {
      text: countText(min, limits.autopilotBudgetMax),
      of: (file: ScopeFile) => file.budgets?.[key],
    };
    return layers.wanted(`budgets.${key}`, ways, { value: usual[name], source: unattended });
  };
  const cooldown = (name: keyof typeof cooldownKeys) => {
    const key = cooldownKeys[name];
    const ways = {
      text: countText(0, limits.autopilotDurationMsMax),
      of: (file: ScopeFile) => file.budgets?.[key],
      show: lengthText,
    };
    return layers.wanted(`budgets.${key}`, ways, { value: usual[name], source: unattended });
  };
  return {
    mutationsPerDay: number("mutationsPerDay"),
    rollbacksPerDay: number("rollbacksPerDay"),
    rollbacksPerDayBeforeEscalation: number("rollbacksPerDayBeforeEscalation"),
    concurrentRollouts: number("concurrentRollouts"),
    consecutiveFailures: number("consecutiveFailures"),
    cooldownAfterFailureMs: cooldown("cooldownAfterFailureMs"),
    cooldownAfterPolicyDenyMs: cooldown("cooldownAfterPolicyDenyMs"),
  };
}

function bindings(layers: Layers<ScopeFile>, ground: ScopeGround): string | undefined {
  const ways = {
    text: pathText(ground.cwd),
    of: (file: ScopeFile) =>
      file.validator_bindings === undefined ? undefined : ground.inFile(file.validator_bindings),
    project: ground.projectBindingsPath,
  };
  if (ground.bindingsPath === undefined) return layers.maybe("validator_bindings", ways);
  return layers.value("validator_bindings", ways, { value: ground.bindingsPath });
}

function triggers(layers: Layers<ScopeFile>, ground: ScopeGround): TriggersConfig {
  const on = (key: "runtime_events" | "drift" | "validity" | "intent", value = true) =>
    layers.value(`triggers.${key}`, { of: (file) => file.triggers?.[key] }, { value });
  const sources = layers.value("triggers.sources", { of: (file) => file.triggers?.sources }, { value: [] });
  const schedule = layers.maybe("triggers.schedule", {
    of: (file) => file.triggers?.schedule,
    show: ({ cron, time_zone }) => ({ cron, time_zone: time_zone ?? "UTC" }),
  });
  const runtimeEvents = on("runtime_events", ground.forwardsEvents);
  if (runtimeEvents && !ground.forwardsEvents) {
    layers.note("triggers.runtime_events has no effect: with the profile off no event of a run is forwarded");
  }
  return {
    runtimeEvents: runtimeEvents && ground.forwardsEvents,
    drift: on("drift"),
    validity: on("validity"),
    sources: ground.ingestStatePath === undefined ? sources : [...sources, ground.ingestStatePath],
    intent: on("intent"),
    schedule:
      schedule === undefined ? undefined : { cron: schedule.cron, timeZone: schedule.time_zone ?? "UTC" },
  };
}

const monthMs = 30 * 86_400_000;

/** What is promised where nobody says anything else; it is shown and holds nothing up. */
export const usualSlos: ScoreConfig["slos"] = [
  { id: "rollouts", indicator: "rollouts", objective: 0.95, periodMs: monthMs, minSamples: 5 },
  { id: "standing", indicator: "standing", objective: 0.99, periodMs: monthMs, minSamples: 100 },
];

function score(layers: Layers<ScopeFile>): ScoreConfig {
  return {
    windowMs: layers.value(
      "score.window",
      {
        text: countText(60_000, limits.autopilotDurationMsMax),
        of: (file) => file.score?.window,
        show: lengthText,
      },
      { value: limits.autopilotScoreWindowMsDefault },
    ),
    slos: layers.value(
      "score.slos",
      {
        of: (file) =>
          file.score?.slos?.map(({ id, indicator, objective, period, min_samples }) => ({
            id,
            indicator,
            objective,
            periodMs: period ?? monthMs,
            minSamples: min_samples ?? 0,
          })),
        show: (slos) =>
          slos.map(({ periodMs, minSamples, ...slo }) => ({
            ...slo,
            period: lengthText(periodMs),
            min_samples: minSamples,
          })),
      },
      { value: usualSlos },
    ),
  };
}
