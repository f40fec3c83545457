/** `akc plugin list`: every plugin that is found, its state and why, and what it keeps out. Starts none. */
import type { BrokenPlugin, FoundPlugin } from "../../plugin-host/contract.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { styleOf } from "../render/style.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { brokenData, pluginData, shadowLines, whyOf } from "./plugin-view.ts";
import { search, surroundings } from "./search.ts";

export const list = command({
  path: "plugin list",
  summary: "List the plugins that are found, and whether each may run.",
  notes: [
    "Places, in this order: --plugins-dir, AKC_PLUGINS_DIR, ~/.config/akc/plugins (as root /etc/akc/plugins and /usr/lib/akc/plugins), and those that akc brings along. The working directory is none of them.",
  ],
  examples: [
    { command: "akc plugin list", says: "What is there?" },
    {
      command: `akc plugin list -o json | jq '.items[] | select(.state != "ready")'`,
      says: "What may not run, and why?",
    },
  ],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: { ...pluginArgs, ...policyArgs },
  async run(args, session) {
    const found = await surroundings(args, session.io.env);
    const { plugins, broken } = await search(found);
    const place = session.io.stdout;
    const style = styleOf(place.color);
    const paint = {
      ready: style.good,
      disabled: style.faint,
      invalid: style.bad,
      untrusted: style.warn,
      modified: style.bad,
    };
    await session.print({
      data: {
        kind: "PluginList",
        places: found.places.map(({ kind, directory }) => ({ source: kind, directory })),
        trust: found.rules.trust,
        items: [...plugins.map(pluginData), ...broken.map(brokenData)],
      },
      text: () => {
        if (plugins.length + broken.length === 0) {
          return `no plugins in ${found.places.map(({ directory }) => printable(directory)).join(", ")}`;
        }
        const rows = table<FoundPlugin | BrokenPlugin>(
          [...plugins, ...broken],
          [
            {
              title: "PLUGIN",
              value: (row) => ("manifest" in row ? row.manifest.id : printable(baseName(row.root))),
            },
            { title: "VERSION", value: (row) => ("manifest" in row ? row.manifest.version : "") },
            {
              title: "KIND",
              value: (row) => ("manifest" in row ? row.manifest.kinds.join(",") : ""),
              optional: true,
            },
            {
              title: "STATE",
              value: (row) => row.state.kind,
              paint: (cell, row) => paint[row.state.kind](cell),
            },
            { title: "SOURCE", value: (row) => row.source.kind, optional: true },
            { title: "WHY", value: (row) => printable(whyOf(row.state)), narrowest: 16 },
          ],
          place.isTerminal ? place.columns() : undefined,
        );
        return [rows, ...shadowLines(plugins)].join("\n");
      },
    });
    return 0;
  },
});

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
