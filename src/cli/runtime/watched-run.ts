/**
 * Lets a command carry out a run before the eyes of its user: progress while it goes, signals that stop it, and in the end
 * what came of it and what to type next. The same for a run that begins and for one that goes on.
 */
import type { FoundPast } from "../../run/continuation/found.ts";
import type { RunHost } from "../../run/ready.ts";
import type { AnnouncedPlan, RunReport, StartRunInput } from "../../run/start.ts";
import { systemClock } from "../../system/clock.ts";
import { systemIds } from "../../system/ids.ts";
import type { Session } from "../command.ts";
import { createDiagnostics, type Diagnostics, pluginLog } from "../diagnostics.ts";
import { asExitCode, type ExitCode } from "../exit-codes.ts";
import { silentWatcher, type Watcher, watchRun } from "../render/progress/watcher.ts";
import { counted, printable } from "../render/text.ts";
import { type Asked, aftermathOf, complaint, explainCommand } from "./aftermath.ts";
import { denialData } from "./denial.ts";
import { foundWords, momentsBefore } from "./found-words.ts";
import { watchSignals } from "./interrupt.ts";
import { momentOf } from "./moments.ts";
import { reportData, reportText } from "./report.ts";
import { rolloutTeller } from "./rollout-moments.ts";

export interface WatchedInput extends Asked {
  readonly quiet: boolean;
  /** As the header of the progress shows it. */
  readonly bundlePath: string;
}

/** What the run is given so that it can be watched and stopped. */
export type Hands = Required<Pick<StartRunInput, "signal" | "onPlan">> &
  Pick<StartRunInput, "onEvent" | "asking">;

/** Runs it, prints its report, and answers with the exit code. @throws what `run` throws */
export async function watchedRun(
  session: Session,
  input: WatchedInput,
  run: (hands: Hands, host: RunHost) => Promise<RunReport>,
): Promise<ExitCode> {
  const watcher = input.quiet ? silentWatcher : watchRun(session.io, () => systemClock.nowMs());
  const interrupt = watchSignals((text) => watcher.say(text));
  const rolloutWords = rolloutTeller();
  try {
    const diagnostics = await createDiagnostics(session.io, session.verbose);
    let found: FoundPast | undefined;
    const host = {
      clock: systemClock,
      ids: systemIds,
      env: process.env,
      onPluginLog: pluginLog(diagnostics),
    };
    const hands: Hands = {
      signal: interrupt.signal,
      onPlan: (plan, past) => {
        found = past;
        announce(plan, past, { input, watcher, diagnostics });
      },
      asking: watcher.asking,
      // Nobody watching: then nothing is made to be shown.
      ...(watcher === silentWatcher
        ? {}
        : {
            onEvent: (event) => {
              const moment = momentOf(event);
              if (moment !== undefined) watcher.happened(moment);
              const words = rolloutWords(event);
              if (words !== undefined) watcher.say(words);
            },
          }),
    };
    const report = await run(hands, host);
    watcher.finish();
    const { outcome, scopeDir, bundleSha256 } = report;
    diagnostics.debug("evidence written", { outcome, folder: scopeDir, bundle_sha256: bundleSha256 });
    await tell(session, input, report, found);
    return interrupt.exitCode() ?? asExitCode(report.exitCode);
  } finally {
    watcher.finish();
    interrupt.remove();
  }
}

function announce(
  plan: AnnouncedPlan,
  past: FoundPast | undefined,
  { input, watcher, diagnostics }: { input: WatchedInput; watcher: Watcher; diagnostics: Diagnostics },
): void {
  const { runtimeRunId, adapterId: adapter, total, mode } = plan;
  const scope = `${plan.scope.tenantId}/${plan.scope.repoId}`;
  if (past !== undefined) for (const line of foundWords(past)) watcher.say(line);
  if (plan.unasked !== undefined) watcher.say(unaskedWords(plan.unasked));
  watcher.planned(
    { bundle: input.bundlePath.replace(/^.*\//, ""), runtimeRunId, scope, mode, adapter },
    plan.steps,
    past === undefined ? [] : momentsBefore(past),
  );
  diagnostics.debug(past === undefined ? "run starts" : "run goes on", {
    run: runtimeRunId,
    bundle: input.bundlePath,
    scope,
    mode,
    adapter,
    policy: input.policyPath ?? "default",
    steps: total,
    after_seq: past?.afterSeq,
  });
}

/** Told before the work, since the run fails for it when all is done. */
function unaskedWords({ bindingIds, registry }: NonNullable<AnnouncedPlan["unasked"]>): string {
  const [first = "", ...others] = bindingIds;
  const named = `${printable(first)}${others.length === 0 ? "" : ` and ${counted(others.length, "other")}`}`;
  const why =
    registry === undefined
      ? "there is no registry of validator bindings; name one with --validator-bindings"
      : `not in ${printable(registry)}`;
  return `warning: the criteria ask for ${named}, and nobody can be asked: ${why}`;
}

async function tell(
  session: Session,
  input: WatchedInput,
  report: RunReport,
  found: FoundPast | undefined,
): Promise<void> {
  const { io } = session;
  const aftermath = await aftermathOf(report);
  const { denied, failures } = aftermath;
  const denial =
    denied === undefined
      ? undefined
      : denialData(denied, report, io.env, explainCommand(io, denied, report, input));
  const pictured = !input.quiet && io.stderr.canRedraw && io.stdout.isTerminal;
  // A picture and what came of it are two things to the eye.
  const gap = pictured && session.format !== "json" && session.format !== "yaml" ? "\n" : "";
  io.words(gap);
  await session.print({
    data: reportData(report, failures, denial, found),
    text: () => reportText(report, { pictured }),
  });
  const words = await complaint(report, aftermath, input, io);
  if (words !== "") io.words(gap + words);
}
