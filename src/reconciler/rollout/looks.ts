/**
 * What a look at what stands makes of the rollout: units settle, fail, go on to their next copies, or are back. Pure; a look never
 * settles what was not changed yet, and what turns bad while the rollout waits for anything at all ends the wait.
 */
import { endOfRollback, failUnit } from "./ending.ts";
import { type Look, type Standing, standingOf } from "./judge.ts";
import { endedPhases, type Rollout, type Unit } from "./model.ts";
import { goalsOf, isAt } from "./order.ts";
import { become, pause, progressed, withUnit } from "./transition.ts";

/** Takes the looks in order of the units; one that fails a unit leaves the rest to the next look. */
export function observed(rollout: Rollout, looks: ReadonlyMap<string, Look>, nowMs: number): Rollout {
  let now = rollout;
  for (const [index, { resourceId }] of rollout.units.entries()) {
    const look = looks.get(resourceId);
    if (look === undefined) continue;
    if (endedPhases.has(now.phase)) return now;
    now = one(now, index, look, nowMs);
  }
  return now;
}

function one(rollout: Rollout, index: number, look: Look, nowMs: number): Rollout {
  const before = rollout.units[index];
  if (before === undefined) return rollout;
  const health =
    look.present === "unobservable" ? "unobservable" : look.present ? look.health : ("absent" as const);
  const unit: Unit = { ...before, health, lookedMs: nowMs };
  if (!isWatched(unit)) return withUnit(rollout, index, { ...before, health });
  const standing = standingOf(rollout, unit, look, nowMs);
  const healthySinceMs = standing === "healthy" ? (before.healthySinceMs ?? nowMs) : null;
  const seen = withUnit(rollout, index, { ...unit, healthySinceMs });
  if (unit.state === "rolling_back") return standing === "healthy" ? oneBack(seen, index, nowMs) : seen;
  if (standing === "unhealthy") {
    return failUnit(seen, index, { reason: "unhealthy", message: look.message ?? `it is ${health}` }, nowMs);
  }
  return unit.state === "verifying"
    ? verified(seen, index, look, nowMs)
    : guarded(seen, index, standing, look, nowMs);
}

/** Whether its health says something of what this rollout did. */
function isWatched({ state, changedMs, deadlineMs, operation }: Unit): boolean {
  if (state === "verifying") return true;
  if (state === "rolling_back") return changedMs !== null;
  if (state === "waiting") return changedMs !== null && deadlineMs === null;
  return state === "settled" && operation !== "delete";
}

/** Settles it, or leaves it ready for its next copies, once it was healthy for long enough. */
function verified(rollout: Rollout, index: number, look: Look, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined || unit.healthySinceMs === null) {
    if (unit === undefined || look.message === undefined || look.message === unit.message) return rollout;
    return withUnit(rollout, index, { ...unit, message: look.message });
  }
  if (nowMs - unit.healthySinceMs < rollout.strategy.health.minHealthyMs) return rollout;
  return settle(rollout, index, nowMs);
}

/** The unit stands as it was asked for last. */
export function settle(rollout: Rollout, index: number, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const there = isAt(unit, goalsOf(rollout)[index] ?? "held");
  const stands = { ...unit, deadlineMs: null, failures: 0, notBeforeMs: 0 };
  const next = become(stands, there ? "settled" : "waiting", nowMs, { reason: "healthy" });
  return progressed(withUnit(rollout, index, next), nowMs);
}

/** What stands already is watched for as long as the rollout goes on; only one that nobody can judge stops it without ending it. */
function guarded(rollout: Rollout, index: number, standing: Standing, look: Look, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (standing !== "inconclusive" || unit === undefined || rollout.phase === "paused") return rollout;
  return pause(rollout, inconclusive(unit, look.message), nowMs);
}

export function inconclusive({ resourceId, health }: Unit, why?: string) {
  const words = why === undefined ? "" : `: ${why}`;
  return { reason: "health_inconclusive", message: `${resourceId} is ${health}${words}` } as const;
}

/** As many copies of the previous revision stand as were asked for. */
function oneBack(rollout: Rollout, index: number, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const { previous } = unit;
  const rest = { ...unit, deadlineMs: null, changedMs: null, failures: 0, notBeforeMs: 0 };
  const back = (previous ?? 0) > 0 ? rest : become(rest, "rolled_back", nowMs, causeLeft(unit));
  return endOfRollback(progressed(withUnit(rollout, index, back), nowMs), nowMs);
}

/** Why it had to go back, where it was the one. */
function causeLeft({ reason, message }: Unit) {
  if (reason === undefined || reason === "healthy" || reason === "applied") return undefined;
  return { reason, ...(message === undefined ? {} : { message }) };
}
