/** `akc plugin install`: puts a plugin into the plugins directory, and locks it as it is. */
import { resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { grantLines, grantsOf } from "../../plugin-host/grants.ts";
import { installPlugin } from "../../plugin-host/install.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { pluginArgs, pluginEnvironment } from "./plugin-args.ts";
import { surroundings, targetOf } from "./search.ts";

export const install = command({
  path: "plugin install",
  summary: "Install a plugin from a folder or a .tar.gz, and lock it.",
  notes: [
    "It goes into the first place where plugins are looked for: --plugins-dir, AKC_PLUGINS_DIR, or your own (as root: /etc/akc/plugins). Nothing of it is run. What it may touch is for the operator's policy to say; an entry to start from is printed.",
  ],
  examples: [
    { command: "akc plugin install ./scanner", says: "Install what was built here." },
    {
      command: "akc plugin install scanner-1.2.0.tar.gz --sha256 9f86d0…",
      says: "Only if it is what its author published.",
    },
  ],
  exits: [0, 2, 5],
  environment: pluginEnvironment,
  args: {
    from: {
      type: "positional",
      required: true,
      valueHint: "DIR|FILE",
      description: "A plugin's folder, or a .tar.gz of one.",
    },
    sha256: {
      type: "string",
      valueHint: "HEX",
      description: "SHA-256 that the archive (or the folder's digest) must have.",
    },
    replace: { type: "boolean", description: "Take the place of the same version with other content." },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    if (args.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(args.sha256)) {
      throw new AkcError("USAGE", {
        message: "--sha256 is not a SHA-256",
        hint: "It has 64 hexadecimal digits.",
      });
    }
    const around = await surroundings(args, session.io.env);
    const { manifest, root, digest, change, signer } = await installPlugin({
      from: resolve(args.from),
      directory: targetOf(around),
      replace: args.replace === true,
      rules: around.rules,
      ...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
    });
    const missing = grantsOf(manifest, around.operator).refusals;
    const lines = missing.length === 0 ? [] : grantLines(manifest);
    await session.print({
      data: {
        kind: "PluginInstallation",
        id: manifest.id,
        version: manifest.version,
        change,
        root,
        digest,
        signer: signer ?? null,
        asks: { ...manifest.permissions },
        not_granted: missing.map(({ permission, asked }) => ({ permission, asked })),
      },
      text: () =>
        [
          facts([
            [change === "same" ? "is there" : change, `${manifest.id} ${manifest.version}`],
            ["in", printable(root)],
            ["digest", digest],
            ...(signer === undefined ? [] : [["signer", printable(signer)] as const]),
          ]),
          ...(lines.length === 0
            ? []
            : [
                "",
                "It asks for more than the operator's policy grants. To grant all of it:",
                ...lines.map(printable),
              ]),
        ].join("\n"),
    });
    return 0;
  },
});
