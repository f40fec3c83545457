/**
 * A person's word to a rollout: kept in its inbox, taken by whoever drives it; where nobody does, this command goes on with the
 * rollout itself.
 */
import { AkcError } from "../../errors.ts";
import { isCut } from "../../reconciler/cut.ts";
import { keptRollout } from "../../reconciler/kept.ts";
import type { RolloutCommand } from "../../reconciler/rollout/model.ts";
import { systemClock } from "../../system/clock.ts";
import { systemIds } from "../../system/ids.ts";
import { type Command, command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { livenessOf } from "../lease/liveness.ts";
import { askingLine } from "../render/progress/asking.ts";
import { watchSignals } from "../runtime/interrupt.ts";
import { judgementLines } from "../runtime/judged.ts";
import { locatingEnvironment, withStore } from "../runtime/locate.ts";
import { senderName } from "../sender.ts";
import { type FoundRollout, oneRollout, rolloutArgs } from "./find-rollout.ts";
import { stepTeller } from "./rollout-words.ts";
import { printRollout } from "./status.ts";

interface Word {
  readonly word: "pause" | "resume" | "promote" | "abort" | "retry" | "undo";
  readonly summary: string;
  readonly note: string;
}

const full = {
  full: { type: "boolean", description: "Skip all that it would still wait for, analyses too." },
} as const;

/** The command `akc rollout WORD`. */
export function steering({ word, summary, note }: Word): Command {
  return command({
    path: `rollout ${word}`,
    summary,
    notes: [
      note,
      "Where another process is at the rollout, it takes the word within a second. Where none is, this command goes on with the rollout itself until it ends or waits again; --no-drive only leaves the word for whoever comes next.",
    ],
    examples: [
      { command: `akc rollout ${word}`, says: "The newest rollout." },
      { command: `akc rollout ${word} 0193f2c1`, says: "This one." },
    ],
    exits: [0, 1, 2, 5, 129, 130, 143],
    environment: locatingEnvironment,
    args: {
      ...rolloutArgs,
      ...(word === "promote" ? full : {}),
      drive: {
        type: "boolean",
        default: true,
        description: "Go on with the rollout where nobody does.",
        negativeDescription: "Only leave the word.",
      },
      bundle: {
        type: "string",
        valueHint: "FILE",
        description: "Where the run's bundle is now; else where it was.",
      },
      policy: {
        type: "string",
        valueHint: "FILE",
        description: "The operator's policy; else that of the run's start.",
      },
    },
    async run(args, session) {
      const found = await oneRollout(session.io, args);
      if (word === "undo") refuseCorrection(found);
      const wantsAll = "full" in args && args.full === true;
      const said: RolloutCommand = wantsAll ? "promote_full" : word;
      const request = await withStore(found.scopeRoot, (store) =>
        store.requestRollout({
          rolloutId: found.row.rolloutId,
          command: said,
          by: senderName(),
          atMs: systemClock.nowMs(),
        }),
      );
      for (let left = patienceMs / pollMs; ; left -= 1) {
        if (await heard(session, found, request.number)) {
          const now = await oneRollout(session.io, { ...args, rollout: found.row.rolloutId });
          return printAfter(session, word, now);
        }
        if (args.drive === false) {
          session.io.words("nobody is at the rollout: the word is kept for whoever goes on with it\n");
          return 0;
        }
        try {
          return await drive(session, word, found, args);
        } catch (cause) {
          // Somebody else began to, after our look: he hears the word.
          if (left === 0 || !isHeld(cause)) throw cause;
          await systemClock.sleep(pollMs);
        }
      }
    },
  });
}

/** What only put back what somebody had changed has nothing behind it. @throws AkcError USAGE */
function refuseCorrection({ row, rollout }: FoundRollout): void {
  const { corrections } = keptRollout(row);
  if (rollout.units.some(({ resourceId }) => corrections[resourceId] === undefined)) return;
  throw new AkcError("USAGE", {
    message: "the rollout only put back what somebody had changed: there is nothing to undo",
    hint: "`akc rollout list` shows the others; name the one to undo.",
    details: { rollout: row.rolloutId },
  });
}

async function isDriven({ scopeRoot }: FoundRollout): Promise<boolean> {
  const driver = await withStore(scopeRoot, (store) => store.scopeLease());
  return livenessOf(driver, systemClock.nowMs()).kind === "held";
}

/** Waits while somebody drives it. True when the word was taken; false when nobody is there to take it: who was may have been done the moment before. */
async function heard({ io }: Session, found: FoundRollout, number: number): Promise<boolean> {
  const untilMs = systemClock.monotonicMs() + patienceMs;
  while (systemClock.monotonicMs() < untilMs) {
    const driven = await isDriven(found);
    const open = await withStore(found.scopeRoot, (store) => store.deployment.openRequests());
    if (open.every((request) => request.number !== number)) return true;
    if (!driven) return false;
    await systemClock.sleep(pollMs);
  }
  io.words("whoever is at the rollout has not taken the word yet\n");
  return true;
}

function isHeld(cause: unknown): boolean {
  return cause instanceof AkcError && (cause.code === "LEASE_HELD" || cause.code === "SCOPE_HELD");
}

const patienceMs = 10_000;
const pollMs = 100;

async function drive(
  session: Session,
  word: Word["word"],
  { scopeRoot, rollout }: FoundRollout,
  args: {
    readonly bundle?: string | undefined;
    readonly policy?: string | undefined;
    readonly outputsRoot?: string | undefined;
  },
): Promise<ExitCode> {
  const { io } = session;
  const asking = askingLine(io, () => systemClock.nowMs());
  const interrupt = watchSignals((text) => asking.say(text));
  try {
    const { reconcileRun } = await import("../../run/deployment/reconcile-run.ts");
    const row = await withStore(scopeRoot, async (store) => {
      const reader = await store.openRun(rollout.runtimeRunId);
      try {
        return await reader.run();
      } finally {
        await reader.close();
      }
    });
    const { judged } = await reconcileRun(
      {
        scopeRoot,
        row,
        simulate: false,
        rolloutId: rollout.rolloutId,
        once: true,
        bundlePath: args.bundle,
        policyPath: args.policy,
        signal: interrupt.signal,
        onRollout: stepTeller(systemClock, (line) => asking.say(line.trimEnd())),
        asking,
      },
      { clock: systemClock, ids: systemIds, env: process.env },
    );
    asking.finish();
    if (judged?.validity !== undefined) io.words(`${judgementLines(judged.validity).join("\n")}\n`);
  } catch (cause) {
    if (interrupt.exitCode() === undefined || !isCut(cause)) throw cause;
  } finally {
    asking.finish();
    interrupt.remove();
  }
  const { outputsRoot } = args;
  const after = await oneRollout(io, { rollout: rollout.rolloutId, outputsRoot });
  const exit = await printAfter(session, word, after);
  return interrupt.exitCode() ?? exit;
}

/** That it went back is no failure for whoever asked for just that. */
async function printAfter(session: Session, word: Word["word"], found: FoundRollout): Promise<ExitCode> {
  const exit = await printRollout(session, found);
  const wasWanted = (word === "abort" || word === "undo") && found.rollout.phase === "rolled_back";
  return wasWanted ? 0 : exit;
}
