/** `akc plugin new`: a folder with a plugin that works, to begin from. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { safeParse } from "valibot";
import { AkcError } from "../../errors.ts";
import { PluginId } from "../../policy/plugin-words.ts";
import { errnoOf } from "../../system/files.ts";
import { command } from "../command.ts";
import { printable } from "../render/text.ts";
import { languages, scaffoldFiles, scaffoldKinds } from "./scaffold.ts";

export const newPlugin = command({
  path: "plugin new",
  summary: "Begin a plugin: a folder that works, with its test.",
  notes: [
    "NAME is vendor/name; a name alone becomes local/name. The folder is called after the name, below the working directory, unless --dir says where.",
  ],
  examples: [
    { command: "akc plugin new acme/greeter --kind adapter --lang ts", says: "./greeter, in TypeScript." },
    {
      command: "akc plugin new acme/certs --kind validator --lang python",
      says: "./certs, one file of Python.",
    },
    { command: "akc plugin test ./greeter", says: "Green from the start." },
  ],
  exits: [0, 1, 2, 5],
  args: {
    name: {
      type: "positional",
      required: true,
      valueHint: "NAME",
      description: "vendor/name of the plugin.",
    },
    kind: {
      type: "enum",
      options: [...scaffoldKinds],
      required: true,
      valueHint: "KIND",
      description: "What it offers: adapter, provider or validator.",
    },
    lang: {
      type: "enum",
      options: [...languages],
      default: "ts",
      valueHint: "LANG",
      description: "What it is written in: ts, python or sh.",
    },
    dir: { type: "string", valueHint: "DIR", description: "The folder to make." },
  },
  async run(args, session) {
    const id = idOf(args.name);
    const root = resolve(args.dir ?? id.split("/")[1] ?? id);
    const directory = shortest(root);
    const kind = scaffoldKinds.find((known) => known === args.kind) ?? "adapter";
    const language = languages.find((known) => known === args.lang) ?? "ts";
    const files = scaffoldFiles({ id, kind, language, directory });
    await makeFolder(root);
    for (const { name, text, executable } of files) {
      const path = join(root, name);
      await writeFile(path, text, { flag: "wx" });
      await chmod(path, executable ? 0o755 : 0o644);
    }
    await session.print({
      data: { kind: "PluginScaffold", id, root, files: files.map(({ name }) => name) },
      text: () =>
        [
          `${id} is in ${printable(directory)}: ${files.map(({ name }) => name).join(", ")}`,
          `Try it with \`akc plugin test ${printable(directory)}\`.`,
        ].join("\n"),
    });
    return 0;
  },
});

function idOf(name: string): string {
  const id = name.includes("/") ? name : `local/${name}`;
  const read = safeParse(PluginId, id);
  if (read.success) return read.output;
  throw new AkcError("USAGE", {
    message: `${printable(name)} cannot be a plugin's name: it ${read.issues[0].message}`,
    hint: "Write it as acme/greeter.",
  });
}

/** Never into a folder that is there: what is in it may be somebody's. */
async function makeFolder(root: string): Promise<void> {
  try {
    await mkdir(join(root, ".."), { recursive: true });
    await mkdir(root, { mode: 0o755 });
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "EEXIST") throw new AkcError("PLUGIN_SCAFFOLD_EXISTS", { cause, details: { path: root } });
    throw new AkcError("USAGE", {
      message: "no folder can be made there",
      hint: "Choose a place that you may write to with --dir.",
      cause,
      details: { path: root, errno },
    });
  }
}

function shortest(root: string): string {
  const below = relative(process.cwd(), root);
  return below.startsWith("..") ? root : `./${below}`;
}
