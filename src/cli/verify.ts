/**
 * `akc verify`: whether what a run says about its operational validity is true. Everything is worked out again from the files; nothing
 * that was written down before is believed.
 *
 * Source: spec reconcile §9, Appendix B.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { AkcError } from "../errors.ts";
import { executeForVerify } from "../run/validation/execute-again.ts";
import { judgedKinds } from "../run/validators.ts";
import { systemClock } from "../system/clock.ts";
import { errnoOf } from "../system/files.ts";
import { verifyModes } from "../validation/assurance/compare.ts";
import { type Coupling, coupleRun } from "../validation/assurance/couple.ts";
import { type Emitted, readEmitted } from "../validation/assurance/emitted.ts";
import { writeAssurance } from "../validation/assurance/link.ts";
import { loadBindings } from "../validation/bindings/lookup.ts";
import type { BindingRegistry } from "../validation/bindings/model.ts";
import { type Command, command } from "./command.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { pluginArgs, pluginEnvironment } from "./plugin/plugin-args.ts";
import { type SearchArgs, search, surroundings } from "./plugin/search.ts";
import { policyArgs } from "./policy/policy-args.ts";
import { readProject } from "./project.ts";
import { asAkcError } from "./render/error.ts";
import { askingLine } from "./render/progress/asking.ts";
import { printable } from "./render/text.ts";
import { watchSignals } from "./runtime/interrupt.ts";
import { locatingArgs, locatingEnvironment } from "./runtime/locate.ts";
import { valuesOf } from "./strict.ts";
import { verifyContext, writeContext } from "./verify/context.ts";
import { exitWords } from "./verify/exit-words.ts";
import { type VerifyPlace, verifyPlace } from "./verify/place.ts";
import { type Target, verifyTarget } from "./verify/target.ts";
import type { Verified } from "./verify/verified.ts";
import { verifyData } from "./verify/verify-data.ts";
import { verifyText } from "./verify/verify-text.ts";

const described = command({
  path: "verify",
  summary: "Judge a run again by what it left, and say whether its report and its manifest are true.",
  notes: [
    "Without --run-id the newest manifest of the scope counts, by the times that it holds. A run of akc that has no manifest is named with --runtime-run-id.",
    "Exits 0 when everything holds, 2 when something was found that must not be, 4 when there is too little evidence to tell. Where the scope's governance profile makes verification advisory, what is found about the run is only told.",
    "Writes .akc/verification/<run_id>.operational_assurance.json and links it in the manifest. A scope that cannot be written is verified all the same.",
  ],
  examples: [
    { command: "akc verify --tenant-id acme --repo-id shop", says: "Does what the last run says hold?" },
    {
      command: "akc verify --tenant-id acme --repo-id shop --run-id run-1 -o json | jq '.findings[]'",
      says: "What was found about this one?",
    },
    {
      command: "akc verify --tenant-id acme --repo-id shop --execute-validators",
      says: "Ask the outside systems again, and judge by what they say now.",
    },
  ],
  exits: [0, 1, 2, 4],
  usage: "--tenant-id ID --repo-id ID",
  environment: {
    ...locatingEnvironment,
    AKC_TENANT_ID: "The tenant, unless --tenant-id says so.",
    AKC_REPO_ID: "The repository, unless --repo-id says so.",
    ...pluginEnvironment,
  },
  args: {
    outputsRoot: locatingArgs.outputsRoot,
    tenantId: { type: "string", valueHint: "ID", description: "The tenant." },
    repoId: { type: "string", valueHint: "ID", description: "The repository." },
    runId: { type: "string", valueHint: "ID", description: "The compile run; the newest one when left out." },
    runtimeRunId: {
      type: "string",
      valueHint: "RUN",
      description: "A run of akc, or a beginning of its id; needs no manifest.",
    },
    mode: {
      type: "enum",
      options: [...verifyModes],
      default: "strict",
      valueHint: "MODE",
      description:
        "strict also holds the manifest to its word and wants every digest; relaxed is for artifacts of the old runtime.",
    },
    showFindings: { type: "boolean", description: "Show what is behind each finding, and each check." },
    executeValidators: {
      type: "boolean",
      description: "Ask the outside systems again first, and add what they say to the run's evidence.",
    },
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description: "The registry of validator bindings; else the project's, else that of the run.",
    },
    noOperationalCoupling: {
      type: "boolean",
      description: "Without --run-id: look only at results of tests and of the verifier.",
    },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const { io } = session;
    const place = await verifyPlace(args, io);
    const find = () =>
      verifyTarget(io, place, { ...args, noOperationalCoupling: args.noOperationalCoupling === true });
    let target = await find();
    const context = await written(io, "the context", () =>
      writeContext(place.scopeRoot, verifyContext(place, target?.subject)),
    );
    const emitted = await readEmitted(place.scopeRoot);
    if (args.executeValidators === true) {
      await askAgain(args, io, place, target);
      target = await find();
    }
    const mode = verifyModes.find((known) => known === args.mode) ?? "strict";
    const coupling =
      target === undefined
        ? undefined
        : await coupleRun({
            ...target,
            mode,
            registry: () => registryOf(args, io, target?.validatorBindings),
            clock: systemClock,
          });
    const linked =
      target === undefined || coupling === undefined
        ? undefined
        : await written(io, "the result", () => writeAssurance(target.subject, coupling));
    const coupled = args.noOperationalCoupling !== true || target !== undefined;
    const exit = exitOf(emitted, coupling, coupled);
    const verified: Verified = { place, target, emitted, coupling, linked, mode, exit, context };
    await session.print({
      data: verifyData(verified),
      text: () => verifyText(verified, io.stdout, { detailed: args.showFindings === true }),
    });
    io.words(await exitWords(verified, io));
    return exit;
  },
});

/** Flags of the old runtime for things that akc does not do. Silence would look like success. */
const foreignFlags: Readonly<Record<string, string>> = {
  "--dafny": "akc runs no formal tools: run Dafny beside it.",
  "--verus": "akc runs no formal tools: run Verus beside it.",
  "--living-unattended": "akc has no checks of the living loop here.",
};

