/**
 * The last turns of a run: what should stand is made to stand, if all went well, and an event says how it ended. What
 * reconciling does is durable step by step, before the end is written; the end never waits for it to be told at once.
 *
 * Source: spec kernel §9.4; kernel:W-12; reconcile:W-07.
 */
import type { RunContext } from "../adapters/contract.ts";
import type { ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Converge } from "../reconciler/model.ts";
import type { Outcome } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { Counts } from "./model.ts";
import { legacyStatus, outcomeOf } from "./outcome.ts";
import { createReconcileLedger } from "./reconcile-ledger.ts";
import type { Recorder } from "./recorder.ts";
import { eventTypes, finishedPayload } from "./wire.ts";

export interface KernelReport {
  readonly outcome: Outcome;
  readonly status: string;
  readonly counts: Counts;
  readonly lastError?: string;
  readonly lastErrorCode?: ErrorCode;
  /** Whether all that should stand does; true when nothing should. */
  readonly converged: boolean;
  /** Number of the run's last event. */
  readonly lastSeq: number;
  /** As recorded, in milliseconds since the epoch. */
  readonly finishedAtMs: number;
}

export interface EndingDeps {
  readonly machine: Machine;
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly context: RunContext;
  /** What should stand once every action has succeeded; absent on bundles that want nothing. */
  readonly converge?: Converge;
  /** Makes durable what the journal has. */
  commit(): Promise<void>;
  /** Looks whether the run must end early, and records it. */
  checkCut(): Promise<void>;
}

/** Records the end. @param turns how often the loop went round */
export async function finish(deps: EndingDeps, turns: number): Promise<Omit<KernelReport, "lastSeq">> {
  const { machine, journal, recorder, clock, context } = deps;
  const counts = machine.counts();
  const converged = await convergeAfterSuccess(deps, counts);
  const outcome = outcomeOf(counts, recorder.cut, recorder.deniedElsewhere);
  const status = legacyStatus(outcome, machine.allTerminal());
  const atMs = clock.nowMs();
  const { lastError } = recorder;
  recorder.takeNotes();
  recorder.emit(
    eventTypes.loopFinished,
    finishedPayload({
      runtimeRunId: context.runtimeRunId,
      terminalStatus: status,
      outcome,
      iterations: turns,
      counts,
      lastError: lastError?.message,
      decisions: journal.decisions(),
    }),
    atMs,
  );
  journal.run({ status, outcome, finishedAtMs: atMs, lastError: lastError?.message ?? null });
  return {
    outcome,
    status,
    counts,
    converged,
    finishedAtMs: atMs,
    ...(lastError === undefined ? {} : { lastError: lastError.message, lastErrorCode: lastError.code }),
  };
}

/** Only after every action has succeeded: a broken plan must not be deployed. */
async function convergeAfterSuccess(deps: EndingDeps, counts: Counts): Promise<boolean> {
  const { converge, clock, recorder, journal } = deps;
  if (converge === undefined) return true;
  if (outcomeOf(counts, recorder.cut, recorder.deniedElsewhere) !== "succeeded") return false;
  const ledger = createReconcileLedger({
    journal,
    clock,
    emit: (type, payload, text, atMs) => recorder.emit(type, text, atMs, { payload }),
    denied: (decision) => recorder.denyElsewhere(decision),
    commit: () => deps.commit(),
  });
  const told = toldToEnd(deps);
  try {
    const { converged, denied } = await converge(ledger, told.signal);
    if (denied !== undefined) recorder.denyElsewhere(denied);
    return converged;
  } finally {
    await told.end();
    // What the store refused breaks the run, also where whoever recorded it did not look.
    await ledger.close();
  }
}

/** Converging may take as long as a rollout does: a stop, a signal and the run's deadline end it as they end an action. */
function toldToEnd({ checkCut, recorder, clock }: EndingDeps) {
  const cut = new AbortController();
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      await clock.sleep(limits.stopPollMs, over.signal);
      await checkCut();
      if (recorder.cut !== undefined) cut.abort();
    }
  })();
  return {
    signal: cut.signal,
    async end() {
      over.abort();
      await looking;
    },
  };
}
