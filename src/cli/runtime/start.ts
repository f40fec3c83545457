/** `akc runtime start`: runs a bundle to its end, shows it while it goes, and says what came of it. */
import { policyModes } from "../../bundle/model.ts";
import { command, commonArgs } from "../command.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { readProject } from "../project.ts";
import { formats } from "../render/output.ts";
import { dispatchChoices, newRunArgs, roleProfiles, startOptions } from "./start-options.ts";
import { startWatched } from "./start-watched.ts";

export const start = command({
  path: "runtime start",
  summary: "Run a bundle.",
  notes: [
    "The run is recorded before anything happens, and its evidence is written however it ends. Progress goes to stderr, the result to stdout.",
    "SIGINT, SIGTERM and SIGHUP stop the run in good order: running actions are cancelled and it ends `stopped`. A second signal kills what runs and ends akc at once; what was recorded stays.",
    "A bundle with operational criteria is judged when its work is done; what they ask of outside systems is in the registry of validator bindings. Exit code 1: a criterion is not met, or could not be judged. 4: there is too little to tell.",
    "With the --runtime-run-id of a run whose process is gone it goes on with that run, as `akc runtime resume` does: whoever starts it again and again, as systemd does, runs it once.",
  ],
  examples: [
    {
      command: "akc runtime start --bundle release.json --mode simulate",
      says: "Decide everything, change nothing.",
    },
    { command: "akc runtime start --bundle release.json --mode enforce", says: "Do the work." },
    {
      command:
        'akc runtime start --bundle release.json --mode enforce --bundle-sha256 "$APPROVED" --deadline 10m -o json',
      says: "In a pipeline: only the approved bundle, at most ten minutes, the result as JSON.",
    },
  ],
  usage: "--bundle FILE --mode MODE",
  exits: [0, 1, 2, 3, 4, 5, 129, 130, 143],
  environment: {
    AKC_OUTPUTS_ROOT: "Where the run is kept, unless --outputs-root says so.",
    AKC_DEVELOPER_ROLE_PROFILE: "classic or emerging, unless --developer-role-profile says so.",
    ...pluginEnvironment,
  },
  args: {
    bundle: {
      type: "string",
      valueHint: "FILE",
      description: "The bundle. Always needed; it is never picked.",
    },
    mode: {
      type: "enum",
      options: [...policyModes],
      valueHint: "MODE",
      description:
        "simulate changes nothing, enforce does the work, canary does it on less. Needed, unless the profile is emerging: then simulate.",
    },
    adapter: {
      type: "string",
      default: "auto",
      valueHint: "ID",
      description: "auto, native, local_depth, a plugin (vendor/name) or the id of a plugin's adapter.",
    },
    ...pluginArgs,
    bundleSha256: {
      type: "string",
      valueHint: "SHA256",
      description: "Fingerprint that the bundle must have.",
    },
    ...policyArgs,
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description:
        "Registry of validator bindings; else the project file's, or configs/validation/validator_bindings.v1.yaml.",
    },
    requireEffects: { type: "boolean", description: "Refuse actions that have nothing to execute." },
    strictIntentAuthority: { type: "boolean", description: "Verify the bundle's intent against its store." },
    outputsRoot: {
      type: "string",
      valueHint: "DIR",
      description:
        "Where the run is kept; else AKC_OUTPUTS_ROOT, the project file, or the bundle's own place.",
    },
    ...newRunArgs,
    developerRoleProfile: {
      type: "enum",
      options: [...roleProfiles],
      description: "Defaults for mode and coordination; classic has none.",
    },
    coordinationParallelDispatch: {
      type: "enum",
      options: [...dispatchChoices],
      description: "Override the bundle's word on running steps side by side.",
    },
    coordinationMaxInFlightSteps: {
      type: "string",
      valueHint: "N",
      description: "Override: most steps at a time.",
    },
    coordinationMaxInFlightPerRole: {
      type: "string",
      valueHint: "N",
      description: "Override: most steps of one role at a time.",
    },
    deliveryTargetLane: {
      type: "enum",
      options: ["staging", "production"],
      description: "Accepted for old scripts; a run without a deployment has no lane.",
    },
    quiet: { type: "boolean", alias: ["q"], description: "No progress on stderr." },
    output: { ...commonArgs.output, options: [...formats], alias: ["o", "format"] },
  },
  async run(args, session) {
    const project = await readProject(process.cwd());
    const options = startOptions(args, session.io.env, project);
    return startWatched(session, { options, flags: args, project });
  },
});
