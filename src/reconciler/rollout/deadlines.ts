/**
 * What time makes of a rollout: which deadline has passed and what that means, and when the next one is. Pure; time in which nobody
 * looked (akc was not running) ends nothing but the waits for a person.
 */
import { limits } from "../../limits.ts";
import { fail, failRollback, failUnit } from "./ending.ts";
import { isInconclusive } from "./judge.ts";
import { inconclusive } from "./looks.ts";
import { notMeasured } from "./measuring.ts";
import { endedPhases, type Rollout, type Unit } from "./model.ts";
import { afterBake, afterUnits, isBaked, stepOf, watched } from "./steps.ts";
import { pause } from "./transition.ts";

/** Everything that is due at `nowMs`, until nothing more is. */
export function advance(rollout: Rollout, nowMs: number): Rollout {
  let now = rollout;
  // Each turn ends a wait or a unit; a rollout has a bounded number of both.
  for (;;) {
    const next = turn(now, nowMs);
    if (next === now) return withOverdue(now, nowMs);
    now = next;
  }
}

function turn(rollout: Rollout, nowMs: number): Rollout {
  const { phase, deadlineMs } = rollout;
  if (endedPhases.has(phase)) return rollout;
  if (phase === "paused") {
    if (deadlineMs === null || nowMs < deadlineMs) return rollout;
    const waited = rollout.message === undefined ? "" : ` (${rollout.message})`;
    const message = `nobody answered in time: ${rollout.reason ?? "paused"}${waited}`;
    return fail(rollout, { reason: "pause_deadline_exceeded", message }, nowMs);
  }
  if (phase === "rolling_back") return rollingBack(rollout, nowMs);
  const index = rollout.units.findIndex((unit) => isLate(rollout, unit, nowMs));
  if (index >= 0) return late(rollout, index, nowMs);
  if (phase === "progressing") {
    const next = afterUnits(rollout, nowMs);
    if (next !== rollout) return next;
    const open = rollout.units.filter(({ state }) => state === "verifying");
    return isOver(rollout, open, nowMs) ? fail(rollout, noProgress(rollout), nowMs) : rollout;
  }
  if (phase === "baking") {
    if (isBaked(rollout)) return afterBake(rollout, nowMs);
    return isOver(rollout, watched(rollout), nowMs) ? fail(rollout, notBaked(rollout), nowMs) : rollout;
  }
  return isOver(rollout, [], nowMs) ? notMeasured(rollout, nowMs) : rollout;
}

/** Whether the time for the change of the unit is over and it does not stand. */
function isLate(
  rollout: Rollout,
  { state, deadlineMs, healthySinceMs, lookedMs }: Unit,
  nowMs: number,
): boolean {
  if (deadlineMs === null || nowMs < deadlineMs || healthySinceMs !== null) return false;
  if (state === "verifying" || state === "rolling_back")
    return (lookedMs !== null && lookedMs >= deadlineMs) || isLongOverdue(rollout, nowMs);
  return state === "changing" && isLongOverdue(rollout, nowMs);
}

function late(rollout: Rollout, index: number, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  if (unit.state === "verifying" && isInconclusive(rollout, unit)) {
    return pause(rollout, inconclusive(unit, unit.message), nowMs);
  }
  return failUnit(rollout, index, tooLate(unit), nowMs);
}

function tooLate(unit: Unit) {
  const seen = unit.changedMs === null ? "its change did not end" : `it is ${unit.health ?? "not looked at"}`;
  const words = unit.message === undefined ? "" : `: ${unit.message}`;
  return { reason: "healthy_deadline_exceeded", message: `not healthy in time, ${seen}${words}` } as const;
}

function rollingBack(rollout: Rollout, nowMs: number): Rollout {
  const stuck = isOver(rollout, [], nowMs);
  const index = rollout.units.findIndex(
    (unit) => unit.state === "rolling_back" && (stuck || isLate(rollout, unit, nowMs)),
  );
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const cause = { reason: "rollback_failed", message: tooLate(unit).message } as const;
  return failRollback(rollout, index, cause, nowMs);
}

/** Whether the deadline of the phase has passed, and `units` were looked at since and none of them is on a good way. */
function isOver(rollout: Rollout, units: readonly Unit[], nowMs: number): boolean {
  const { deadlineMs } = rollout;
  if (deadlineMs === null || nowMs < deadlineMs) return false;
  if (isLongOverdue(rollout, nowMs)) return true;
  return (
    units.length > 0 &&
    units.some(({ healthySinceMs }) => healthySinceMs === null) &&
    units.every(({ lookedMs }) => lookedMs !== null && lookedMs >= deadlineMs)
  );
}

function noProgress({ units }: Rollout) {
  const open = units
    .filter(({ state }) => state === "changing" || state === "verifying")
    .map((unit) => unit.resourceId);
  const shown = open.slice(0, 5).join(", ") || "nothing could be begun";
  return {
    reason: "progress_deadline_exceeded",
    message: `no unit became healthy in time: ${shown}`,
  } as const;
}

function notBaked(rollout: Rollout) {
  const ill = watched(rollout).filter(({ healthySinceMs }) => healthySinceMs === null);
  const shown = ill
    .slice(0, 5)
    .map(({ resourceId, health }) => `${resourceId} is ${health}`)
    .join(", ");
  return { reason: "healthy_deadline_exceeded", message: `not healthy without a break: ${shown}` } as const;
}

/** Somebody is there and still nobody looks: then time alone has to do. */
function isLongOverdue({ overdueMs }: Rollout, nowMs: number): boolean {
  return overdueMs !== null && nowMs - overdueMs >= limits.providerObserveMsMax;
}

/** Marks since when a deadline has passed that no look has settled. */
function withOverdue(rollout: Rollout, nowMs: number): Rollout {
  const { phase, deadlineMs, units, overdueMs } = rollout;
  const counts = !endedPhases.has(phase) && phase !== "paused";
  const passed = (ms: number | null) => ms !== null && nowMs >= ms;
  const underWay = ({ state }: Unit) =>
    state === "changing" || state === "verifying" || state === "rolling_back";
  const overdue =
    counts && (passed(deadlineMs) || units.some((unit) => underWay(unit) && passed(unit.deadlineMs)));
  if (overdue === (overdueMs !== null)) return rollout;
  return { ...rollout, overdueMs: overdue ? nowMs : null };
}

/** When time alone changes something next, or a look then would; null when nothing does. */
export function nextMomentMs(rollout: Rollout, nowMs: number): number | null {
  const { phase, deadlineMs, overdueMs, phaseSinceMs, analysis, units, strategy } = rollout;
  if (endedPhases.has(phase)) return null;
  const moments: (number | null)[] = [deadlineMs];
  if (overdueMs !== null) moments.push(overdueMs + limits.providerObserveMsMax);
  if (phase === "analysing" && analysis !== null) moments.push(analysis.nextMs);
  for (const unit of units) {
    const { state, healthySinceMs, notBeforeMs } = unit;
    if (state === "waiting" || state === "rolling_back") moments.push(notBeforeMs);
    if (state === "changing" || state === "verifying" || state === "rolling_back")
      moments.push(unit.deadlineMs);
    if (state === "verifying" && healthySinceMs !== null)
      moments.push(healthySinceMs + strategy.health.minHealthyMs);
    if (phase === "baking" && healthySinceMs !== null)
      moments.push(Math.max(healthySinceMs, phaseSinceMs) + (stepOf(rollout)?.bakeMs ?? 0));
  }
  let first: number | null = null;
  for (const ms of moments) if (ms !== null && ms > nowMs && (first === null || ms < first)) first = ms;
  return first;
}
