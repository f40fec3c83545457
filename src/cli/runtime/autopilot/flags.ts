/** The flags of `akc runtime autopilot`, and the environment that it reads: data for help, completion and reading. */

import type { ArgDef, ArgsDef } from "citty";
import type { Flags } from "../../../autopilot/config/layers.ts";
import { environments, modes } from "../../../autopilot/model.ts";
import { AkcError } from "../../../errors.ts";
import { pluginArgs, pluginEnvironment } from "../../plugin/plugin-args.ts";
import { policyArgs } from "../../policy/policy-args.ts";
import { flagName, valuesOf } from "../../strict.ts";

const text = (valueHint: string, description: string) =>
  ({ type: "string", valueHint, description }) as const;
const number = (description: string) => text("N", description);

/** Of the autopilot itself. */
const own = {
  config: text("FILE", "The configuration; else AKC_AUTOPILOT_CONFIG. Flags and variables count before it."),
  check: {
    type: "boolean",
    description: "Read it, print what counts and where each value came from; start nothing.",
  },
  mode: {
    type: "enum",
    options: [...modes],
    valueHint: "MODE",
    description:
      "observe looks and records, propose also plans and waits for a person, enforce does it [default: enforce].",
  },
  once: { type: "boolean", description: "One pass over all scopes, then exit: --max-iterations 1." },
  listen: text("ADDRESS", "unix:PATH or a loopback HOST:PORT, for status, metrics and the webhook."),
} as const satisfies ArgsDef;

/** As they have always been documented. */
const documented = {
  outputsRoot: text("DIR", "Where the scopes are; else AKC_OUTPUTS_ROOT or the project file. Needed."),
  ingestStatePath: text("FILE", "What a compiler took in: one more source to watch. Not needed."),
  tenantId: text("ID", "Only this tenant."),
  repoId: text("ID", "Only this repository of the tenant."),
  scopeRegistryPath: text("FILE", "JSON list of {tenant_id, repo_id}; read again at every turn."),
  controllerId: text("ID", "What this controller calls itself [default: autopilot]."),
  envProfile: {
    type: "enum",
    options: [...environments],
    valueHint: "ENV",
    description: "dev, staging or prod: chooses defaults [default: staging].",
  },
  livingAutomationProfile: text(
    "PROFILE",
    "off, living_loop_v1 or living_loop_unattended_v1; the last brings the defaults of a controller that nobody attends.",
  ),
  unattendedDefaults: {
    type: "boolean",
    description:
      "Budgets and interval by environment, where nothing else says them. Needs the profile living_loop_unattended_v1.",
  },
  livingCheckIntervalSec: text("SECONDS", "Between two visits of a scope without a cause [default: 3600]."),
  maxIterations: number("Passes over all scopes, then exit 0."),
  leaseBackend: {
    type: "enum",
    options: ["sqlite", "filesystem", "k8s"],
    valueHint: "BACKEND",
    description: "sqlite, filesystem or k8s: who keeps the leases [default: sqlite].",
  },
  leaseName: text("NAME", "One lease of this name for all scopes; else one a scope."),
  leaseNamespace: text("NAME", "Of Kubernetes; needed with k8s."),
  expectReplicas: number("How many controllers are meant to run; for `akc living doctor`."),
  maxMutationsPerDay: number("Rollouts and repairs of a scope within 24 hours."),
  maxConcurrentRollouts: number("Attempts under way in all scopes together."),
  rollbackBudgetPerDay: number("Rollbacks of a scope within 24 hours; with more, nothing is begun."),
  maxConsecutiveRolloutFailures: number("Failures in a row at which a scope is held for a person."),
  maxRollbacksPerDayBeforeEscalation: number(
    "Rollbacks within 24 hours at which a scope is held for a person.",
  ),
  cooldownAfterFailureMs: text("MS", "Nothing is begun for so long after a failure."),
  cooldownAfterPolicyDenyMs: text("MS", "Nothing is begun for so long after gates refused by policy."),
  sloGate: { type: "boolean", description: "A scope's own score must be good enough for a rollout." },
  sloMinRollouts: number("With fewer rollouts its history is insufficient [default: 5]."),
  sloMinPolicyComplianceRate: text("RATE", "From 0 to 1 [default: 0.98]."),
  sloMinRollbackSuccessRate: text("RATE", "From 0 to 1 [default: 0.95]."),
  sloMaxChangeInstabilityProxy: text("RATE", "From 0 to 1 [default: 0.25]."),
  scoreboardWindowMs: text("MS", "Length of one scoreboard [default: 604800000, a week]."),
  evalSuitePath: text("FILE", "For the recompile hook; akc itself does not read it."),
  policyMode: {
    type: "enum",
    options: ["audit_only", "enforce"],
    valueHint: "MODE",
    description: "audit_only or enforce: for the recompile hook [default: enforce].",
  },
  canaryMode: {
    type: "enum",
    options: ["quick", "thorough"],
    valueHint: "MODE",
    description: "quick or thorough: for the recompile hook [default: quick].",
  },
  acceptMode: {
    type: "enum",
    options: ["quick", "thorough"],
    valueHint: "MODE",
    description: "quick or thorough: for the recompile hook [default: thorough].",
  },
  goal: text("TEXT", "For the recompile hook [default: Compile repository]."),
} as const satisfies ArgsDef;

