/** `akc bundle inspect`: what a bundle would be allowed to do, what would run, and where, before anything runs. */
import { policyModes } from "../../bundle/model.ts";
import { inspectBundle } from "../../policy/inspect.ts";
import { prepareRun } from "../../run/prepare.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { bundlePath } from "./bundle-path.ts";
import { inspectionData } from "./inspection-data.ts";
import { inspectionText } from "./inspection-text.ts";

export const inspect = command({
  path: "bundle inspect",
  summary: "Show what a bundle would be allowed to do, what would run, and where.",
  examples: [
    { command: "akc bundle inspect release.json", says: "To read before running it." },
    {
      command: "akc bundle inspect release.json -o json | jq '.steps[].route'",
      says: "How each step would be carried out.",
    },
  ],
  exits: [0, 2],
  args: {
    bundle: { type: "positional", required: true, valueHint: "FILE", description: "The bundle." },
    mode: {
      type: "enum",
      options: [...policyModes],
      default: "simulate",
      description:
        "The mode of the run asked about. In enforce and canary, policies that cannot be applied are an error.",
      valueHint: "MODE",
    },
    ...policyArgs,
  },
  async run(args, session) {
    const prepared = await prepareRun({
      bundlePath: bundlePath(args.bundle),
      mode: policyModes.find((known) => known === args.mode) ?? "simulate",
      adapter: "auto",
      ...(args.policy === undefined ? {} : { policyPath: args.policy }),
    });
    const inspection = inspectBundle(prepared.bundle, prepared.policy);
    const bounds = { caps: prepared.plan.caps, policy: prepared.policy };
    await session.print({
      data: inspectionData(inspection, bounds),
      text: () => inspectionText(inspection, bounds, session.io.stdout),
    });
    return 0;
  },
});
