/** `akc plugin lock`: accepts plugins as they are now. Says what changed since they were locked before. */
import { AkcError } from "../../errors.ts";
import type { PlacedPlugin } from "../../plugin-host/contract.ts";
import { lockPlugins } from "../../plugin-host/vouch.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { printable } from "../render/text.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { whyOf } from "./plugin-view.ts";
import { pluginNamed, search, surroundings } from "./search.ts";

export const lock = command({
  path: "plugin lock",
  summary: "Accept a plugin as it is now: write its digests into plugins.lock.",
  notes: [
    "Look at the plugin first: whatever is in its folder now will be allowed to run. plugins.lock stands next to the plugins directory.",
  ],
  examples: [
    { command: "akc plugin lock acme/scanner", says: "After looking at what changed." },
    { command: "akc plugin lock --all", says: "Everything that is found, e.g. when an image is built." },
  ],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: {
    id: {
      type: "positional",
      required: false,
      valueHint: "ID",
      description: "The plugin, e.g. acme/scanner.",
    },
    all: { type: "boolean", description: "Lock every plugin that is found." },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    if ((args.id === undefined) === (args.all !== true)) {
      throw new AkcError("USAGE", {
        message: args.id === undefined ? "ID is missing" : "ID and --all exclude each other",
        hint: "Name a plugin, or lock every one that is found with --all.",
      });
    }
    const around = await surroundings(args, session.io.env);
    const before = await search(around);
    const chosen = args.id === undefined ? before.plugins : [pluginNamed(before, args.id)];
    const lockable = chosen.filter(({ source }) => source.kind !== "embedded");
    for (const directory of new Set(lockable.map(({ source }) => source.directory))) {
      await lockPlugins(
        directory,
        lockable.filter(({ source }) => source.directory === directory),
      );
    }
    const after = await search(around);
    const rows = lockable.map((old) => ({
      old,
      now: after.plugins.find(({ root }) => root === old.root) ?? old,
    }));
    await session.print({
      data: {
        kind: "PluginLocking",
        items: rows.map(({ old, now }) => ({
          id: now.manifest.id,
          version: now.manifest.version,
          root: now.root,
          digest: now.digest,
          changed_files: old.state.kind === "modified" ? old.state.files : [],
          state: now.state.kind,
          why: whyOf(now.state),
        })),
      },
      text: () => (rows.length === 0 ? "nothing to lock" : rows.map(line).join("\n")),
    });
    return 0;
  },
});

function line({ old, now }: { readonly old: PlacedPlugin; readonly now: PlacedPlugin }): string {
  const changed = old.state.kind === "modified" ? `  changed: ${old.state.files.join(", ")}` : "";
  const still = now.state.kind === "ready" ? "" : `  but ${now.state.kind}: ${whyOf(now.state)}`;
  return printable(`locked  ${now.manifest.id} ${now.manifest.version}${changed}${still}`);
}
