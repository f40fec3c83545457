/**
 * `akc __complete -- WORDS…`: what may stand at the end of a command line, for the scripts of the shells. Reads only, in a bounded
 * time, and never fails: where it knows nothing it says nothing.
 */
import type { ArgDef } from "citty";
import { limits } from "../../limits.ts";
import { type Clock, systemClock } from "../../system/clock.ts";
import { commonArgs } from "../command.ts";
import { summaryOf } from "../flag-words.ts";
import type { Io } from "../io.ts";
import { aliasesOf, flagName, hintOf, valuesOf } from "../strict.ts";
import { type Group, tree } from "../tree.ts";
import { type Wanted, type WantedValue, wantedAt } from "./cursor.ts";
import { Kept, type Narrowed } from "./kept.ts";
import { type Answer, beginningWith, nothing, type Suggestion, written } from "./suggestion.ts";

/** Runs `akc __complete` in this process and ends it, whatever happens, with exit code 0. */
export async function completeCli(argv: readonly string[]): Promise<never> {
  const quietly = () => process.exit(0);
  process.on("uncaughtException", quietly);
  process.on("unhandledRejection", quietly);
  const { processIo } = await import("../io.ts");
  const io = processIo(process.env, { color: false });
  await complete(argv, { ...io, words: () => undefined });
  process.exit(0);
}

/** Answers one command line on stdout. Always resolves. */
export async function complete(argv: readonly string[], io: Io): Promise<void> {
  const words = argv[0] === "--" ? argv.slice(1) : argv;
  const answer = await answerTo(words, io, systemClock).catch(() => nothing);
  // A shell that went away while it waited wants nothing any more.
  await io.out(written(answer)).catch(() => undefined);
}

/** @param words after `akc`, up to and with the one at the cursor */
export async function answerTo(words: readonly string[], io: Io, clock: Clock): Promise<Answer> {
  const wanted = await wantedAt(tree, words);
  switch (wanted.kind) {
    case "nothing":
      return nothing;
    case "command":
      return { kind: "words", words: beginningWith(wanted.typed, commandWords(wanted.group, wanted.path)) };
    case "early-flag":
      return { kind: "words", words: beginningWith(wanted.typed, earlyFlags) };
    case "flag":
      return { kind: "words", words: beginningWith(wanted.typed, flagWords(wanted)) };
    case "value":
      return valueAnswer(wanted, new Kept(io, clock));
  }
}

const earlyFlags: readonly Suggestion[] = [
  ...Object.entries(commonArgs).map(([name, def]) => ({ word: spelt(name, def), says: summaryOf(def) })),
  { word: "--version", says: "Print the version." },
];

function commandWords(group: Group, path: string): readonly Suggestion[] {
  const words = Object.entries(group.nodes).map(([word, node]) => ({ word, says: node.summary }));
  return path === "" ? [...words, { word: "help", says: "Show how a command is used." }] : words;
}

/** Those that may still be given. */
function flagWords({ command, given }: Extract<Wanted, { readonly kind: "flag" }>): readonly Suggestion[] {
  return Object.entries(command.args).flatMap(([name, def]) => {
    const isRepeated = "repeatable" in def && def.repeatable === true;
    if (def.type === "positional" || (given.has(name) && !isRepeated)) return [];
    const long = aliasesOf(def)
      .filter((alias) => alias.length > 1)
      .map(flagName);
    return [spelt(name, def), ...long].map((word) => ({ word, says: summaryOf(def) }));
  });
}

function spelt(name: string, def: ArgDef): string {
  return def.type === "boolean" && def.default === true ? `--no-${flagName(name).slice(2)}` : flagName(name);
}

async function valueAnswer(wanted: WantedValue, kept: Kept): Promise<Answer> {
  const hint = hintOf(wanted.def);
  const options = optionsOf(wanted.def, hint);
  if (options !== undefined)
    return worded(
      wanted,
      options.map((word) => ({ word })),
    );
  const where = narrowed(wanted.given);
  if (/\b(FILE|PATH|PACKET)\b/.test(hint)) return { kind: "files", words: [] };
  switch (hint) {
    case "DIR":
      return { kind: "folders", words: [] };
    case "RUN":
      return worded(wanted, await kept.runs(where, wanted.typed), "kept");
    case "ROLLOUT":
      return worded(wanted, await kept.rollouts(where, wanted.typed), "kept");
    case "STEP":
    case "STEPS":
      return steps(wanted, kept, where);
    case "TENANT/REPO":
      return worded(
        wanted,
        (await kept.scopes(where)).map(({ tenantId, repoId }) => ({ word: `${tenantId}/${repoId}` })),
      );
    case "COMMAND":
      return worded(wanted, commandsAfter(wanted.before));
    case "RULE":
      return worded(wanted, await rulesOfPlans());
    case "CHECK":
      return worded(wanted, await checks());
    case "ID":
      return ids(wanted, kept, where);
    default:
      return nothing;
  }
}

