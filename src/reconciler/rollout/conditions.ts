/**
 * The three documented conditions of a unit and of a whole rollout, with a reason that is a code. Pure; nothing is read out of words.
 *
 * Source: spec reconcile §1.8; W-21.
 */
import { endedPhases, type Rollout, type RolloutReason, type Unit } from "./model.ts";

export type ConditionReason =
  | RolloutReason
  /** It is under way, or its turn will come. */
  | "reconciling";

export interface RolloutCondition {
  readonly type: "degraded" | "progressing" | "stalled";
  readonly status: "true" | "false";
  /** Only of a condition that is true. */
  readonly reason?: ConditionReason;
  readonly message?: string;
  /** Milliseconds since the epoch at which what it speaks of began. */
  readonly lastTransitionMs: number;
}

/** Always all three, in this order. */
export type Conditions = readonly [RolloutCondition, RolloutCondition, RolloutCondition];

interface Why {
  readonly reason: ConditionReason;
  readonly message?: string | undefined;
}

const fallen: ReadonlySet<Unit["state"]> = new Set([
  "failed",
  "rolling_back",
  "rolled_back",
  "rollback_failed",
  "rollback_unsupported",
]);

/** Of one unit of the rollout. */
export function conditionsOf(rollout: Rollout, unit: Unit): Conditions {
  const { state, health, changedMs } = unit;
  const bad = changedMs !== null && (health === "degraded" || health === "failed" || health === "absent");
  const gone = unit.operation === "delete" && state === "settled";
  const degraded = fallen.has(state) || (bad && !gone);
  const stands = state === "settled" && !degraded;
  const stopped = rollout.phase === "paused" || endedPhases.has(rollout.phase);
  const stalled = !stands && state !== "rolling_back" && (stopped || fallen.has(state));
  const cause = unit.reason === undefined || isGood(unit.reason) ? rollout : unit;
  const why: Why = {
    reason: cause.reason ?? (degraded ? "unhealthy" : "reconciling"),
    message: cause.message,
  };
  return [
    condition(
      "degraded",
      degraded,
      unit.sinceMs,
      degraded && !fallen.has(state) ? { reason: "unhealthy" } : why,
    ),
    condition("progressing", !stands && !stalled, unit.sinceMs, {
      reason: "reconciling",
      message: unit.message,
    }),
    condition("stalled", stalled, unit.sinceMs, why),
  ];
}

/** Of the rollout as a whole. */
export function conditionsOfRollout(rollout: Rollout): Conditions {
  const { phase, reason = "reconciling", message, phaseSinceMs } = rollout;
  const degraded = phase === "rolling_back" || phase === "rolled_back" || phase === "failed";
  const stalled =
    phase === "paused" || phase === "rolled_back" || phase === "failed" || phase === "superseded";
  const why: Why = { reason, message };
  return [
    condition("degraded", degraded, phaseSinceMs, why),
    condition("progressing", !stalled && phase !== "completed", phaseSinceMs, why),
    condition("stalled", stalled, phaseSinceMs, why),
  ];
}

function isGood(reason: RolloutReason): boolean {
  return reason === "healthy" || reason === "applied";
}

function condition(
  type: RolloutCondition["type"],
  holds: boolean,
  lastTransitionMs: number,
  { reason, message }: Why,
): RolloutCondition {
  if (!holds) return { type, status: "false", lastTransitionMs };
  return { type, status: "true", reason, ...(message === undefined ? {} : { message }), lastTransitionMs };
}
