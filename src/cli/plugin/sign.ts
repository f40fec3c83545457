/** `akc plugin sign`: writes the digests of all files and a signature into a plugin's manifest. */
import { resolve } from "node:path";
import { signerKey } from "../../plugin-host/signature.ts";
import { signPlugin } from "../../plugin-host/vouch.ts";
import { command } from "../command.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { readPrivateKey } from "./key-files.ts";

export const sign = command({
  path: "plugin sign",
  summary: "Sign a plugin: its manifest, and through digests every file.",
  notes: [
    "Sign what you ship, as the last step; a later change of a file or of the manifest breaks the signature. Comments in plugin.yaml stay.",
  ],
  examples: [{ command: "akc plugin sign ./scanner --key acme.key", says: "Then pack the folder." }],
  exits: [0, 2],
  args: {
    dir: { type: "positional", required: true, valueHint: "DIR", description: "The plugin's folder." },
    key: {
      type: "string",
      required: true,
      valueHint: "FILE",
      description: "The private key (`akc plugin keygen`).",
    },
  },
  async run(args, session) {
    const { manifest, folder, root } = await signPlugin(
      resolve(args.dir),
      await readPrivateKey(resolve(args.key)),
    );
    const signer = manifest.signature === undefined ? "" : signerKey(manifest.signature);
    await session.print({
      data: {
        kind: "PluginSigning",
        id: manifest.id,
        version: manifest.version,
        root,
        signer,
        files: manifest.digests.size,
        digest: folder.digest,
      },
      text: () =>
        facts([
          ["signed", `${manifest.id} ${manifest.version}`],
          ["in", printable(root)],
          ["signer", signer],
          ["files", String(manifest.digests.size)],
          ["digest", folder.digest],
        ]),
    });
    return 0;
  },
});