async function ids(wanted: WantedValue, kept: Kept, where: Narrowed): Promise<Answer> {
  const { name, command, given } = wanted;
  if (name === "tenantId" || name === "repoId") {
    const scopes = await kept.scopes(
      name === "tenantId" ? { outputsRoot: where.outputsRoot } : { ...where, repoId: undefined },
    );
    return worded(
      wanted,
      scopes.map((scope) => ({ word: scope[name] })),
    );
  }
  if (name === "runtimeRunId" && command.path !== "runtime start")
    return worded(wanted, await kept.runs(where, wanted.typed), "kept");
  if (!command.path.startsWith("plugin ")) return nothing;
  return worded(wanted, await kept.plugins(valuesOf(given.get("pluginsDir"))));
}

/** Of the bundle, the plan or the run that the line names; several with commas. */
async function steps(wanted: WantedValue, kept: Kept, where: Narrowed): Promise<Answer> {
  const { given, typed, command } = wanted;
  if (command.path === "bundle explain") return worded(wanted, await stepsOfGiven(given.get("file")));
  const run = given.get("run") ?? given.get("runtimeRunId");
  const bundle = given.get("bundle");
  const found =
    run !== undefined
      ? await kept.stepsOfRun(where, run)
      : bundle === undefined
        ? []
        : await stepsOfBundle(bundle);
  const attached = typed.slice(0, typed.lastIndexOf(",") + 1);
  const named = attached.split(",");
  const others = found.filter(({ word }) => !named.includes(word) && !word.includes(","));
  return worded(
    { ...wanted, typed: typed.slice(attached.length), attached: `${wanted.attached}${attached}` },
    others,
    "kept",
  );
}

/** Of a plan as it is written too: `test` means all steps of its matrix. @param path else the usual plan */
async function stepsOfGiven(path: string | undefined): Promise<readonly Suggestion[]> {
  const { readGiven } = await import("../authoring/given.ts");
  const given = await readGiven(path);
  if (given.kind === "bundle") return stepsOfBundle(given.path);
  const ids = new Set([...given.compiled.writtenAs].flat());
  return [...ids].sort().map((word) => ({ word }));
}

async function stepsOfBundle(path: string): Promise<readonly Suggestion[]> {
  const { statSync } = await import("node:fs");
  if (statSync(path).size > limits.completionBundleBytesMax) return [];
  const { readBundleSource } = await import("../../run/bundle-files.ts");
  const { loadCoordinationOnly } = await import("../../bundle/coordination-handoff.ts");
  const { coordination } = await loadCoordinationOnly(await readBundleSource(path));
  return (coordination?.plan.stepOrder ?? []).map((word) => ({ word }));
}

async function rulesOfPlans(): Promise<readonly Suggestion[]> {
  const { rules } = await import("../../authoring/rules.ts");
  return ["all", ...Object.keys(rules)].map((word) => ({ word }));
}

async function checks(): Promise<readonly Suggestion[]> {
  const { checkNames } = await import("../../doctor/model.ts");
  return checkNames.map((word) => ({ word }));
}

/** Words of commands after those that are there: `man runtime …`. */
function commandsAfter(before: readonly string[]): readonly Suggestion[] {
  let group: Group = tree;
  for (const word of before) {
    const node = Object.hasOwn(group.nodes, word) ? group.nodes[word] : undefined;
    if (node?.kind !== "group") return [];
    group = node;
  }
  return Object.entries(group.nodes).map(([word, { summary }]) => ({ word, says: summary }));
}

/** The words of an enumeration; also of one that only its hint writes out: `bash|zsh|fish`. */
function optionsOf(def: ArgDef, hint: string): readonly string[] | undefined {
  if (def.type === "enum" && def.options !== undefined) return def.options;
  return /^[a-z][\w-]*(\|[a-z][\w-]*)+$/.test(hint) ? hint.split("|") : undefined;
}

function narrowed(given: ReadonlyMap<string, string>): Narrowed {
  return {
    outputsRoot: given.get("outputsRoot"),
    tenantId: given.get("tenantId"),
    repoId: given.get("repoId"),
  };
}

function worded(
  { typed, attached }: Pick<WantedValue, "typed" | "attached">,
  suggestions: readonly Suggestion[],
  kind: Answer["kind"] = "words",
): Answer {
  return {
    kind,
    words: beginningWith(typed, suggestions).map(({ word, ...rest }) => ({
      word: `${attached}${word}`,
      ...rest,
    })),
  };
}
