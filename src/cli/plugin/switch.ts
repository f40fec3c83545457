/** `akc plugin enable` and `akc plugin disable`. The list of what is off stands beside the plugins directory, not in the plugin. */
import { switchPlugin } from "../../plugin-host/install.ts";
import { type Command, command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { pluginArgs, pluginEnvironment, pluginId } from "./plugin-args.ts";
import { pluginNamed, type SearchArgs, search, surroundings, targetOf } from "./search.ts";

export const enable = switching(true, {
  path: "plugin enable",
  summary: "Switch a plugin on again.",
  note: "It must be trusted all the same: enabling is not locking.",
});

export const disable = switching(false, {
  path: "plugin disable",
  summary: "Switch a plugin off, wherever it is.",
  note: "The plugin stays where it is; runs that need it are refused until it is enabled again.",
});

interface Words {
  readonly path: string;
  readonly summary: string;
  readonly note: string;
}

function switching(enabled: boolean, { path, summary, note }: Words): Command {
  return command({
    path,
    summary,
    notes: [note],
    examples: [{ command: `akc ${path} acme/scanner`, says: summary }],
    exits: [0, 2],
    environment: pluginEnvironment,
    args: { ...pluginId, ...pluginArgs, ...policyArgs },
    run: (args, session) => switchOver(args, session, enabled),
  });
}

async function switchOver(
  args: SearchArgs & { readonly id: string },
  session: Session,
  enabled: boolean,
): Promise<ExitCode> {
  const around = await surroundings(args, session.io.env);
  const { manifest, source } = pluginNamed(await search(around), args.id);
  // A list counts for its own place and for all later ones, so any of them may have switched it off.
  const mutable = around.places.filter(({ kind }) => kind !== "usr" && kind !== "embedded");
  const own = mutable.some(({ directory }) => directory === source.directory);
  const directories = enabled
    ? mutable.map(({ directory }) => directory)
    : [own ? source.directory : targetOf(around)];
  let changed = false;
  for (const directory of directories) {
    if (await switchPlugin(directory, manifest.id, enabled)) changed = true;
  }
  const { state } = pluginNamed(await search(around), args.id);
  await session.print({
    data: { kind: "PluginSwitch", id: manifest.id, enabled, changed, state: state.kind },
    text: () =>
      `${manifest.id} ${changed ? "is" : "was"} ${enabled ? "enabled" : "disabled"}${changed ? "" : " already"}; it is ${state.kind}`,
  });
  return 0;
}
