/** The files and folders that commands read and write by themselves, for the manual pages. A list, kept where it is looked up. */
import type { Command } from "../command.ts";
import type { Row } from "./page.ts";

interface Told {
  readonly path: string;
  readonly says: string;
  /** Flags that show that a command has to do with it; without any: all of akc only. */
  readonly flags: readonly string[];
}

const files: readonly Told[] = [
  {
    path: "ROOT/TENANT/REPO/.akc/runtime/state.sqlite3",
    says: "Everything that is known of a scope's runs. ROOT is the outputs root.",
    flags: ["outputsRoot"],
  },
  {
    path: "ROOT/TENANT/REPO/.akc/runtime/RUN_ID/RUNTIME_RUN_ID/",
    says: "The evidence of one run, sealed when it has ended.",
    flags: ["outputsRoot"],
  },
  { path: "/etc/akc/policy.yaml", says: "The operator's policy, where it exists.", flags: ["policy"] },
  {
    path: "~/.config/akc/plugins/",
    says: "A user's plugins; as root /etc/akc/plugins/ and /usr/lib/akc/plugins/.",
    flags: ["pluginsDir"],
  },
  {
    path: ".akc/project.json, .akc/project.yaml",
    says: "Defaults for flags, of the working directory.",
    flags: ["outputsRoot"],
  },
  { path: "ROOT/.akc/autopilot/state.sqlite3", says: "What the autopilot remembers.", flags: ["scope"] },
];

/** Of one command, or of all of akc. */
export function filesOf(command: Command | undefined): readonly Row[] {
  return files
    .filter(({ flags }) => command === undefined || flags.some((flag) => Object.hasOwn(command.args, flag)))
    .map(({ path, says }) => [path, says]);
}
