/** `akc plugin keygen`: a key to sign plugins with, in two files. */
import { resolve } from "node:path";
import { makeKeyPair } from "../../plugin-host/signature.ts";
import { command } from "../command.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { writeKeyFiles } from "./key-files.ts";

export const keygen = command({
  path: "plugin keygen",
  summary: "Make a key to sign plugins with.",
  notes: [
    "FILE gets the private key and is readable by you alone; FILE.pub gets the public one, which operators put under `plugins.signers` in their policy. Both are one line of text. There is no copy: who loses FILE makes a new key.",
  ],
  examples: [{ command: "akc plugin keygen acme.key", says: "acme.key and acme.key.pub" }],
  exits: [0, 2],
  args: {
    file: {
      type: "positional",
      required: true,
      valueHint: "FILE",
      description: "Where the private key goes.",
    },
  },
  async run(args, session) {
    const path = resolve(args.file);
    const pair = await makeKeyPair();
    await writeKeyFiles(path, pair);
    await session.print({
      data: {
        kind: "PluginKey",
        public_key: pair.publicKey,
        private_key_path: path,
        public_key_path: `${path}.pub`,
      },
      text: () =>
        facts([
          ["private", printable(path)],
          ["public", printable(`${path}.pub`)],
          ["signer", pair.publicKey],
        ]),
    });
    return 0;
  },
});
