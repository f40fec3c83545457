/** `akc bundle fmt`: plans and bundles in their one form. Changes how a file looks and never what it says. */
import { realpath } from "node:fs/promises";
import { type OpenPlan, openPlan } from "../../authoring/compile.ts";
import { formatPlan } from "../../authoring/format/plan.ts";
import { AkcError } from "../../errors.ts";
import { prettyJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, writeFileAtomic } from "../../system/files.ts";
import { compileOpen, openReadable, usualPlan, withoutPlan } from "../authoring/given.ts";
import { isBundleText } from "../authoring/kind.ts";
import { command } from "../command.ts";
import { readStdin } from "../read-json.ts";
import { printable } from "../render/text.ts";
import { valuesOf } from "../strict.ts";

export const fmt = command({
  path: "bundle fmt",
  summary: "Bring plans and bundles into their one form.",
  notes: [
    "A plan keeps its comments, and its steps, roles and services keep their order; the members of each come into theirs. A bundle becomes JSON with sorted keys, indented by two. What a file means does not change: the bundle that a plan compiles to has the same bytes before and after.",
    "Prints the files that it changed. With --check it changes nothing, prints those that it would change, and exits 1 if there is one.",
  ],
  examples: [
    { command: "akc bundle fmt", says: "akc.yaml of the working directory, in place." },
    { command: "akc bundle fmt --check akc.yaml", says: "In a pipeline." },
    { command: "akc bundle fmt - <akc.yaml", says: "From standard input to standard output." },
  ],
  exits: [0, 1, 2],
  args: {
    file: {
      type: "positional",
      required: false,
      repeatable: true,
      valueHint: "FILE",
      description: `Plans and bundles, or - for standard input; else ${usualPlan} of the working directory.`,
    },
    check: { type: "boolean", description: "Change nothing; say which files would change." },
  },
  async run(args, session) {
    const paths = args.file === undefined ? [usualPlan] : valuesOf(args.file);
    const check = args.check === true;
    if (paths.includes("-")) {
      if (paths.length > 1) {
        throw new AkcError("USAGE", {
          message: "standard input is formatted alone",
          hint: "Give either - or files.",
        });
      }
      const bytes = await readStdin(limits.jsonTextBytesMax);
      const { text } = formOf("-", bytes);
      if (!check) await session.io.out(text);
      return check && text !== new TextDecoder().decode(bytes) ? 1 : 0;
    }
    const files = [];
    // Every file is read and compared before one is written: a fault in the last leaves the first as it was.
    for (const path of paths) {
      const bytes = await readFileBounded(path, limits.jsonTextBytesMax).catch((cause) => {
        throw withoutPlan(path, cause);
      });
      const { text, plan } = formOf(path, bytes);
      const changed = text !== new TextDecoder().decode(bytes);
      if (changed && !check && plan !== undefined) await sameBundle(plan, text);
      files.push({ path, text, changed });
    }
    for (const { path, text, changed } of files) {
      // A link stays one, and leads to what was formatted.
      if (changed && !check) await writeFileAtomic(await realpath(path), text);
    }
    const changed = files.filter((file) => file.changed);
    await session.print({
      data: {
        kind: "Formatting",
        written: !check,
        files: files.map(({ path, changed }) => ({ path, changed })),
      },
      text: () => changed.map(({ path }) => printable(path)).join("\n"),
    });
    if (check && changed.length > 0)
      session.io.words("hint: `akc bundle fmt FILE` brings a file into its form.\n");
    return check && changed.length > 0 ? 1 : 0;
  },
});

/**
 * The text in its form, and the plan as it was before; a bundle has none.
 * @throws AkcError PLAN_INVALID, or a code of the JSON reader with the path
 */
function formOf(path: string, bytes: Uint8Array): { readonly text: string; readonly plan?: OpenPlan } {
  if (isBundleText(bytes, path)) return { text: `${prettyJson(parseJson(bytes))}\n` };
  const plan = openReadable(path, bytes);
  return { text: formatPlan(plan.source.text), plan };
}

/**
 * A plan that compiles is written only if it compiles to the same bytes as before; one that does not may be formatted all the
 * same, as long as it is YAML.
 */
async function sameBundle(plan: OpenPlan, formed: string): Promise<void> {
  const { path } = plan.source;
  const sha256Of = (open: OpenPlan) =>
    compileOpen(open).then(
      ({ compiled }) => compiled.sha256,
      () => undefined,
    );
  if ((await sha256Of(plan)) === (await sha256Of(openPlan({ path, text: formed })))) return;
  throw new AkcError("INTERNAL", {
    message: "the plan would compile to another bundle once formatted",
    details: { path },
  });
}
