/** `akc plugin disable`: switch a plugin off, wherever it is. The list stands beside the plugins directory, not in the plugin. */
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { switchOver } from "./switch.ts";

export const disable = command({
  path: "plugin disable",
  summary: "Switch a plugin off, wherever it is.",
  notes: ["The plugin stays where it is; runs that need it are refused until it is enabled again."],
  examples: [{ command: "akc plugin disable acme/scanner", says: "Switch a plugin off, wherever it is." }],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: {
    id: {
      type: "positional",
      required: true,
      valueHint: "ID",
      description: "The plugin, e.g. acme/scanner.",
    },
    ...pluginArgs,
    ...policyArgs,
  },
  run: (args, session) => switchOver(args, session, false),
});
