/**
 * `akc runtime reconcile`: makes what stands what the bundle of a run wants, or shows what that would change.
 *
 * Source: spec reconcile §3.3, §3.4; spec cli §13.
 */
import { join, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { isCut } from "../../reconciler/cut.ts";
import type { ReconcileReport } from "../../run/deployment/reconcile-run.ts";
import { systemClock } from "../../system/clock.ts";
import { systemIds } from "../../system/ids.ts";
import { namedBindings } from "../../validation/bindings/place.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { followUpOnRun } from "../follow-up.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { askingLine } from "../render/progress/asking.ts";
import { stepTeller } from "../rollout/rollout-words.ts";
import { valuesOf } from "../strict.ts";
import { duration, durationIn, wholeNumber } from "../values.ts";
import { watchSignals } from "./interrupt.ts";
import { judgementLines } from "./judged.ts";
import { locatingEnvironment, oneRun, runArgs } from "./locate.ts";
import { changesText, reconcileData, reconcileText } from "./reconcile-report.ts";
import { verdictOf } from "./reconcile-verdict.ts";

const watchIntervalMsDefault = 5_000;
const watchLooksDefault = 30;
const watchLooksMax = 1_000_000_000;
const watchIntervalMsMin = 100;
const watchIntervalMsMax = 86_400_000;

export const reconcile = command({
  path: "runtime reconcile",
  summary: "Make what stands what the run's bundle wants, or show the difference.",
  notes: [
    "--dry-run looks, compares field by field and prints a plan with an id; it changes nothing. --apply makes the changes as a rollout: in the order of dependencies, watched until they are healthy, brought back where they are not. --apply --plan ID applies exactly the plan that was looked at, or refuses because the world has moved.",
    "--watch stays: it looks when the provider says that something changed, and at everything every interval, and puts right what differs. Every change that it makes is an event of the run, which `akc runtime verify` covers; what a provider starts again by its own restart policy is not.",
    "A run with operational criteria is judged again afterwards: outside systems are asked by --apply, and nobody by --dry-run. Exit code 1 says that everything stands and a criterion is not met, 4 that nobody can tell.",
    "What akc has not made is never touched. --adopt takes it over where it stands in the place of a resource.",
  ],
  examples: [
    { command: "akc runtime reconcile 0193f2c1 --dry-run --diff", says: "What differs, field by field." },
    {
      command: "akc runtime reconcile 0193f2c1 --apply --plan plan-3f0c8e21",
      says: "Exactly what was looked at.",
    },
    {
      command: "akc runtime reconcile 0193f2c1 --apply --watch --watch-max-iterations 0",
      says: "Keep it so, until stopped.",
    },
  ],
  usage: "(--dry-run | --apply)",
  exits: [0, 1, 2, 3, 4, 5, 7, 129, 130, 143],
  environment: {
    ...locatingEnvironment,
    ...pluginEnvironment,
    AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER: "1 opens providers that only look at what is outside.",
    AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1 opens providers that change what is outside.",
  },
  args: {
    ...runArgs,
    dryRun: { type: "boolean", description: "Look and plan; change nothing." },
    apply: { type: "boolean", description: "Make the changes." },
    plan: {
      type: "string",
      valueHint: "ID",
      description: "With --apply: only this plan, as it was printed.",
    },
    diff: { type: "boolean", description: "Show every field that differs." },
    exitCode: { type: "boolean", description: "Exit 7 where something differs." },
    adopt: {
      type: "boolean",
      description: "Take over what stands in a resource's place and bears no mark of akc's.",
    },
    watch: { type: "boolean", description: "Go on: keep what stands as it should stand." },
    watchIntervalSec: {
      type: "string",
      valueHint: "SECONDS",
      description: `Between two looks at everything; else ${watchIntervalMsDefault / 1_000}.`,
    },
    watchMaxIterations: {
      type: "string",
      valueHint: "N",
      description: `Looks at most; else ${watchLooksDefault}. 0: until stopped.`,
    },
    bundle: {
      type: "string",
      valueHint: "FILE",
      description: "Where the bundle is now; else where it was. It must be the same one.",
    },
    policy: { ...policyArgs.policy, description: "The operator's policy; else that of the run's start." },
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description:
        "The registry of validator bindings that analyses and judgements ask; else that of the run's start.",
    },
    ...pluginArgs,
    quiet: { type: "boolean", alias: ["q"], description: "No progress on stderr." },
  },
  async run(args, session) {
    const simulate = onlyLooks(args);
    const watching = watchOf(args);
    const { row, scopeRoot } = await oneRun(session.io, args);
    const { io } = session;
    const say = (line: string) => {
      if (args.quiet !== true) io.words(line);
    };
    const asking = args.quiet === true ? undefined : askingLine(io, () => systemClock.nowMs());
    const interrupt = watchSignals((text) => asking?.say(text) ?? io.words(`${text}\n`));
    try {
      const { reconcileRun } = await import("../../run/deployment/reconcile-run.ts");
      const report = await reconcileRun(
        {
          scopeRoot,
          row,
          simulate,
          adopt: args.adopt === true,
          insist: watching === undefined,
          waitForPerson: watching !== undefined,
          planId: args.plan,
          bundlePath: args.bundle === undefined ? undefined : bundlePath(args.bundle),
          policyPath: args.policy,
          pluginsDirs: valuesOf(args.pluginsDir).map((directory) => resolve(directory)),
          bindingsPath: namedBindings(args.validatorBindings),
          signal: interrupt.signal,
          asking,
          ...(watching === undefined ? {} : { watch: watching }),
          onRollout: stepTeller(systemClock, say),
        },
        { clock: systemClock, ids: systemIds, env: process.env },
      );
      asking?.finish();
      const exit = await tell(session, report, {
        ...args,
        scopeRoot,
        runtimeRunId: row.context.runtimeRunId,
      });
      return interrupt.exitCode() ?? exit;
    } catch (cause) {
      const exit = interrupt.exitCode();
      if (exit === undefined || !isCut(cause)) throw cause;
      return exit;
    } finally {
      asking?.finish();
      interrupt.remove();
    }
  },
});

