/** `akc bundle diff`: two plans or bundles by what they mean, and what of it lets more happen than before. */
import { existsSync } from "node:fs";
import { type Compared, compareBundles } from "../../authoring/diff/compare.ts";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { derivePolicy } from "../../policy/derive.ts";
import { readGiven } from "../authoring/given.ts";
import { prepareGiven } from "../authoring/prepared.ts";
import { command } from "../command.ts";
import type { Io } from "../io.ts";
import { readJson } from "../read-json.ts";
import { locatingArgs, oneRun, type Where } from "../runtime/locate.ts";
import { differenceData, differenceText } from "./diff-text.ts";

export const diff = command({
  path: "bundle diff",
  summary: "Say what two plans or bundles do otherwise, and what becomes allowed.",
  notes: [
    "Each of the two is a plan, a bundle, or the id of a run, which stands for the bundle that it was started with. They are compared by what they mean: layout, comments and the order of members make no difference. What lets more happen than before stands first and is marked WIDER; what a host's own policy takes away again is not looked at.",
    "Values of variables, headers, standard input and request bodies are compared by their digest and never shown.",
  ],
  examples: [
    { command: "akc bundle diff before.json akc.yaml", says: "What would change?" },
    { command: "akc bundle diff 0193f2c1 akc.yaml", says: "What would change since that run?" },
    {
      command: "akc bundle diff before.json after.json -o json | jq '.wider[]'",
      says: "Only what becomes allowed.",
    },
  ],
  exits: [0, 1, 2, 5],
  args: {
    before: {
      type: "positional",
      required: true,
      valueHint: "BEFORE",
      description: "A plan, a bundle or a run.",
    },
    after: { type: "positional", required: true, valueHint: "AFTER", description: "Another." },
    ...locatingArgs,
  },
  async run(args, session) {
    const before = await compared(await fileOf(session.io, args.before, args));
    const after = await compared(await fileOf(session.io, args.after, args));
    const difference = compareBundles(before, after);
    const names = { before: args.before, after: args.after };
    const place = session.io.stdout;
    await session.print({
      data: differenceData(difference, names, before.bundle.sha256, after.bundle.sha256),
      text: () => differenceText(difference, names, place),
    });
    return difference.same ? 0 : 1;
  },
});

/**
 * The file, or the bundle of the run of this id.
 * @throws AkcError RUN_NOT_FOUND, RUN_AMBIGUOUS, or RUN_CHANGED when the bundle is another one by now
 */
async function fileOf(io: Io, named: string, where: Where): Promise<string> {
  if (existsSync(named) || !/^[A-Za-z0-9][\w-]*$/.test(named)) return named;
  const { bundlePath, bundleSha256 } = (await oneRun(io, { ...where, run: named })).row;
  if (fingerprint(await readJson(bundlePath)) === bundleSha256) return bundlePath;
  throw new AkcError("RUN_CHANGED", {
    message: `the bundle of the run ${named} is another one by now`,
    hint: "Name the file that it was started with, if it is kept elsewhere.",
    details: { path: bundlePath, started: bundleSha256 },
  });
}

/** What a bundle asks for: the operator of this host is left out of it, since the two may run anywhere. */
async function compared(path: string): Promise<Compared> {
  const { bundle } = await prepareGiven(await readGiven(path), { mode: "simulate" });
  return { bundle, policy: derivePolicy(bundle, "simulate", undefined) };
}
