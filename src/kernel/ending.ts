/**
 * The last turn of a run: one pass over what should stand, if all went well, and the event that says how it ended.
 *
 * Source: spec kernel §9.4; kernel:W-12.
 */
import type { RunContext } from "../adapters/contract.ts";
import type { ErrorCode } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import type { Outcome } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { Counts } from "./model.ts";
import { legacyStatus, outcomeOf } from "./outcome.ts";
import type { Recorder } from "./recorder.ts";
import { eventTypes, finishedPayload } from "./wire.ts";

/** Makes one pass over what should stand; every status is recorded as an event. */
export type Converge = (
  onDecision: (decision: Decision, about: JsonObject) => void,
) => Promise<readonly { readonly converged: boolean; readonly payload: string }[]>;

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
async function convergeAfterSuccess(
  { converge, clock, recorder, journal }: EndingDeps,
  counts: Counts,
): Promise<boolean> {
  if (converge === undefined) return true;
  if (outcomeOf(counts, recorder.cut, recorder.deniedElsewhere) !== "succeeded") return false;
  const resources = await converge((decision, about) => {
    journal.decision(decision, about, clock.nowMs());
    if (!decision.allowed) recorder.denyElsewhere(decision);
  });
  for (const { payload } of resources) recorder.emit(eventTypes.resourceStatus, payload, clock.nowMs());
  return resources.every((resource) => resource.converged);
}
