/**
 * What signals become: one trigger for all of one reason in one run, and none for what an attempt of the autopilot did itself or what
 * is open already. Pure.
 *
 * Source: spec cli §15.2; cli:W-27.
 */
import { eventIdOf } from "../../evidence/project.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunRow, StoredEvent } from "../../store/contract.ts";
import type { ScopeState, Trigger } from "../model.ts";
import type { Signal } from "./bridge.ts";
import { type AttemptSpan, isOfAttempt } from "./own-attempts.ts";
import { isBeingHandled, makeTrigger } from "./trigger.ts";

export interface FoundSignal {
  readonly row: Pick<RunRow, "context">;
  readonly event: Pick<StoredEvent, "seq" | "type" | "atMs">;
  readonly signal: Signal;
}

export interface SignalsAbout {
  readonly spans: readonly AttemptSpan[];
  readonly state: ScopeState;
  /** Whether a failed judgement of the deployed run is a trigger of its own kind. */
  readonly validity: boolean;
  readonly nowMs: number;
  newId(): string;
}

/** @param found by run, each in the order of its events */
export function signalTriggers(found: readonly FoundSignal[], about: SignalsAbout): readonly Trigger[] {
  const groups = new Map<string, FoundSignal[]>();
  for (const one of found) {
    const { runtimeRunId } = one.row.context;
    if (isOfAttempt(about.spans, runtimeRunId, one.event.atMs)) continue;
    const key = `${runtimeRunId}\0${one.signal.reason}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].flatMap((group) => {
    const trigger = triggerOf(group, about);
    return trigger === undefined || isOpen(trigger, about.state) ? [] : [trigger];
  });
}

function triggerOf(
  group: readonly FoundSignal[],
  { state, validity, nowMs, newId }: SignalsAbout,
): Trigger | undefined {
  const first = group[0];
  const last = group.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const { runId, runtimeRunId } = last.row.context;
  const { reason, impactClass, message } = last.signal;
  const isJudgement = last.event.type === eventTypes.validityAttested;
  const ofDeployed = isJudgement && validity && runtimeRunId === state.deployed?.runtimeRunId;
  const subjects = [...new Set(group.flatMap(({ signal }) => signal.subject ?? []))];
  const shown = subjects.slice(0, limits.autopilotNamedMax);
  return makeTrigger({
    id: newId(),
    kind: ofDeployed ? "validity_failed" : "runtime_event",
    severity: group.some(({ signal }) => signal.severity === "high") ? "high" : "med",
    key: `${ofDeployed ? "validity" : "event"}:${runtimeRunId}:${last.event.seq}`,
    reason: shown.length === 0 ? reason : `${reason} (${shown.join(", ")})`,
    atMs: nowMs,
    details: {
      runtime_run_id: runtimeRunId,
      run_id: runId,
      impact_class: impactClass,
      reason,
      event_type: last.event.type,
      source_event_id: eventIdOf(runtimeRunId, last.event.type, last.event.atMs, last.event.seq),
      first_seq: first.event.seq,
      last_seq: last.event.seq,
      count: group.length,
      ...(shown.length === 0 ? {} : { subjects: shown }),
      ...(message === undefined
        ? {}
        : { message: message.slice(0, limits.autopilotReasonChars).toWellFormed() }),
    },
  });
}

/** The same matter, and nobody is at work on it yet: whoever will be, sees both. */
function isOpen({ kind, details }: Trigger, state: ScopeState): boolean {
  return state.openTriggers.some(
    (open) =>
      open.kind === kind &&
      open.details["runtime_run_id"] === details["runtime_run_id"] &&
      open.details["reason"] === details["reason"] &&
      !isBeingHandled(state, open),
  );
}