export const autopilotArgs = {
  ...own,
  ...documented,
  ...policyArgs,
  ...pluginArgs,
  validatorBindings: text("FILE", "Registry of validator bindings; else the project file's."),
} as const satisfies ArgsDef;

export const autopilotEnvironment = {
  AKC_AUTOPILOT_CONFIG: "The configuration, unless --config says so.",
  AKC_OUTPUTS_ROOT: "Where the scopes are.",
  AKC_TENANT_ID: "Only this tenant.",
  AKC_REPO_ID: "Only this repository of the tenant.",
  AKC_INGEST_STATE_PATH: "As --ingest-state-path; AKC_AUTOPILOT_INGEST_STATE where it is not set.",
  AKC_LIVING_AUTOMATION_PROFILE: "Profile of the living loop; an unknown one means off.",
  AKC_AUTOPILOT_LEASE_BACKEND: "As --lease-backend.",
  AKC_AUTOPILOT_LEASE_NAMESPACE: "As --lease-namespace.",
  AKC_AUTOPILOT_EXPECT_REPLICAS: "As --expect-replicas.",
  AKC_LIVING_WEBHOOK_SECRET: "Deprecated: the webhook's secret. Put it into a file: webhook.secret_file.",
  AKC_LIVING_WEBHOOK_TENANT_ALLOWLIST: "Tenants that a delivery may name, with commas between; * is any.",
  AKC_LIVING_WEBHOOK_OUTPUTS_ROOT_ALLOWLIST: "Outputs roots that a delivery may name, with commas between.",
  AKC_AUTOPILOT_OTEL_STDOUT: "1: decisions as OpenTelemetry lines on stdout.",
  AKC_OTEL_EXPORT_STDOUT: "The same, where that one is not set.",
  AKC_OTEL_EXPORT_HTTP_URL: "Those lines, posted to this URL.",
  AKC_OTEL_EXPORT_HTTP_TIMEOUT_SEC: "Longest time of one of them, in seconds; else 10.",
  AKC_OTEL_EXPORT_FILE: "Those lines, appended to this file.",
  AKC_OPA_POLICY_PATH: "Accepted, and without effect: the policy is the operator's file.",
  CREDENTIALS_DIRECTORY: "Where systemd puts what the configuration names as `credential`.",
  ...pluginEnvironment,
} as const;

/** What was given on the command line, by the flags as they are typed. `--once` is one iteration. @throws AkcError USAGE */
export function flagsOf(args: Readonly<Record<string, unknown>>): Flags {
  const flags: Record<string, readonly string[]> = {};
  for (const [name, def] of Object.entries<ArgDef>(autopilotArgs)) {
    const value = args[name];
    if (def.type === "boolean") {
      if (value === true) flags[flagName(name)] = ["true"];
    } else if (typeof value === "string") flags[flagName(name)] = valuesOf(value);
  }
  if (args["once"] === true) {
    const passes = flags["--max-iterations"]?.join() ?? "1";
    if (passes !== "1") {
      throw new AkcError("USAGE", {
        message: "--once is one pass, and --max-iterations says another number",
        hint: "Use one of them.",
      });
    }
    flags["--max-iterations"] = [passes];
  }
  return flags;
}