interface Flags {
  readonly dryRun?: boolean | undefined;
  readonly apply?: boolean | undefined;
  readonly plan?: string | undefined;
  readonly watch?: boolean | undefined;
  readonly watchIntervalSec?: string | undefined;
  readonly watchMaxIterations?: string | undefined;
}

/** @throws AkcError USAGE unless exactly one of the two is said */
function onlyLooks({ dryRun, apply, plan, watch }: Flags): boolean {
  if ((dryRun === true) === (apply === true)) {
    throw new AkcError("USAGE", {
      message: dryRun === true ? "--dry-run and --apply exclude each other" : "say --dry-run or --apply",
      hint: "--dry-run shows what would be changed, --apply changes it.",
    });
  }
  if (plan !== undefined && (apply !== true || watch === true)) {
    throw new AkcError("USAGE", {
      message: "--plan goes with --apply alone",
      hint: "A plan is applied once: `--apply --plan ID`.",
    });
  }
  return dryRun === true;
}

/** What stands is as it should be; whether that is any good is said by outside evidence. */
function judgedExit({ validity, unjudged }: NonNullable<ReconcileReport["judged"]> = {}): ExitCode {
  if (unjudged === true || validity?.verdict === "inconclusive") return 4;
  return validity === undefined || validity.verdict === "pass" ? 0 : 1;
}

function watchOf(flags: Flags) {
  if (flags.watch !== true) {
    if (flags.watchIntervalSec === undefined && flags.watchMaxIterations === undefined) return undefined;
    throw new AkcError("USAGE", {
      message: "--watch-interval-sec and --watch-max-iterations go with --watch",
    });
  }
  const looks =
    flags.watchMaxIterations === undefined
      ? watchLooksDefault
      : wholeNumber("--watch-max-iterations", flags.watchMaxIterations, { min: 0, max: watchLooksMax });
  const resyncMs =
    flags.watchIntervalSec === undefined
      ? watchIntervalMsDefault
      : intervalMs("--watch-interval-sec", flags.watchIntervalSec);
  return { resyncMs, ...(looks === 0 ? {} : { passesMax: looks }) };
}

/** A number of seconds may have decimals, as documented: `5.0`. */
function intervalMs(flag: string, text: string): number {
  const range = { min: watchIntervalMsMin, max: watchIntervalMsMax };
  const ms = /^\d{1,9}\.\d{1,9}$/.test(text) ? `${Math.round(Number(text) * 1_000)}ms` : text;
  return durationIn(ms, range) ?? duration(flag, text, range);
}

async function tell(
  session: Session,
  report: ReconcileReport,
  flags: {
    readonly runtimeRunId: string;
    readonly scopeRoot: string;
    readonly diff?: boolean | undefined;
    readonly exitCode?: boolean | undefined;
  },
): Promise<ExitCode> {
  const place = session.io.stdout;
  await session.print({
    data: reconcileData(flags.runtimeRunId, report),
    text: () => reconcileText(flags.runtimeRunId, report, { place, diff: flags.diff === true }),
  });
  const { words, exit, next = [] } = verdictOf(report, { exitCode: flags.exitCode === true });
  const changes = changesText(report);
  if (changes !== "") session.io.words(`${changes}\n`);
  session.io.words(`${words}\n`);
  const { validity, unjudged } = report.judged ?? {};
  if (validity !== undefined) session.io.words(`${judgementLines(validity).join("\n")}\n`);
  if (unjudged === true) session.io.words("the run was stopped before it was judged\n");
  const outputsRoot = join(flags.scopeRoot, "../..");
  const said = await Promise.all(
    next.map(
      async ({ command, does }) => `\`${await followUpOnRun(session.io, command, { outputsRoot })}\` ${does}`,
    ),
  );
  if (said.length > 0) session.io.words(`hint: ${said.join(", ")}.\n`);
  return exit === 0 && report.mode !== "simulate" ? judgedExit(report.judged) : exit;
}
