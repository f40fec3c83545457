/**
 * The pieces of a step from one state of a rollout to the next: entering a phase, replacing a unit. Pure; it decides nothing.
 */
import { endedPhases, type Rollout, type RolloutPhase, type RolloutReason, type Unit } from "./model.ts";

export interface Cause {
  readonly reason: RolloutReason;
  readonly message?: string;
}

/** Into a phase that is not `paused`; why it was paused, or what went wrong in it, is forgotten unless `cause` says it again. */
export function enter(
  rollout: Rollout,
  phase: Exclude<RolloutPhase, "paused">,
  deadlineMs: number | null,
  nowMs: number,
  cause?: Cause,
): Rollout {
  const { pausedFrom: _from, reason: _reason, message: _message, ...rest } = rollout;
  return {
    ...rest,
    phase,
    phaseSinceMs: nowMs,
    deadlineMs: endedPhases.has(phase) ? null : deadlineMs,
    overdueMs: null,
    ...cause,
  };
}

/** Stops where it is, for a person or the deadline of pauses. */
export function pause(rollout: Rollout, cause: Cause, nowMs: number): Rollout {
  const { phase } = rollout;
  const from = phase === "baking" || phase === "analysing" ? phase : "progressing";
  return {
    ...rollout,
    phase: "paused",
    pausedFrom: from,
    ...cause,
    phaseSinceMs: nowMs,
    deadlineMs: nowMs + rollout.strategy.pauseDeadlineMs,
    overdueMs: null,
  };
}

/** Back to changing things. */
export function progress(rollout: Rollout, nowMs: number): Rollout {
  return enter(
    { ...rollout, progressMs: nowMs },
    "progressing",
    nowMs + rollout.strategy.health.progressDeadlineMs,
    nowMs,
  );
}

/** Something turned healthy: the deadline of progress counts anew. */
export function progressed(rollout: Rollout, nowMs: number): Rollout {
  const { phase, strategy } = rollout;
  const counts = phase === "progressing" || phase === "rolling_back";
  return {
    ...rollout,
    progressMs: nowMs,
    ...(counts ? { deadlineMs: nowMs + strategy.health.progressDeadlineMs, overdueMs: null } : {}),
  };
}

export function withUnit(rollout: Rollout, index: number, unit: Unit): Rollout {
  if (rollout.units[index] === unit) return rollout;
  return { ...rollout, units: rollout.units.with(index, unit) };
}

/** Into another state; what was said of the one before is forgotten unless `cause` says it again. */
export function become(unit: Unit, state: Unit["state"], nowMs: number, cause?: Cause): Unit {
  const { reason: _reason, message: _message, ...rest } = unit;
  return { ...rest, state, sinceMs: nowMs, ...cause };
}
