/**
 * What becomes of a unit when its change is begun, made or refused. Pure; an answer that comes late, or twice, changes nothing.
 */
import { retryDelayMs } from "../backoff.ts";
import { failRollback, failUnit } from "./ending.ts";
import type { Rollout, RolloutInput, RolloutReason, Unit } from "./model.ts";
import { backwardSplit, forwardSplit, goalsOf } from "./order.ts";
import { become, withUnit } from "./transition.ts";

type Of<K extends RolloutInput["kind"]> = Extract<RolloutInput, { kind: K }>;

/** Never tried again: the answer would be the same. */
const final: ReadonlySet<RolloutReason> = new Set([
  "policy_denied",
  "not_owned",
  "provider_refused",
  "correction_loop",
  "rollback_unsupported",
]);
/** Refused before anything was changed, so that there is nothing to bring back. */
const untouching: ReadonlySet<RolloutReason> = new Set([
  "policy_denied",
  "not_owned",
  "provider_refused",
  "world_moved",
  "correction_loop",
]);

export function begun(rollout: Rollout, { resourceId, why }: Of<"begun">, nowMs: number): Rollout {
  const index = indexOf(rollout, resourceId);
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const back = why === "rollback";
  // In the meantime it may have been paused, or have failed: then nothing new is begun.
  const goesOn = rollout.phase === "progressing" && unit.state === "waiting";
  if (back ? !waitsToGoBack(unit) : !goesOn && unit.state !== "changing") return rollout;
  const split = back
    ? backwardSplit(rollout, unit)
    : forwardSplit(rollout, unit, goalsOf(rollout)[index] ?? "held");
  const { healthyDeadlineMs } = rollout.strategy.health;
  // One deadline for all tries of a change, unless it passed while nobody was there.
  const running = unit.deadlineMs !== null && unit.deadlineMs > nowMs;
  const asked = {
    ...unit,
    updated: split?.updated ?? null,
    previous: split?.previous ?? null,
    changedMs: null,
    healthySinceMs: null,
    lookedMs: null,
    deadlineMs: running ? unit.deadlineMs : nowMs + healthyDeadlineMs,
  };
  const same = back || unit.state === "changing";
  return withUnit(rollout, index, same ? asked : become(asked, "changing", nowMs));
}

export function applied(rollout: Rollout, { resourceId, why }: Of<"applied">, nowMs: number): Rollout {
  const index = indexOf(rollout, resourceId);
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const made = {
    ...unit,
    touched: true,
    changedMs: nowMs,
    healthySinceMs: null,
    lookedMs: null,
    failures: 0,
    notBeforeMs: 0,
  };
  if (why === "rollback") {
    return waitsToGoBack(unit) && unit.deadlineMs !== null ? withUnit(rollout, index, made) : rollout;
  }
  if (unit.state !== "changing") return rollout;
  return withUnit(rollout, index, become(made, "verifying", nowMs, { reason: "applied" }));
}

export function refused(rollout: Rollout, input: Of<"refused">, nowMs: number): Rollout {
  const { resourceId, why, reason, message } = input;
  const index = indexOf(rollout, resourceId);
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const again = input.retryable && !final.has(reason);
  const back = why === "rollback";
  if (!back && rollout.phase === "rolling_back") return rollout;
  // The policy says no before anything is begun.
  const expected = back
    ? waitsToGoBack(unit) && unit.notBeforeMs <= nowMs
    : unit.state === "changing" || (unit.state === "waiting" && !again);
  if (!expected) return rollout;
  const cause = { reason, message };
  const touched = unit.touched || (unit.state === "changing" && !untouching.has(reason));
  const failures = unit.failures + 1;
  const notBeforeMs = nowMs + retryDelayMs(`${rollout.rolloutId}\n${resourceId}`, failures);
  if (again && (unit.deadlineMs === null || notBeforeMs < unit.deadlineMs)) {
    const tried = { ...unit, touched, failures, notBeforeMs };
    return withUnit(rollout, index, become(tried, back ? "rolling_back" : "waiting", nowMs, cause));
  }
  const told = failures === 1 ? cause : { reason, message: `${message} (tried ${failures} times)` };
  const last: Unit = { ...unit, failures, touched, state: back ? unit.state : "waiting" };
  const gone = withUnit(rollout, index, last);
  return back ? failRollback(gone, index, told, nowMs) : failUnit(gone, index, told, nowMs);
}

export function indexOf({ units }: Rollout, resourceId: string): number {
  return units.findIndex((unit) => unit.resourceId === resourceId);
}

/** Its way back was not made yet, or only up to here. */
function waitsToGoBack({ state, changedMs }: Unit): boolean {
  return state === "rolling_back" && changedMs === null;
}
