/** `akc run`: from a plan to its end. Builds, checks, starts, and says what to type next. */
import { mkdir } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { policyModes } from "../../bundle/model.ts";
import type { RunReport } from "../../run/start.ts";
import { resolveConfined, writeFileAtomic } from "../../system/files.ts";
import { command, type Session } from "../command.ts";
import { followUpOnRun } from "../follow-up.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { newRunArgs, startOptions } from "../runtime/start-options.ts";
import { startWatched } from "../runtime/start-watched.ts";
import { bundlePlace, type Given, givenArg, nameOf, readGiven } from "./given.ts";
import { bundleText, prepareGiven } from "./prepared.ts";
import { projectOf } from "./project-of.ts";
import { warningsOf } from "./warnings.ts";

export const run = command({
  path: "run",
  summary: "Run a plan: build it, check it, start it, and watch it.",
  notes: [
    "It does the work: unlike `akc runtime start`, which must be told, it runs in the mode enforce. `--mode simulate` changes nothing; `akc plan` says what would happen without a run.",
    "A plan with a fault starts nothing. Its bundle is written below .akc/runtime beside the plan, under a name with its digest: a run can be gone on with after the plan was edited. The run is kept where --outputs-root, AKC_OUTPUTS_ROOT or the project file says, else beside the plan. A bundle is run as `akc runtime start` would.",
    "Signals stop the run in good order, and exit codes are those of `akc runtime start`.",
  ],
  examples: [
    { command: "akc run", says: "The akc.yaml of this folder." },
    { command: "akc run release/akc.yaml --mode simulate", says: "Decide everything, change nothing." },
    {
      command: "akc run --policy operator.yaml --runtime-run-id release-7 -o json",
      says: "In a pipeline, under a policy, with an id of its own.",
    },
  ],
  exits: [0, 1, 2, 3, 4, 5, 129, 130, 143],
  environment: {
    AKC_OUTPUTS_ROOT: "Where the run is kept, unless --outputs-root says so.",
    ...pluginEnvironment,
  },
  args: {
    file: givenArg,
    mode: {
      type: "enum",
      options: [...policyModes],
      default: "enforce",
      valueHint: "MODE",
      description: "enforce does the work, simulate changes nothing, canary does it on less.",
    },
    adapter: {
      type: "string",
      default: "auto",
      valueHint: "ID",
      description: "auto, native, local_depth, a plugin (vendor/name) or the id of a plugin's adapter.",
    },
    ...pluginArgs,
    ...policyArgs,
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description: "Registry of validator bindings; else the project file's, or the usual place.",
    },
    requireEffects: { type: "boolean", description: "Refuse actions that have nothing to execute." },
    outputsRoot: { type: "string", valueHint: "DIR", description: "Where the run is kept." },
    ...newRunArgs,
    quiet: { type: "boolean", alias: ["q"], description: "No progress and no advice on stderr." },
  },
  async run(args, session) {
    const given = await readGiven(args.file);
    const project = await projectOf(given);
    const flags = { ...args, bundle: given.path };
    // What is wrong with the flags is said before anything is written.
    startOptions(flags, session.io.env, project);
    if (given.kind === "plan" && args.quiet !== true)
      for (const text of warningsOf(given)) session.io.words(text);
    const bundle = await written(given, args);
    const options = startOptions({ ...flags, bundle }, session.io.env, project);
    let report: RunReport | undefined;
    const exit = await startWatched(session, {
      options,
      flags: args,
      project,
      onReport: (told) => {
        report = told;
      },
    });
    if (report !== undefined && args.quiet !== true) await sayNext(session, report);
    return exit;
  },
});

/** The path of the bundle: that of a plan is written once it is known to load, and never otherwise. */
async function written(
  given: Given,
  args: { readonly mode?: string | undefined; readonly policy?: string | undefined },
): Promise<string> {
  if (given.kind === "bundle") return given.path;
  const mode = policyModes.find((known) => known === args.mode) ?? "enforce";
  await prepareGiven(given, { mode, policyPath: args.policy });
  const path = bundlePlace(given, nameOf(given));
  // Nothing is written where a link in the plan's folder leads.
  await resolveConfined(given.folder, relative(given.folder, path));
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, bundleText(given));
  return path;
}

/** For people at a terminal and in logs alike; the data has the id as well. */
async function sayNext({ io }: Session, report: RunReport): Promise<void> {
  const outputsRoot = resolve(report.scopeDir, "../../../../../..");
  const id = report.runtimeRunId;
  const status = await followUpOnRun(io, ["runtime", "status", id], { outputsRoot });
  const shown = await followUpOnRun(io, ["runtime", "report", "--runtime-run-id", id, "-o", "report.html"], {
    outputsRoot,
  });
  io.words(`run ${id}\nnext: ${status}\n      ${shown}\n`);
}
