/** `akc plugin remove`: takes a plugin out of the directory that it is in, and out of its lock. */
import { AkcError } from "../../errors.ts";
import { removePlugins } from "../../plugin-host/install.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { printable } from "../render/text.ts";
import { pluginArgs, pluginEnvironment, pluginId } from "./plugin-args.ts";
import { pluginNamed, search, surroundings } from "./search.ts";

export const remove = command({
  path: "plugin remove",
  summary: "Remove a plugin from the directory that it is in.",
  notes: [
    "An older version in the same directory, or one of a later place, counts from then on; the output says so.",
  ],
  examples: [{ command: "akc plugin remove acme/scanner", says: "Remove the version that counts." }],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: { ...pluginId, ...pluginArgs, ...policyArgs },
  async run(args, session) {
    const around = await surroundings(args, session.io.env);
    const plugin = pluginNamed(await search(around), args.id);
    if (plugin.source.kind === "embedded") {
      throw new AkcError("USAGE", {
        message: "akc brings this plugin along",
        hint: `Switch it off with \`akc plugin disable ${plugin.manifest.id}\`.`,
      });
    }
    await removePlugins(plugin.source.directory, [plugin.folder]);
    const [next] = plugin.shadows;
    await session.print({
      data: {
        kind: "PluginRemoval",
        id: plugin.manifest.id,
        version: plugin.manifest.version,
        root: plugin.root,
        counts_now: next === undefined ? null : { version: next.version, root: next.root },
      },
      text: () =>
        [
          `removed  ${plugin.manifest.id} ${plugin.manifest.version}  ${printable(plugin.root)}`,
          ...(next === undefined
            ? []
            : [`now      ${plugin.manifest.id} ${next.version}  ${printable(next.root)}`]),
        ].join("\n"),
    });
    return 0;
  },
});