export const verify: Command = {
  ...described,
  async execute(argv, io) {
    const end = argv.indexOf("--");
    for (const word of end < 0 ? argv : argv.slice(0, end)) {
      const flag = word.replace(/=.*$/s, "");
      const hint = Object.hasOwn(foreignFlags, flag) ? foreignFlags[flag] : undefined;
      if (hint !== undefined) throw new AkcError("USAGE", { message: `${flag} is not a flag of akc`, hint });
    }
    return described.execute(argv, io);
  },
};

/** Undefined where the scope cannot be written; that is told, and the verdict does not depend on it. */
async function written<T>(io: Io, what: string, write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (cause) {
    const unwritable = ["EACCES", "EPERM", "EROFS", "EEXIST", "ENOTDIR", "EISDIR"].includes(
      errnoOf(cause) ?? "",
    );
    const error = asAkcError(cause);
    if (!unwritable && error.code !== "DISK_FULL") throw cause;
    io.words(`warning: ${what} could not be written: ${printable(error.message)} [${error.code}]\n`);
    return undefined;
  }
}

interface AskArgs extends SearchArgs {
  readonly validatorBindings?: string | undefined;
}

/** @throws AkcError USAGE where nothing ran, and of the validators */
async function askAgain(
  args: AskArgs,
  io: Io,
  place: VerifyPlace,
  target: Target | undefined,
): Promise<void> {
  const runtimeRunId = target?.subject.runtimeRunId;
  if (runtimeRunId === undefined) {
    throw new AkcError("USAGE", {
      message: "--execute-validators needs a run whose evidence it can add to",
      hint: "Name one with --run-id or --runtime-run-id.",
    });
  }
  const { validatorBindingsPath } = await readProject(process.cwd());
  const named = args.validatorBindings ?? validatorBindingsPath;
  const asking = askingLine(io, () => systemClock.nowMs());
  const interrupt = watchSignals((text) => asking.say(text));
  try {
    await executeForVerify({
      scopeRoot: place.scopeRoot,
      outputsRoot: place.outputsRoot,
      runtimeRunId,
      // Without one, those that the run was started with are asked; whoever reads it knows no working directory, only a home.
      bindingsPath: named === undefined || named.startsWith("~") ? named : resolve(named),
      pluginsDirs: valuesOf(args.pluginsDir),
      env: io.env,
      clock: systemClock,
      signal: interrupt.signal,
      asking,
    });
  } finally {
    asking.finish();
    interrupt.remove();
  }
}

/** Plugins are looked for since their kinds of bindings are no faults. */
async function registryOf(args: AskArgs, io: Io, ofRun: string | undefined): Promise<BindingRegistry> {
  const cwd = process.cwd();
  const { plugins } = await search(await surroundings(args, io.env));
  const { validatorBindingsPath } = await readProject(cwd);
  return loadBindings({
    path: args.validatorBindings,
    // What is gone meanwhile is told of each binding, and keeps nobody from verifying.
    projectPath: validatorBindingsPath ?? (ofRun !== undefined && existsSync(ofRun) ? ofRun : undefined),
    cwd,
    kinds: judgedKinds(plugins),
  });
}

/** @param wanted whether a run was to be verified; then there being none is no success */
function exitOf(emitted: Emitted, coupling: Coupling | undefined, wanted: boolean): ExitCode {
  if (!emitted.passed) return 2;
  if (coupling === undefined) return wanted ? 4 : 0;
  const { governance, passed, findings, validity } = coupling;
  if (passed || governance.enforcement === "advisory") return 0;
  const errors = findings.some(({ severity }) => severity === "error");
  return !errors && validity?.verdict === "inconclusive" ? 4 : 2;
}
