/** `akc init`: a commented plan that builds and runs at once, with the schema that editors complete it by. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { planSchemaText } from "../../authoring/tables/plan.ts";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { shellWord } from "../../policy/shell-word.ts";
import { errnoOf, resolveConfined, writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import { followUp, seenFromHere } from "../follow-up.ts";
import { printable } from "../render/text.ts";
import services from "./templates/services.yaml.txt" with { type: "text" };
import steps from "./templates/steps.yaml.txt" with { type: "text" };

const templates = { steps, services } as const;
type Template = keyof typeof templates;
const templateNames: readonly Template[] = ["steps", "services"];

/** Runs of plans begun here are kept out of sight, where every command of this folder looks for them. */
const projectText =
  "# Where runs of this folder are kept, for every akc command that is called in it.\noutputs_root: .akc/runs\n";

export const init = command({
  path: "init",
  summary: "Begin a plan: a commented akc.yaml that runs as it stands.",
  notes: [
    "Writes akc.yaml, .akc/akc.schema.json, by which editors complete it, and .akc/project.yaml, which says where runs are kept. A plan that is there is never replaced. The scope is local/ and the folder's name unless --scope says it.",
  ],
  examples: [
    { command: "akc init", says: "Here." },
    {
      command: "akc init shop --scope acme/shop --template services",
      says: "In a folder of its own, with services.",
    },
  ],
  exits: [0, 2],
  args: {
    folder: {
      type: "positional",
      required: false,
      valueHint: "FOLDER",
      description: "Made if it is not there; else the working directory.",
    },
    template: {
      type: "enum",
      options: [...templateNames],
      default: "steps",
      valueHint: "TEMPLATE",
      description: "steps: programs in their order; services: what has to stand.",
    },
    scope: { type: "string", valueHint: "TENANT/REPO", description: "The plan's scope." },
    name: { type: "string", valueHint: "NAME", description: "The plan's name; else the folder's." },
  },
  async run(args, session) {
    const folder = resolve(args.folder ?? ".");
    const template = templateNames.find((known) => known === args.template) ?? "steps";
    const name = nameOf(args.name, folder);
    const text = templates[template]
      .replaceAll("__SCOPE__", scopeOf(args.scope, name))
      .replaceAll("__NAME__", name);
    const path = join(folder, "akc.yaml");
    await makeFolder(folder);
    // A folder that somebody else has filled may hold a link: nothing is written where it leads.
    const own = await resolveConfined(folder, ".akc");
    await mkdir(own, { recursive: true });
    await writeNew(path, text);
    await writeFileAtomic(join(own, "akc.schema.json"), planSchemaText());
    const project = await writeIfAbsent(join(own, "project.yaml"), projectText);
    const near = seenFromHere(folder);
    const files = ["akc.yaml", ".akc/akc.schema.json", ...(project ? [".akc/project.yaml"] : [])];
    const next = ["plan", "run"].map((word) => followUp(session.io, [word]));
    await session.print({
      data: { kind: "PlanScaffold", folder, template, name, files, next },
      text: () =>
        [
          `${printable(seenFromHere(path))} is there, with the schema for editors beside it.`,
          "Next:",
          ...(near === "." ? [] : [`  cd ${printable(shellWord(near))}`]),
          `  ${next[0]}    what would happen, and what would be denied`,
          `  ${next[1]}     do it`,
        ].join("\n"),
    });
    return 0;
  },
});

function scopeOf(given: string | undefined, name: string): string {
  const scope = given?.trim() ?? `local/${name}`;
  const parts = scope.split("/");
  if (parts.length === 2 && parts.every(isIdentifier)) return scope;
  throw new AkcError("USAGE", {
    message: `--scope cannot be "${printable(scope)}"`,
    hint: "It is TENANT/REPO: two names of letters, digits, dots, dashes and underscores, each beginning with a letter or digit.",
  });
}

/** A folder may be called anything; a plan's name becomes the name of a file and of a run. */
function nameOf(given: string | undefined, folder: string): string {
  if (given !== undefined) {
    if (isIdentifier(given)) return given;
    throw new AkcError("USAGE", {
      message: `--name cannot be "${printable(given)}"`,
      hint: "It is letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
    });
  }
  const plain = basename(folder)
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|-+$/g, "")
    .slice(0, 64);
  return isIdentifier(plain) ? plain : "plan";
}

/** @throws AkcError USAGE where no folder can be called that; what this user may not do stays the system's word */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const errno = errnoOf(cause) ?? "";
    if (!["EEXIST", "ENAMETOOLONG", "ENOTDIR"].includes(errno)) throw cause;
    throw new AkcError("USAGE", {
      message: "no folder can be made there",
      hint: "Name another: `akc init FOLDER`.",
      details: { path, errno },
      cause,
    });
  }
}

/** @throws AkcError FILE_EXISTS */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx" });
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") throw cause;
    throw new AkcError("FILE_EXISTS", {
      message: "there is a plan already",
      hint: `Look at it with \`akc plan\`, or begin another in a folder of its own: \`akc init FOLDER\`.`,
      details: { path, folder: dirname(path) },
      cause,
    });
  }
}

async function writeIfAbsent(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return false;
    throw cause;
  }
}
