/** `akc version`. `akc --version` is answered in main.ts, before anything is loaded. */
import { AKC_VERSION } from "../version.ts";
import { command } from "./command.ts";
import { facts } from "./render/output.ts";

export const version = command({
  path: "version",
  summary: "Say which akc this is, and what it is made of.",
  examples: [
    { command: "akc --version", says: "The number alone." },
    { command: "akc version -o json", says: "All of it, for a program." },
  ],
  exits: [0],
  args: {},
  async run(_args, session) {
    const data = {
      kind: "Version",
      version: AKC_VERSION,
      bun: Bun.version,
      bun_revision: Bun.revision,
      platform: process.platform,
      arch: process.arch,
      executable: process.execPath,
    };
    await session.print({
      data,
      text: () =>
        facts([
          ["akc", data.version],
          ["bun", `${data.bun} (${data.bun_revision.slice(0, 9)})`],
          ["host", `${data.platform} ${data.arch}`],
        ]),
    });
    return 0;
  },
});
