/** `akc bundle build`: a plan that a person wrote becomes a bundle on the disk. It starts nothing and asks no policy. */
import { mkdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined, writeFileAtomic } from "../../system/files.ts";
import { type GivenPlan, nameOf, readPlan, textOf, usualPlan, withoutPlan } from "../authoring/given.ts";
import { isBundleText } from "../authoring/kind.ts";
import { bundleText } from "../authoring/prepared.ts";
import { warningsOf } from "../authoring/warnings.ts";
import { command } from "../command.ts";
import { readStdin } from "../read-json.ts";
import { facts } from "../render/output.ts";
import { startCommand } from "./start-command.ts";

export const build = command({
  path: "bundle build",
  summary: "Compile a plan (akc.yaml) to a bundle.",
  notes: [
    "Writes `.akc/runtime/NAME.runtime_bundle.json` beside the plan, where `akc runtime start` takes it. The same plan and the same files that it names give the same bytes, on every machine and at any time.",
    "With --check nothing is written: exit 1 when the bundle on the disk is not the one that the plan says. With --stdout the bundle goes to standard output and nowhere else.",
    "A plan from standard input (-) is taken to lie in the working directory.",
  ],
  examples: [
    { command: "akc bundle build", says: "akc.yaml of the working directory." },
    { command: "akc bundle build release.yaml --out release.json", says: "To a place of your own." },
    {
      command: "akc bundle build --check",
      says: "In a pipeline: is the bundle that is checked in up to date?",
    },
    { command: "akc bundle build - --stdout <akc.yaml | akc bundle hash -", says: "Through pipes." },
  ],
  exits: [0, 1, 2],
  args: {
    file: {
      type: "positional",
      required: false,
      valueHint: "FILE",
      description: `The plan, or - for standard input; else ${usualPlan} of the working directory.`,
    },
    out: { type: "string", valueHint: "FILE", description: "Write the bundle there." },
    stdout: { type: "boolean", description: "Print the bundle instead of writing it." },
    check: {
      type: "boolean",
      description: "Write nothing; exit 1 when the bundle that is there is another one.",
    },
  },
  async run(args, session) {
    if (args.stdout === true && (args.check === true || args.out !== undefined)) {
      throw new AkcError("USAGE", {
        message: "--stdout writes no file",
        hint: "Give --stdout alone, or --out and --check.",
      });
    }
    const plan = await planAt(args.file ?? usualPlan);
    const text = bundleText(plan);
    const { warnings } = plan.compiled;
    for (const line of warningsOf(plan)) session.io.words(line);
    if (args.stdout === true) {
      await session.io.out(text);
      return 0;
    }
    const place = args.out === undefined ? await usualPlace(plan) : resolve(args.out);
    const before = await textAt(place);
    const state = before === text ? "unchanged" : before === undefined ? "new" : "changed";
    const written = args.check !== true && before !== text;
    if (written) {
      await mkdir(dirname(place), { recursive: true });
      await writeFileAtomic(place, text);
    }
    const next = args.check === true ? undefined : await startCommand(session.io, plan, place);
    await session.print({
      data: {
        kind: "BundleBuild",
        plan: plan.path,
        path: place,
        sha256: plan.compiled.sha256,
        state,
        written,
        steps: plan.compiled.writtenAs.size,
        services: servicesOf(plan),
        warnings: warnings.map(({ path, message, rule, line, column }) => ({
          path,
          message,
          rule,
          line,
          column,
        })),
        next: next ?? null,
      },
      text: () =>
        facts([
          ["bundle", shown(place)],
          ["sha256", plan.compiled.sha256],
          ["steps", String(plan.compiled.writtenAs.size)],
          ["services", String(servicesOf(plan))],
          ["state", wordsOf(state, args.check === true)],
        ]),
    });
    if (next === undefined) return state === "unchanged" ? 0 : 1;
    if (session.format === undefined || session.format === "text") session.io.words(`next: ${next}\n`);
    return 0;
  },
});

async function planAt(path: string): Promise<GivenPlan> {
  const bytes =
    path === "-"
      ? await readStdin(limits.planBytesMax)
      : await readFileBounded(path, limits.jsonTextBytesMax).catch((cause) => {
          throw withoutPlan(path, cause);
        });
  if (isBundleText(bytes, path)) {
    throw new AkcError("USAGE", {
      message: "this is a bundle already",
      hint: "Name a plan (akc.yaml); `akc bundle fmt` brings a bundle into its form.",
      details: { path },
    });
  }
  return readPlan(path, textOf(bytes, path));
}

/** Nowhere else, whatever links are in the plan's folder. @throws AkcError PATH_UNSAFE */
function usualPlace(plan: GivenPlan): Promise<string> {
  return resolveConfined(plan.folder, join(".akc", "runtime", `${nameOf(plan)}.runtime_bundle.json`));
}

/** What stands there now; undefined when nothing does. */
async function textAt(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readFileBounded(path, limits.jsonTextBytesMax));
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  }
}

function servicesOf({ compiled }: GivenPlan): number {
  const intents = compiled.bundle["deployment_intents"];
  return Array.isArray(intents) ? intents.length : 0;
}

/** Below the working directory as people would write it. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}

function wordsOf(state: "unchanged" | "new" | "changed", check: boolean): string {
  if (state === "unchanged") return "unchanged";
  if (!check) return "written";
  return state === "new" ? "there is none" : "another one is there";
}
