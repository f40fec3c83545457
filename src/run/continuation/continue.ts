/**
 * Goes on with a run that another process left: takes its lease, ends what that process left running, reads what was, and
 * lets the kernel work from there. Everything recorded stays as it is; the same run is never held twice.
 *
 * Source: spec kernel §9.3, §9.12; architecture "How a run flows".
 */
import { AkcError } from "../../errors.ts";
import { type Past, readPast } from "../../kernel/past.ts";
import type { Progress } from "../../kernel/recorder.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunReader, RunRow, RunWriter, Store } from "../../store/contract.ts";
import type { Clock } from "../../system/clock.ts";
import { refuseHeldScope } from "../deployment/held-scope.ts";
import { factsToGoOnWith } from "../evidence.ts";
import { runHeld } from "../hold.ts";
import type { ReadyRun } from "../ready.ts";
import { type AnnouncedPlan, announced, type RunReport, reportOf, type SeenEvent, seen } from "../report.ts";
import type { AskingWatch } from "../settle.ts";
import { takingOver } from "../take-over.ts";
import { refuseChanged } from "./changed.ts";
import { finishEvidence } from "./finish.ts";
import { type FoundPast, foundIn, idsOf, nameOf } from "./found.ts";
import { begunRun, type Leftover, leftoverOf, type Wanted } from "./leftover.ts";
import { endStrays } from "./strays.ts";

export interface Watching {
  /** Called once, when everything is settled and before anything runs. */
  onPlan?(plan: AnnouncedPlan, found?: FoundPast): void;
  /** Called after the commit that holds the event. */
  onEvent?(event: SeenEvent): void;
  /** What is asked of outside systems when the work is done. */
  readonly asking?: AskingWatch | undefined;
}

export interface ContinueInput extends Watching {
  readonly ready: ReadyRun;
  readonly store: Store;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly wanted: Wanted;
  readonly deadline?: Deadline | undefined;
}

/** Counted from now, or from the start of what is under way. */
export interface Deadline {
  readonly ms: number;
  readonly from: "now" | "start";
}

/** @throws AkcError LEASE_HELD, RUN_CHANGED, RUN_NOT_RESUMABLE, STEP_UNKNOWN, STORE_DAMAGED; what broke the run */
export async function continueRun(input: ContinueInput): Promise<RunReport> {
  const { ready, store, clock, wanted } = input;
  const { context, place } = ready;
  return takingOver(input, context.runtimeRunId, async (writer, lost) => {
    const reader = await store.openRun(context.runtimeRunId);
    try {
      // Only now that nobody else can write is what it says also what will be.
      const begun = await begunRun(reader);
      refuseChanged(begun.row, ready);
      await endStrays(place.scopeRoot, context);
      const leftover = leftoverOf(begun, wanted);
      switch (leftover.kind) {
        case "nothing":
          throw new AkcError("RUN_NOT_RESUMABLE", { details: { run: context.runtimeRunId } });
        case "evidence":
          return await finishEvidence({
            store,
            writer,
            clock,
            place,
            row: begun.row,
            env: ready.env,
            bindingsPath: ready.bindingsPath,
            signal: AbortSignal.any([input.signal, lost]),
            lost,
            asking: input.asking,
          });
        case "work":
          return await goOn(input, { writer, reader, row: begun.row, leftover, lost });
      }
    } finally {
      await reader.close();
    }
  });
}

interface Taken {
  readonly writer: RunWriter;
  readonly reader: RunReader;
  readonly row: RunRow;
  readonly leftover: Leftover;
  readonly lost: AbortSignal;
}

async function goOn(input: ContinueInput, taken: Taken): Promise<RunReport> {
  const { store, clock, signal, wanted, onEvent } = input;
  const { writer, reader, row, leftover, lost } = taken;
  await refuseHeldScope(input.ready, store, clock.nowMs());
  const ready = { ...input.ready, facts: await factsToGoOnWith(store, writer, row, input.ready.facts) };
  const { context, plan } = ready;
  const { past, beganAtMs } = await pastOf(ready, reader, row);
  if (past !== undefined) refuseUnknownSteps(past, wanted.from);
  // A deliberate start after an end is a start: bounds of time count anew.
  const startedAtMs = row.outcome === null ? beganAtMs : clock.nowMs();
  const elapsedMs = Math.max(0, clock.nowMs() - startedAtMs);
  input.onPlan?.(announced(ready), foundIn(past, { plan, leftover, from: wanted.from }));
  const report = await runHeld({
    ready,
    store,
    writer,
    clock,
    signal,
    lost,
    elapsedMs,
    deadlineMs: remaining(input.deadline, elapsedMs),
    rerun: wanted.from,
    asking: input.asking,
    ...(past === undefined ? {} : { past }),
    ...(onEvent === undefined ? {} : { onProgress: (progress: Progress) => onEvent(seen(progress)) }),
  });
  const { bundlePath, bundleSha256, divergenceCounts, place } = ready;
  return reportOf(
    {
      context,
      bundlePath,
      bundleSha256,
      divergenceCounts,
      scopeDir: place.scopeDir,
      startedAtMs: row.startedAtMs,
      deploys: ready.convergence !== undefined,
    },
    report,
  );
}

function remaining(deadline: Deadline | undefined, elapsedMs: number): number | undefined {
  if (deadline === undefined) return undefined;
  return deadline.from === "now" ? deadline.ms : Math.max(0, deadline.ms - elapsedMs);
}

/** With when what is under way began: at the start, or when somebody went on after an end. */
async function pastOf(
  { plan }: ReadyRun,
  reader: RunReader,
  row: RunRow,
): Promise<{ readonly past?: Past; readonly beganAtMs: number }> {
  let beganAtMs = row.startedAtMs;
  if (row.lastSeq === 0) return { beganAtMs };
  let ended = false;
  const past = await readPast(plan, {
    run: () => reader.run(),
    decisions: (afterRow, limit) => reader.decisions(afterRow, limit),
    async events(afterSeq, limit) {
      const page = await reader.events(afterSeq, limit);
      for (const { type, atMs } of page) {
        if (type === eventTypes.loopFinished || type === eventTypes.failed) ended = true;
        else if (type === eventTypes.resumed && ended) {
          ended = false;
          beganAtMs = atMs;
        }
      }
      return page;
    },
  });
  return { past, beganAtMs };
}

/** Before anything is written: a slip of the pen must leave no trace in the run. */
function refuseUnknownSteps({ machine, generation }: Past, from: readonly string[]): void {
  if (from.length === 0) return;
  const known = new Set(machine.items.flatMap(idsOf));
  const unknown = from.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    const steps = machine.items.slice(0, limits.issuesShownMax).map(nameOf);
    throw new AkcError("STEP_UNKNOWN", {
      message: `the run has no step ${unknown.join(", ")}`,
      details: { unknown, steps },
    });
  }
  if (generation >= limits.generationsMax) {
    throw new AkcError("RUN_NOT_RESUMABLE", {
      message: `parts of this run were run again ${limits.generationsMax} times; it may not be done more often`,
      hint: "Start a new run.",
    });
  }
}
