/** `akc plan`: what a plan would do here, and what of it would be denied. Starts nothing and writes nothing. */
import { resolve } from "node:path";
import { policyModes } from "../../bundle/model.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { foresee } from "./foreseen.ts";
import { foreseenData } from "./foreseen-data.ts";
import { foreseenText } from "./foreseen-text.ts";
import { givenArg, readGiven } from "./given.ts";
import { prepareGiven } from "./prepared.ts";
import { projectOf } from "./project-of.ts";
import { warningsOf } from "./warnings.ts";

export const plan = command({
  path: "plan",
  summary: "Show what a plan would do here, and what of it would be denied.",
  notes: [
    "The plan is compiled in memory; nothing is written and nothing is started. The policy of the bundle and of this host's operator are asked, and programs are looked for as a run would look for them. What stands of services is not looked at: once there is a run, `akc runtime reconcile RUN --dry-run --diff` does.",
    "Exit code 0: all of it would be let. 1: something would be denied, or could not run here; each with its rule and what mends it.",
  ],
  examples: [
    { command: "akc plan", says: "The akc.yaml of this folder." },
    {
      command: "akc plan release.json --policy operator.yaml",
      says: "A bundle, under an operator's policy.",
    },
    {
      command: "akc plan -o json | jq '.steps[] | select(.allowed | not)'",
      says: "Only what would be denied.",
    },
  ],
  exits: [0, 1, 2],
  args: {
    file: givenArg,
    mode: {
      type: "enum",
      options: [...policyModes],
      default: "enforce",
      valueHint: "MODE",
      description: "The mode of the run asked about.",
    },
    ...policyArgs,
    requireEffects: {
      type: "boolean",
      description: "As if the run refused actions that have nothing to execute.",
    },
    outputsRoot: { type: "string", valueHint: "DIR", description: "Where the run would be kept." },
  },
  async run(args, session) {
    const given = await readGiven(args.file);
    const mode = policyModes.find((known) => known === args.mode) ?? "enforce";
    const prepared = await prepareGiven(given, {
      mode,
      policyPath: args.policy,
      requireEffects: args.requireEffects,
    });
    if (given.kind === "plan") for (const text of warningsOf(given)) session.io.words(text);
    const foreseen = await foresee(prepared, {
      outputsRoot: resolve(
        args.outputsRoot ??
          (session.io.env["AKC_OUTPUTS_ROOT"]?.trim() || (await projectOf(given)).outputsRoot || "."),
      ),
      env: process.env,
      nowMs: systemClock.nowMs(),
    });
    const lineOf =
      given.kind === "plan"
        ? (id: string) => lines(["steps", given.compiled.writtenAs.get(id) ?? id])
        : () => undefined;
    const lines = given.kind === "plan" ? given.compiled.lineOf : () => undefined;
    const told = { foreseen, prepared, path: given.path, lineOf };
    await session.print({
      data: foreseenData(told),
      text: () => foreseenText(told, session.io.stdout),
    });
    return foreseen.denied === 0 ? 0 : 1;
  },
});
