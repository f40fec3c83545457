/** `akc rollout status`: where a rollout stands, once or as it goes on. */
import { endedPhases } from "../../reconciler/rollout/model.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
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

export async function printRollout(session: Session, { rollout }: FoundRollout): Promise<ExitCode> {
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
  return rollout.phase === "failed" || rollout.phase === "rolled_back" ? 1 : 0;
}
