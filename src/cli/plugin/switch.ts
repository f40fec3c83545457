/** Switches a plugin on or off: what `enable` and `disable` share. */
import { switchPlugin } from "../../plugin-host/install.ts";
import type { Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { pluginNamed, type SearchArgs, search, surroundings, targetOf } from "./search.ts";

export async function switchOver(
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
