/**
 * The autopilot's configuration file as a schema: which keys there are, what each may hold and what it means. The JSON schema in docs/
 * is made from it; nothing here reads a file or fills in a default.
 *
 * Source: spec cli §14.2; docs/autopilot.md.
 */
import * as v from "valibot";
import { shapeOf } from "../../json/yaml-shape.ts";
import { limits } from "../../limits.ts";
import { environments, modes, profiles } from "../model.ts";
import { choice, described, keysMust, list } from "./composed.ts";
import {
  LeaseSection,
  ListenSection,
  RetentionSection,
  TelemetrySection,
  WebhookSection,
} from "./controller-schema.ts";
import { GatesSection } from "./gates-schema.ts";
import { RecompileSection } from "./recompile-schema.ts";
import {
  ControllerId,
  Cron,
  count,
  Identifier,
  lengthOfTime,
  Path,
  Ratio,
  SourcePath,
  Switch,
  TimeZone,
  Word,
} from "./words.ts";

const budgetMax = limits.autopilotBudgetMax;

const BudgetsSection = v.strictObject(
  {
    mutations_per_day: described(count(1, budgetMax), "Rollouts and repairs within 24 hours."),
    rollbacks_per_day: described(
      count(0, budgetMax),
      "Rollbacks within 24 hours; with more, nothing is begun.",
    ),
    rollbacks_per_day_before_escalation: described(
      count(1, budgetMax),
      "Rollbacks within 24 hours at which the scope is held for a person.",
    ),
    concurrent_rollouts: described(count(1, budgetMax), "Attempts under way in all scopes together."),
    consecutive_failures: described(
      count(1, budgetMax),
      "Failures in a row at which the scope is held for a person.",
    ),
    cooldown_after_failure: described(lengthOfTime(0), "Nothing is begun for so long after a failure."),
    cooldown_after_policy_deny: described(
      lengthOfTime(0),
      "Nothing is begun for so long after gates refused by policy.",
    ),
  },
  "must be a map of budgets",
);

const TriggersSection = v.strictObject(
  {
    runtime_events: described(Switch, "Events of runs that tell of bad health; never with the profile off."),
    drift: described(Switch, "What stands is not what should stand."),
    validity: described(Switch, "Operational validity reports that do not pass."),
    sources: described(
      list(SourcePath),
      "Files and folders to watch: absolute, or below the scope's folder.",
    ),
    intent: described(Switch, "The intent of the newest manifest against that of the deployed bundle."),
    schedule: described(
      v.strictObject(
        {
          cron: v.pipe(Cron, v.description('Five fields, such as "30 4 * * 1-5".')),
          time_zone: described(TimeZone, "Of the IANA list; else UTC."),
        },
        "must be a map with cron",
      ),
      "At these times.",
    ),
  },
  "must be a map of triggers",
);

export const RolloutSection = v.strictObject(
  {
    bake: described(lengthOfTime(0), "How long what was rolled out is watched before it is kept."),
    bake_look: described(lengthOfTime(100), "Between two looks while it is."),
    bindings: described(list(Word), "Bindings of the registry that must pass at the end of the bake."),
    deadline: described(lengthOfTime(1_000), "Longest time for the run of an attempt."),
  },
  "must be a map about rollouts",
);

const ScoreSection = v.strictObject(
  {
    window: described(lengthOfTime(60_000), "Length of one scoreboard."),
    slos: described(
      list(
        v.strictObject(
          {
            id: v.pipe(Identifier, v.description("Its name.")),
            indicator: v.pipe(
              choice(["rollouts", "standing", "recompiles"]),
              v.description(
                "What is counted: rollouts that were kept, looks that found all in order, recompiles that did not fail.",
              ),
            ),
            objective: v.pipe(Ratio, v.description("How much of it is promised, from 0 to 1.")),
            period: described(lengthOfTime(3_600_000), "Over how long."),
            min_samples: described(count(0, 1_000_000), "With fewer events nothing is said."),
          },
          "must be a map with id, indicator and objective",
        ),
      ),
      "What is promised.",
    ),
  },
  "must be a map about scores",
);

