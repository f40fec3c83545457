/** `akc plugin enable`: switch a plugin on again. The list stands beside the plugins directory, not in the plugin. */
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { switchOver } from "./switch.ts";

export const enable = command({
  path: "plugin enable",
  summary: "Switch a plugin on again.",
  notes: ["It must be trusted all the same: enabling is not locking."],
  examples: [{ command: "akc plugin enable acme/scanner", says: "Switch a plugin on again." }],
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
  run: (args, session) => switchOver(args, session, true),
});
