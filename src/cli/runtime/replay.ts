/**
 * `akc runtime replay`: what happened in a run, in the documented shape, with the verdict whether its records still say so; as of
 * any event, or beside another run.
 *
 * Source: spec cli §11; cli:W-14, W-15, W-53, W-54.
 */
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import type { JsonObject } from "../../json/value.ts";
import { checkpointSha256 } from "../../replay/checkpoint-at.ts";
import { compareRuns } from "../../replay/compare.ts";
import { runAt } from "../../replay/reader-at.ts";
import { type ReplayMode, replayModes, replayText } from "../../replay/replay-text.ts";
import { type Verification, verifyRun } from "../../replay/verify.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { encode, plainOf } from "../render/output.ts";
import { wholeNumber } from "../values.ts";
import { comparisonReport } from "./comparison.ts";
import { sayDiverged } from "./divergences.ts";
import { locatingEnvironment } from "./locate.ts";
import { type OpenedRun, readRunArgs, withRun } from "./read-run.ts";

export const replay = command({
  path: "runtime replay",
  summary: "Show what happened in a run, and whether its records still say so.",
  notes: [
    "Nothing runs again: the events are folded once more and everything derived from them is compared. Where something differs, the verdict is `diverged`, the first difference is named with its event, and the exit code is 1.",
    "The result is one JSON object in the documented shape, as text too.",
  ],
  examples: [
    { command: "akc runtime replay 0193f2c1 --mode runtime_replay", says: "Every event of every action." },
    {
      command: "akc runtime replay 0193f2c1 --mode runtime_replay --no-transitions | jq .verdict",
      says: "The verdict alone.",
    },
    {
      command: "akc runtime replay 0193f2c1 --mode runtime_replay --until 40",
      says: "As it stood at event 40.",
    },
    {
      command: "akc runtime replay 0193f2c1 --against 0193f2aa",
      says: "Which steps differ between two runs.",
    },
  ],
  usage: "--mode MODE",
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...readRunArgs,
    mode: {
      type: "enum",
      options: [...replayModes],
      valueHint: "MODE",
      description:
        "runtime_replay: with the actions' events. reconcile_replay: only what was done to resources.",
    },
    until: {
      type: "string",
      valueHint: "SEQ",
      description: "As the run stood when this event had happened.",
    },
    against: {
      type: "string",
      valueHint: "RUN",
      description: "Say which steps differ from those of this run.",
    },
    transitions: {
      type: "boolean",
      default: true,
      description: "Show a row for each event of an action.",
      negativeDescription: "Leave the rows of the events out.",
    },
  },
  async run(args, session) {
    const mode = replayModes.find((known) => known === args.mode);
    if (mode === undefined && args.against === undefined) {
      throw new AkcError("USAGE", {
        message: "--mode is missing",
        hint: `Use ${replayModes.map((known) => `--mode ${known}`).join(" or ")}.`,
      });
    }
    const until =
      args.until === undefined
        ? undefined
        : wholeNumber("--until", args.until, { min: 0, max: Number.MAX_SAFE_INTEGER });
    return withRun<ExitCode>(session.io, args, async (opened) => {
      if (args.against !== undefined) return compare(opened, { ...args, run: args.against }, session);
      const verification = await verifyRun(opened.reader, {
        scopeRoot: opened.scopeRoot,
        stored: opened.stored,
        deployment: opened.deployment,
        divergencesMax: 1,
      });
      const asked = { mode: mode ?? "runtime_replay", until, transitions: args.transitions !== false };
      try {
        await show(opened, verification, session, asked);
      } catch (cause) {
        // What cannot be read cannot be shown; that it diverged, and where, is known all the same.
        if (!(cause instanceof AkcError) || verification.verdict === "verified") throw cause;
        await showVerdict(opened, verification, session, asked);
      }
      if (verification.verdict === "verified") return 0;
      sayDiverged(session.io, verification);
      return 1;
    });
  },
});

interface Asked {
  readonly mode: ReplayMode;
  readonly until: number | undefined;
  readonly transitions: boolean;
}

async function show(
  { reader, row }: OpenedRun,
  verification: Verification,
  { io, format }: Session,
  { mode, until, transitions }: Asked,
): Promise<void> {
  const at = until === undefined ? undefined : await runAt(reader, until);
  const text = replayText({
    reader: at?.reader ?? reader,
    run: at?.run ?? row,
    mode,
    transitions,
    added: {
      ...verdictMembers(verification),
      ...(at === undefined
        ? {}
        : {
            until_seq: at.run.lastSeq,
            until_chain_sha256: at.chainSha256,
            checkpoint_sha256: await checkpointSha256(at),
            phases: at.ledger.phases,
          }),
    },
  });
  if (format === "yaml") {
    await io.out(await encode("yaml", plainOf(parseJson((await Array.fromAsync(text)).join("")))));
    return;
  }
  for await (const part of text) await io.out(part);
  await io.out("\n");
}

async function showVerdict(
  { row }: OpenedRun,
  verification: Verification,
  { io, format }: Session,
  { mode }: Asked,
): Promise<void> {
  const { runtimeRunId } = row.context;
  const data = plainOf({ mode, runtime_run_id: runtimeRunId, ...verdictMembers(verification) });
  await io.out(await encode(format === "yaml" ? "yaml" : "json", data));
}

function verdictMembers(found: Verification): JsonObject {
  const [first] = found.divergences;
  return {
    verdict: found.verdict,
    verified_events: found.events,
    chain_sha256: found.chainSha256,
    divergence_count: found.divergenceCount,
    ...(first === undefined ? {} : { divergence: { ...first } }),
  };
}

/** @param other the arguments with the other run's id; it is looked for where runs are kept, never in the archive */
async function compare(
  { reader, row }: OpenedRun,
  other: Parameters<typeof withRun>[1],
  session: Session,
): Promise<ExitCode> {
  const { archive: _, runtimeRunId: __, ...where } = other;
  return withRun<ExitCode>(session.io, where, async (there) => {
    const comparison = await compareRuns(reader, there.reader);
    await session.print(comparisonReport(row, there.row, comparison, session.io.stdout));
    return 0;
  });
}