/** What a scope goes by: at the top of the file for all, below `scopes.overrides` for one. */
const scopeEntries = {
  mode: described(
    choice(modes),
    "observe looks and records, propose also plans and waits for a person, enforce does it.",
  ),
  interval: described(
    lengthOfTime(limits.autopilotIntervalMsMin, limits.autopilotIntervalMsMax),
    "Between two visits without a cause.",
  ),
  env_profile: described(choice(environments), "Chooses defaults, and is the lane of delivery."),
  bundle: described(Path, "The bundle to keep standing; else that of the newest manifest."),
  policy: described(Path, "The operator's policy; else /etc/akc/policy.yaml where it exists."),
  plugins_dirs: described(list(Path), "Folders to look for plugins in first."),
  validator_bindings: described(Path, "The registry of validator bindings."),
  budgets: described(BudgetsSection, "What is allowed within 24 hours, and cool-downs."),
  recompile: described(RecompileSection, "Who makes a new bundle; without it only what stands is repaired."),
  triggers: described(TriggersSection, "What is a cause to look into."),
  gates: described(GatesSection, "What must be open before anything is changed."),
  rollout: described(RolloutSection, "How long it is watched, and by what it is judged."),
  score: described(ScoreSection, "Scoreboards and promises."),
};

const ScopeSection = v.strictObject(scopeEntries, "must be a map of settings");

const ScopeKey = v.pipe(
  v.string("must be text"),
  v.regex(
    /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    "must be a scope: TENANT/REPO",
  ),
);

const ScopesSection = v.pipe(
  v.strictObject(
    {
      registry: described(Path, "JSON list of {tenant_id, repo_id}, read again at every turn."),
      tenant: described(Identifier, "This tenant; without `repo` every folder of it."),
      repo: described(Identifier, "This repository of the tenant."),
      discover: described(
        v.literal(true, "can only be true; leave it out otherwise"),
        "Whatever lives below the outputs root.",
      ),
      overrides: described(
        v.record(ScopeKey, ScopeSection, "must be a map of scopes"),
        "TENANT/REPO to what differs there.",
      ),
    },
    "must be a map with registry, tenant, repo or discover",
  ),
  keysMust(
    (has) => [has("registry"), has("tenant") || has("repo"), has("discover")].filter(Boolean).length <= 1,
    "has more than one of registry, tenant and discover",
  ),
);

export const AutopilotFileSchema = v.strictObject(
  {
    version: v.pipe(v.literal(1, "must be 1"), v.description("The version of this format. Required.")),
    outputs_root: described(Path, "Where the scopes are: <outputs_root>/<tenant>/<repo>."),
    controller_id: described(ControllerId, "What this controller calls itself."),
    profile: described(choice(profiles), "Of the living loop."),
    parallel: described(count(1, limits.autopilotParallelMax), "Scopes that are visited at a time."),
    ...scopeEntries,
    lease: described(LeaseSection, "Who may work in a scope."),
    scopes: described(ScopesSection, "Which scopes there are."),
    listen: described(ListenSection, "Where it can be looked at from outside."),
    webhook: described(WebhookSection, "Signed deliveries at /v1/trigger; needs `listen`."),
    telemetry: described(TelemetrySection, "Where traces and metrics go."),
    retention: described(RetentionSection, "How much is kept."),
    drain: described(
      lengthOfTime(0, limits.autopilotDrainMsMax),
      "How long a stop may take before what is under way is cut off.",
    ),
  },
  "must be a map of settings",
);

export type AutopilotFile = v.InferOutput<typeof AutopilotFileSchema>;
export type ScopeFile = v.InferOutput<typeof ScopeSection>;

export const autopilotShape = shapeOf(AutopilotFileSchema, {
  overrides: "a scope",
  options: "a word",
});
