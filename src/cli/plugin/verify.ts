/** `akc plugin verify`: whether every file of every plugin is as it was locked and signed. For a person and for a timer. */

import { errorCodes } from "../../errors.ts";
import type { BrokenPlugin, FoundPlugin } from "../../plugin-host/contract.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { styleOf } from "../render/style.ts";
import { printable } from "../render/text.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { brokenData, pluginData, whyOf } from "./plugin-view.ts";
import { pluginNamed, search, surroundings } from "./search.ts";

export const verify = command({
  path: "plugin verify",
  summary: "Say whether plugins are as they were locked and signed, file by file.",
  examples: [
    { command: "akc plugin verify", says: "All that are found." },
    { command: "akc plugin verify acme/scanner -o json | jq '.items[0].files'", says: "Which files differ?" },
  ],
  notes: [
    "Exits 1 when one of them is modified, untrusted or invalid; those that are disabled are checked all the same.",
  ],
  exits: [0, 1, 2],
  environment: pluginEnvironment,
  args: {
    id: {
      type: "positional",
      required: false,
      valueHint: "ID",
      description: "One plugin; all when left out.",
    },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const discovery = await search(await surroundings(args, session.io.env));
    const plugins = args.id === undefined ? discovery.plugins : [pluginNamed(discovery, args.id)];
    const broken = args.id === undefined ? discovery.broken : [];
    const rows: readonly (FoundPlugin | BrokenPlugin)[] = [...plugins, ...broken];
    const bad = rows.filter(({ state }) => state.kind !== "ready" && state.kind !== "disabled");
    const style = styleOf(session.io.stdout.color);
    await session.print({
      data: {
        kind: "PluginVerification",
        verified: bad.length === 0,
        items: [...plugins.map(pluginData), ...broken.map(brokenData)],
      },
      text: () => {
        if (rows.length === 0) return "no plugins";
        return rows
          .flatMap((row) => {
            const name = "manifest" in row ? `${row.manifest.id} ${row.manifest.version}` : row.root;
            const good = row.state.kind === "ready" || row.state.kind === "disabled";
            const mark = good ? style.good("✓") : style.bad("✗");
            const files = row.state.kind === "modified" ? row.state.files : [];
            const why = row.state.kind === "modified" ? "" : whyOf(row.state);
            return [
              `${mark} ${printable(name)}  ${row.state.kind}${why === "" ? "" : `: ${printable(why)}`}`,
              ...files.map((file) => `    ${printable(file)}`),
            ];
          })
          .join("\n");
      },
    });
    if (bad.length === 0) return 0;
    const { hint } = errorCodes.PLUGIN_UNTRUSTED;
    const which = bad.length === 1 ? "one of them is" : `${bad.length} of them are`;
    session.io.words(`error: ${which} not as it must be to run [PLUGIN_UNTRUSTED]\nhint: ${hint}\n`);
    return 1;
  },
});
