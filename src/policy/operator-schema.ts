/**
 * The operator's policy file as a schema: which keys there are, what each may hold and what it means.
 * The JSON schema in docs/ is made from it; nothing here reads a file.
 */
import * as v from "valibot";
import { shapeOf } from "../json/yaml-shape.ts";
import { policyActions } from "./model.ts";
import { PluginsSection } from "./operator-plugins.ts";
import { AbsolutePath } from "./plugin-words.ts";

const Action = v.picklist(policyActions, "is not one of the policy's actions");
const Actions = v.array(Action, "must be a list of actions");

const Text = v.pipe(v.string("must be text"), v.regex(/^\S+$/, "must not be empty or hold spaces"));
const Texts = v.array(Text, "must be a list of texts");

const PolicyId = v.pipe(
  v.string("must be text"),
  v.regex(/^\S(?:.*\S)?$/, "must not be empty, or begin or end with a space"),
);

const Paths = v.array(AbsolutePath, "must be a list of absolute paths");

const Seconds = v.pipe(v.number("must be a number of seconds"), v.gtValue(0, "must be more than 0"));
const Count = v.pipe(
  v.number("must be a whole number"),
  v.safeInteger("must be a whole number"),
  v.minValue(1, "must be at least 1"),
);

const Limits = v.strictObject(
  {
    run_seconds: v.optional(v.pipe(Seconds, v.description("Longest time for a whole run."))),
    action_seconds: v.optional(v.pipe(Seconds, v.description("Longest time for one attempt of one action."))),
    actions_in_flight: v.optional(v.pipe(Count, v.description("Actions that may run at the same time."))),
    output_bytes: v.optional(v.pipe(Count, v.description("Bytes that one process may write to its output."))),
    memory_bytes: v.optional(v.pipe(Count, v.description("Address space of one process, in bytes."))),
    processes: v.optional(v.pipe(Count, v.description("Processes that a child may have."))),
    open_files: v.optional(v.pipe(Count, v.description("Files that one process may hold open."))),
    file_bytes: v.optional(
      v.pipe(Count, v.description("Largest file that one process may write, in bytes.")),
    ),
  },
  "must be a map of limits",
);

const Resolution = v.pipe(
  v.strictObject(
    {
      allow_actions: v.optional(v.pipe(Actions, v.description("Keep only these actions."))),
      deny_actions: v.optional(v.pipe(Actions, v.description("Take these actions away."))),
      acknowledge: v.optional(
        v.pipe(
          v.literal(true, "can only be true; leave it out otherwise"),
          v.description("The policy only describes; it takes nothing away."),
        ),
      ),
    },
    "must be a map with allow_actions, deny_actions or acknowledge",
  ),
  v.minEntries(1, "needs allow_actions, deny_actions or acknowledge: true"),
);

export const OperatorFileSchema = v.strictObject(
  {
    schema: v.pipe(
      v.literal("akc.policy/v1", "must be akc.policy/v1"),
      v.description("The version of this format. Required."),
    ),
    allow_actions: v.optional(v.pipe(Actions, v.description("Only these actions, of those the bundle has."))),
    deny_actions: v.optional(v.pipe(Actions, v.description("Never these actions. Wins over every list."))),
    subprocess: v.optional(
      v.pipe(Paths, v.description("Executables that may be started. An empty list permits none.")),
    ),
    http: v.optional(
      v.pipe(
        Texts,
        v.description(
          "Hosts or URL prefixes that may be called, as in http_allowlist. An empty list permits none.",
        ),
      ),
    ),
    providers: v.optional(v.pipe(Texts, v.description("Kinds of deployment provider that may be used."))),
    containment: v.optional(
      v.pipe(
        v.picklist(
          ["limits", "landlock"],
          "must be limits or landlock: an operator's file cannot ask for less",
        ),
        v.description("The least containment of a process. The strongest that the host has is used anyway."),
      ),
    ),
    require_effects: v.optional(
      v.pipe(
        v.boolean("must be true or false"),
        v.description("Refuse actions that have nothing to execute."),
      ),
    ),
    strict_intent_authority: v.optional(
      v.pipe(
        v.boolean("must be true or false"),
        v.description("Verify every bundle's intent against the intent store."),
      ),
    ),
    read_only_roots: v.optional(
      v.pipe(
        Paths,
        v.description("Folders that a contained process may read beside the system's and its own."),
      ),
    ),
    policies: v.optional(
      v.pipe(
        v.record(PolicyId, Resolution, "must be a map of policy ids"),
        v.description(
          "What the policies of bundles mean that have no explicit list: policy id to its meaning.",
        ),
      ),
    ),
    plugins: v.optional(
      v.pipe(PluginsSection, v.description("Which plugins may run, and what they may touch.")),
    ),
    limits: v.optional(
      v.pipe(Limits, v.description("Upper bounds. A value above akc's own bound changes nothing.")),
    ),
  },
  "must be a map of settings",
);

export const operatorShape = shapeOf(OperatorFileSchema, {
  policies: "a policy id",
  grants: "a plugin id",
  settings: "a plugin id",
  signers: "a name",
});
export const { keysAt, isMapAt } = operatorShape;
