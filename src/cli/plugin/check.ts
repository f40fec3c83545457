/** `akc plugin check`: everything that is wrong with a plugin's folder, without starting it. */
import { resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { manifestFile } from "../../plugin-host/contract.ts";
import { changedFiles } from "../../plugin-host/folder.ts";
import { holds } from "../../plugin-host/signature.ts";
import { type PluginFolder, readPluginFolder } from "../../plugin-host/vouch.ts";
import { command } from "../command.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";

export const check = command({
  path: "plugin check",
  summary: "Say everything that is wrong with a plugin's folder.",
  notes: [
    "Checks what is checked before a plugin may be started: the manifest, the files that it names, who may write the folder, digests and signature. Whether it works is for `akc plugin test`.",
  ],
  examples: [
    { command: "akc plugin check ./scanner", says: "Every fault with its line and column, or `valid`." },
  ],
  exits: [0, 2],
  args: {
    dir: { type: "positional", required: true, valueHint: "DIR", description: "The plugin's folder." },
  },
  async run(args, session) {
    const plugin = readPluginFolder(resolve(args.dir));
    const { manifest, folder } = plugin;
    await refuseBroken(plugin);
    await session.print({
      data: {
        kind: "PluginCheck",
        valid: true,
        id: manifest.id,
        version: manifest.version,
        kinds: manifest.kinds,
        runtime: manifest.runtime.kind,
        root: plugin.root,
        files: folder.files.size,
        digest: folder.digest,
        signed: manifest.signature !== undefined,
      },
      text: () =>
        facts([
          ["valid", printable(plugin.root)],
          ["plugin", `${manifest.id} ${manifest.version}`],
          ["kind", manifest.kinds.join(", ")],
          ["files", String(folder.files.size)],
          ["digest", folder.digest],
          ["signed", manifest.signature === undefined ? "no" : `by ed25519:${manifest.signature.key}`],
        ]),
    });
    return 0;
  },
});

async function refuseBroken({ manifest, folder, signedText, root }: PluginFolder): Promise<void> {
  const details = { plugin: manifest.id, version: manifest.version, root };
  const files = changedFiles(manifest.digests, folder.files).filter((file) => file !== manifestFile);
  if (manifest.digests.size > 0 && files.length > 0) {
    throw new AkcError("PLUGIN_MODIFIED", { details: { ...details, files } });
  }
  if (manifest.signature !== undefined && !(await holds(signedText(), manifest.signature))) {
    throw new AkcError("PLUGIN_SIGNATURE_INVALID", { details });
  }
}
