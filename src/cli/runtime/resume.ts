/** `akc runtime resume`: goes on with a run, or runs a part of it again, and shows it as `start` does. */
import { join, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { namedBindings } from "../../validation/bindings/place.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import { command, commonArgs } from "../command.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { formats } from "../render/output.ts";
import { valuesOf } from "../strict.ts";
import { duration } from "../values.ts";
import { withStopCommand } from "./aftermath.ts";
import { locatingEnvironment, oneRun, runArgs } from "./locate.ts";
import { watchedRun } from "./watched-run.ts";

export const resume = command({
  path: "runtime resume",
  summary: "Go on with a run that was cut off or stopped, or run a part of it again.",
  notes: [
    "What is recorded as done is not done again. What was under way when the process died is offered again with the same idempotency key; whether it happened, nobody can know. The bundle must be the one that the run was started with; the policy may have changed and is asked anew.",
    "A run that succeeded, failed or was blocked goes on only with --from: the steps named and all that depends on them begin again, the others keep their results. A run that ended before its evidence was written gets it.",
  ],
  examples: [
    { command: "akc runtime resume 0193f2c1", says: "Go on where it was cut off." },
    {
      command: "akc runtime resume 0193f2c1 --from build",
      says: "Run `build` again, and what depends on it.",
    },
    {
      command: "akc runtime resume 0193f2c1 --bundle /srv/release.json --deadline 10m",
      says: "The bundle has moved; ten minutes from now at most.",
    },
  ],
  exits: [0, 1, 2, 3, 4, 5, 129, 130, 143],
  environment: { ...locatingEnvironment, ...pluginEnvironment },
  args: {
    ...runArgs,
    from: {
      type: "string",
      valueHint: "STEP",
      description: "Run these steps again and all that depends on them; several with commas.",
    },
    bundle: {
      type: "string",
      valueHint: "FILE",
      description: "Where the bundle is now; else where it was. It must be the same one.",
    },
    policy: {
      ...policyArgs.policy,
      description: "The operator's policy; else the file that the run was started with.",
    },
    deadline: {
      type: "string",
      valueHint: "TIME",
      description: "Longest time from now; else what is left of the start's.",
    },
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description: "The registry of validator bindings; else that of the run's start.",
    },
    ...pluginArgs,
    acceptPluginChange: {
      type: "boolean",
      description: "Go on although the plugin of the run is not as it was.",
    },
    quiet: { type: "boolean", alias: ["q"], description: "No progress on stderr." },
    output: { ...commonArgs.output, options: [...formats], alias: ["o", "format"] },
  },
  async run(args, session) {
    const deadlineMs =
      args.deadline === undefined
        ? undefined
        : duration("--deadline", args.deadline, { min: 1, max: limits.runDeadlineMsMax });
    const from = stepsOf(args.from);
    const pluginsDirs = valuesOf(args.pluginsDir).map((directory) => resolve(directory));
    const bundle = args.bundle === undefined ? undefined : bundlePath(args.bundle);
    const bindingsPath = namedBindings(args.validatorBindings);
    const { row, scopeRoot } = await oneRun(session.io, args);
    const watched = {
      quiet: args.quiet === true,
      bundlePath: bundle ?? row.bundlePath,
      policyPath: args.policy,
    };
    try {
      return await watchedRun(session, watched, async (hands, host) => {
        const { resumeRun } = await import("../../run/resume.ts");
        return resumeRun(
          {
            ...hands,
            scopeRoot,
            runtimeRunId: row.context.runtimeRunId,
            from,
            ...(bundle === undefined ? {} : { bundlePath: bundle }),
            ...(args.policy === undefined ? {} : { policyPath: args.policy }),
            ...(deadlineMs === undefined ? {} : { deadlineMs }),
            ...(pluginsDirs.length === 0 ? {} : { pluginsDirs }),
            ...(bindingsPath === undefined ? {} : { bindingsPath }),
            ...(args.acceptPluginChange === true ? { acceptPluginChange: true } : {}),
          },
          host,
        );
      });
    } catch (thrown) {
      throw await withStopCommand(thrown, session.io, () => join(scopeRoot, "../.."));
    }
  },
});

/** @throws AkcError USAGE for an empty name */
function stepsOf(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const steps = text.split(",").map((step) => step.trim());
  if (!steps.includes("")) return [...new Set(steps)];
  throw new AkcError("USAGE", {
    message: `--from cannot be "${text}"`,
    hint: "Name steps, with commas between them: --from build,test.",
  });
}
