/**
 * What a rollout tells of itself: the payload of its event, and whether there is anything new to tell. Pure.
 */
import type { RolloutPayload } from "./model.ts";
import type { Rollout } from "./rollout/model.ts";

export function rolloutPayload(
  rollout: Rollout,
  previousPhase: string,
  stateSha256: string,
  by?: string,
): RolloutPayload {
  const { rolloutId, planId, strategy, phase, step, reason, message, units } = rollout;
  const states: Record<string, number> = {};
  for (const { state } of units) states[state] = (states[state] ?? 0) + 1;
  return {
    rollout_id: rolloutId,
    plan_id: planId,
    strategy: strategy.kind,
    phase,
    previous_phase: previousPhase,
    step: step + 1,
    steps: strategy.steps.length,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(by === undefined ? {} : { by }),
    units: states,
    state_sha256: stateSha256,
  };
}

/** Differs when something happened that is worth keeping; healths that come and go are not. */
export function landmarkOf(rollout: Rollout): string {
  const { phase, step, reason, approved, full, generation, deadlineMs, units, analysis } = rollout;
  const states = units.map(({ state, updated, previous, changedMs, failures }) => [
    state,
    updated,
    previous,
    changedMs,
    failures,
  ]);
  return JSON.stringify([
    phase,
    step,
    reason,
    approved,
    full,
    generation,
    deadlineMs,
    analysis?.nextMs,
    states,
  ]);
}
