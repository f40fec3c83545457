/** `akc bundle hash`: the fingerprint of any JSON file, independent of how the file is laid out. */
import { fingerprint } from "../../json/fingerprint.ts";
import { command } from "../command.ts";
import { readJson } from "../read-json.ts";

export const hash = command({
  path: "bundle hash",
  summary: "Print the fingerprint of a JSON file.",
  notes: [
    "The fingerprint is the SHA-256 of the document's canonical form: it stays the same when keys change their order or blanks come and go, and changes with every value.",
  ],
  examples: [
    { command: "akc bundle hash release.json", says: "The fingerprint, and nothing else." },
    {
      command: 'akc runtime start --bundle release.json --bundle-sha256 "$EXPECTED" --mode enforce',
      says: "Run only what was approved.",
    },
    { command: "curl -s https://ci.example/release.json | akc bundle hash -", says: "From a pipe." },
  ],
  exits: [0, 2],
  args: {
    file: {
      type: "positional",
      required: true,
      valueHint: "FILE",
      description: "A JSON file, or - for standard input.",
    },
  },
  async run(args, session) {
    const sha256 = fingerprint(await readJson(args.file));
    await session.print({ data: { kind: "Fingerprint", path: args.file, sha256 }, text: () => sha256 });
    return 0;
  },
});
