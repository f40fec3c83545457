/**
 * `akc validate replay`: verdicts given again from what was recorded, without asking anybody. Changes nothing.
 */
import { AkcError } from "../../errors.ts";
import { openValidators } from "../../run/validators.ts";
import { systemClock } from "../../system/clock.ts";
import {
  type Judged,
  type RecordedObservation,
  type Replayed,
  replayExit,
  replayObservation,
} from "../../validation/replay.ts";
import { command, type Session } from "../command.ts";
import type { Io } from "../io.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { surroundings } from "../plugin/search.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { styleOf } from "../render/style.ts";
import { counted, printable } from "../render/text.ts";
import { watchSignals } from "../runtime/interrupt.ts";
import { locatingEnvironment } from "../runtime/locate.ts";
import { type ReadRunArgs, readRunArgs, withRun } from "../runtime/read-run.ts";
import { valuesOf } from "../strict.ts";
import { recordedInFiles, recordedInRun } from "./recorded.ts";
import { verdictTable } from "./verdict-table.ts";

export const replay = command({
  path: "validate replay",
  summary: "Give recorded verdicts again from what was seen then, and say which are the same.",
  notes: [
    "Asks nobody: no request is made and no tool is started. Each validator is shown what it was shown then, with the settings and the time of then.",
    "Exit code: 0 when every verdict is the same, 1 when one differs or its record was tampered with, 4 when something could not be judged again. Verdicts that akc gave itself, as for a binding that is missing or blocked, are errors and stay that: they are shown and do not count.",
  ],
  examples: [
    {
      command: "akc validate replay 0193f2c1",
      says: "Do the verdicts of this run follow from what was seen?",
    },
    {
      command: "akc validate replay --from shop/.akc/verification/validators/run-1",
      says: "The same of artifacts in a folder, wherever they came from.",
    },
  ],
  exits: [0, 1, 2, 4, 129, 130, 143],
  environment: { ...pluginEnvironment, ...locatingEnvironment },
  args: {
    ...readRunArgs,
    from: {
      type: "string",
      valueHint: "PATH",
      description: "Look at this artifact, or those in this folder, instead of a run.",
    },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const { env } = session.io;
    const { operator } = await surroundings(args, env);
    const pluginsDirs = valuesOf(args.pluginsDir);
    const watched = watchSignals((text) => session.io.words(`${text}\n`));
    try {
      return await withRecorded(session.io, args, async (recorded) => {
        const kinds = [...new Set(recorded.map(({ payload }) => String(payload["binding_kind"])))];
        const onNote = (text: string) => session.io.words(`${printable(text)}\n`);
        const validators = await openValidators({
          pluginsDirs,
          env,
          operator,
          kinds,
          recorded: true,
          onNote,
        });
        const replayed: Replayed[] = [];
        try {
          for (const one of recorded) {
            const parts = { validators, clock: systemClock, signal: watched.signal };
            replayed.push(await replayObservation(one, parts));
          }
        } finally {
          await validators.close();
        }
        await print(session, replayed, args.from);
        return watched.exitCode() ?? replayExit(replayed);
      });
    } finally {
      watched.remove();
    }
  },
});

async function withRecorded<T>(
  io: Io,
  args: ReadRunArgs & { readonly from?: string | undefined },
  work: (recorded: readonly RecordedObservation[]) => Promise<T>,
): Promise<T> {
  if (args.from === undefined) {
    return withRun(io, args, async ({ reader }) => work(await recordedInRun(reader)));
  }
  if (args.run !== undefined || args.runtimeRunId !== undefined || args.archive !== undefined) {
    throw new AkcError("USAGE", { message: "a run and --from are given", hint: "Name one of them." });
  }
  return work(await recordedInFiles(args.from));
}

async function print(
  session: Session,
  replayed: readonly Replayed[],
  from: string | undefined,
): Promise<void> {
  const count = (outcome: Replayed["outcome"]) => replayed.filter((one) => one.outcome === outcome).length;
  const counts = {
    same: count("same"),
    differs: count("differs"),
    tampered: count("tampered"),
    not_replayable: count("not-replayable"),
    unjudged: count("unjudged"),
  };
  await session.print({
    data: { kind: "ValidatorReplay", ...counts, items: replayed.map(rowData) },
    text: () => {
      if (replayed.length === 0) {
        return from === undefined
          ? "nothing was recorded: nobody was asked"
          : `there are no artifacts in ${printable(from)}`;
      }
      const lines = verdictTable(replayed.map(tableRow), session.io.stdout, {
        verdict: "REPLAY",
        reason: "RECORDED",
      });
      const style = styleOf(session.io.stdout.color);
      const changed = replayed.flatMap(({ bindingId, plugin }) =>
        plugin === undefined
          ? []
          : [
              style.warn(
                `${printable(bindingId)}: judged then by ${printable(plugin.recorded)}, now by ${printable(plugin.now)}`,
              ),
            ],
      );
      const summary = [
        `${counted(replayed.length, "verdict")}: ${counts.same} the same`,
        ...(counts.differs > 0 ? [`${counts.differs} different`] : []),
        ...(counts.tampered > 0 ? [`${counts.tampered} tampered with`] : []),
        ...(counts.not_replayable > 0 ? [`${counts.not_replayable} not replayable`] : []),
        ...(counts.unjudged > 0 ? [`${counts.unjudged} of akc's own`] : []),
      ].join(", ");
      return [lines, ...(changed.length > 0 ? ["", ...changed] : []), "", summary].join("\n");
    },
  });
}

const standings = {
  same: "pass",
  differs: "fail",
  tampered: "error",
  "not-replayable": "inconclusive",
  unjudged: "inconclusive",
} as const;

function tableRow({ bindingId, kind, outcome, recorded, replayed, why }: Replayed) {
  const isOther = outcome === "differs" && recorded !== undefined && replayed !== undefined;
  return {
    bindingId,
    kind,
    verdict: outcome,
    standing: standings[outcome],
    reason: recorded === undefined ? "" : verdictWords(recorded),
    value: recorded?.value === undefined ? "" : JSON.stringify(plainOf(recorded.value)),
    ...(isOther
      ? { why: `${words(recorded)} then, ${words(replayed)} now` }
      : why === undefined
        ? {}
        : { why }),
  };
}

function words(judged: Judged): string {
  const { value } = judged;
  return `${verdictWords(judged)}${value === undefined ? "" : ` at ${JSON.stringify(plainOf(value))}`}`;
}

function verdictWords({ verdict, reason }: Judged): string {
  return reason === undefined ? verdict : `${verdict} (${reason})`;
}

function rowData({
  where,
  bindingId,
  kind,
  dryRun,
  outcome,
  recorded,
  replayed,
  why,
  plugin,
}: Replayed): Plain {
  return {
    id: bindingId,
    kind,
    outcome: outcome.replaceAll("-", "_"),
    recorded: judgedData(recorded),
    replayed: judgedData(replayed),
    why: why ?? null,
    plugin: plugin ?? null,
    dry_run: dryRun,
    where,
  };
}

function judgedData(judged: Judged | undefined): Plain {
  if (judged === undefined) return null;
  const { verdict, reason, value } = judged;
  return { verdict, reason: reason ?? null, value: plainOf(value ?? null) };
}
