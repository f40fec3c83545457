/** `akc rollout status`: where a rollout stands, once or as it goes on. */
import { join } from "node:path";
import { endedPhases, type Rollout } from "../../reconciler/rollout/model.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { styleOf } from "../render/style.ts";
import { watchSignals } from "../runtime/interrupt.ts";
import { locatingEnvironment } from "../runtime/locate.ts";
import { type FoundRollout, oneRollout, rolloutArgs } from "./find-rollout.ts";
import { rolloutData, rolloutText, stepTeller } from "./rollout-words.ts";

const pollMs = 500;

export const status = command({
  path: "rollout status",
  summary: "Show where a rollout stands and why; with --watch, until it ends.",
  notes: ["The exit code is 0 where it is complete or under way, 1 where it failed or was brought back."],
  examples: [
    { command: "akc rollout status", says: "The newest rollout." },
    { command: "akc rollout status 0193f2c1 --watch", says: "A line for every step, until it ends." },
  ],
  exits: [0, 1, 2, 129, 130, 143],
  environment: locatingEnvironment,
  args: {
    ...rolloutArgs,
    watch: { type: "boolean", alias: ["w"], description: "Say every step on stderr until the rollout ends." },
  },
  async run(args, session) {
    let found = await oneRollout(session.io, args);
    if (args.watch === true) {
      const interrupt = watchSignals(() => undefined);
      try {
        found = await followed(session, { ...args, rollout: found.row.rolloutId }, found, interrupt.signal);
      } finally {
        interrupt.remove();
      }
      const cut = interrupt.exitCode();
      if (cut !== undefined) return cut;
    }
    return printRollout(session, found);
  },
});

async function followed(
  { io }: Session,
  args: Parameters<typeof oneRollout>[1],
  first: FoundRollout,
  signal: AbortSignal,
): Promise<FoundRollout> {
  let found = first;
  const tell = stepTeller(systemClock, (line) => io.words(line));
  while (!signal.aborted) {
    const { rollout } = found;
    tell(rollout);
    if (endedPhases.has(rollout.phase)) break;
    await systemClock.sleep(pollMs, signal);
    found = await oneRollout(io, args);
  }
  return found;
}

export async function printRollout(
  session: Session,
  { rollout, scopeRoot }: FoundRollout,
): Promise<ExitCode> {
  const { stdout } = session.io;
  const nowMs = systemClock.nowMs();
  await session.print({
    data: { kind: "Rollout", ...rolloutData(rollout, nowMs) },
    text: () =>
      rolloutText(rollout, nowMs, {
        style: styleOf(stdout.color),
        columnsMax: stdout.isTerminal ? stdout.columns() : undefined,
      }),
  });
  if (rollout.phase === "paused") {
    const ways = await waysOn(session.io, rollout, { outputsRoot: join(scopeRoot, "../..") });
    for (const way of ways) session.io.words(`hint: ${way}\n`);
  }
  return rollout.phase === "failed" || rollout.phase === "rolled_back" ? 1 : 0;
}

/** What a person may say to a rollout that waits for one. */
async function waysOn(
  io: Io,
  { rolloutId, reason }: Rollout,
  place: { readonly outputsRoot: string },
): Promise<readonly string[]> {
  const way = async (word: string, does: string) =>
    `\`${await followUpOnRun(io, ["rollout", word, rolloutId], place)}\` ${does}`;
  return Promise.all([
    ...(reason === "awaiting_approval"
      ? [way("promote", "approves it")]
      : reason === "analysis_inconclusive"
        ? [way("resume", "measures anew"), way("promote", "goes on without it")]
        : [way("resume", "lets it go on")]),
    way("abort", "brings everything back"),
  ]);
}
