/**
 * How a rollout goes back or ends: what has to be brought back, when that is over, and why. Pure; it never leaves a unit between
 * the states, and never says `rolled_back` of a rollout of which something still stands.
 *
 * Source: spec reconcile §1.9; W-08, W-09.
 */
import type { Rollout, Unit } from "./model.ts";
import { become, type Cause, enter } from "./transition.ts";

/** Something went wrong: the whole set goes back, or it stops as it is where the strategy says so. */
export function fail(rollout: Rollout, cause: Cause, nowMs: number): Rollout {
  if (rollout.strategy.rollbackOnFailure) return bringBack(rollout, cause, nowMs);
  return enter(rollout, "failed", null, nowMs, cause);
}

/** The unit at `index` failed, and the rollout with it. */
export function failUnit(rollout: Rollout, index: number, cause: Cause, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const touched = unit.touched || unit.state === "changing";
  const failed = { ...become(unit, "failed", nowMs, cause), touched, healthySinceMs: null };
  const units = rollout.units.with(index, failed);
  return fail(
    { ...rollout, units },
    { ...cause, message: `${unit.resourceId}: ${cause.message ?? cause.reason}` },
    nowMs,
  );
}

/** Everything of which something may be new goes back to what was there before, whatever it is doing now. */
export function bringBack(rollout: Rollout, cause: Cause, nowMs: number): Rollout {
  const units = rollout.units.map((unit) => broughtBack(unit, nowMs));
  const deadlineMs = nowMs + rollout.strategy.health.progressDeadlineMs;
  const back = enter({ ...rollout, units, progressMs: nowMs }, "rolling_back", deadlineMs, nowMs, cause);
  return endOfRollback(back, nowMs);
}

function broughtBack(unit: Unit, nowMs: number): Unit {
  if (!unit.touched && unit.state !== "changing") return unit;
  const why = causeOf(unit);
  const still = {
    ...unit,
    touched: true,
    // From here on the previous revision is the one that it is brought to.
    updated: unit.previous,
    previous: unit.updated,
    changedMs: null,
    healthySinceMs: null,
    lookedMs: null,
    deadlineMs: null,
    failures: 0,
    notBeforeMs: 0,
  };
  if (unit.previousHash !== null || unit.operation === "create")
    return become(still, "rolling_back", nowMs, why);
  return become(still, "rollback_unsupported", nowMs, {
    reason: "rollback_unsupported",
    message: "what stood before was not made by akc, or is not kept any more",
  });
}

/** Over once nothing is on its way back. */
export function endOfRollback(rollout: Rollout, nowMs: number): Rollout {
  const { units } = rollout;
  if (units.some(({ state }) => state === "rolling_back")) return rollout;
  const failed = units.filter(({ state }) => state === "rollback_failed");
  const unsupported = units.filter(({ state }) => state === "rollback_unsupported");
  const cause = causeOf(rollout);
  if (failed.length + unsupported.length === 0) return enter(rollout, "rolled_back", null, nowMs, cause);
  const names = [...failed, ...unsupported].map(({ resourceId }) => resourceId);
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  return enter(rollout, "failed", null, nowMs, {
    reason: failed.length > 0 ? "rollback_failed" : "rollback_unsupported",
    message: `could not bring back ${shown}; it went back because of ${cause?.reason ?? "a failure"}: ${cause?.message ?? ""}`,
  });
}

/** The way back of the unit is given up; that of the others goes on. */
export function failRollback(rollout: Rollout, index: number, cause: Cause, nowMs: number): Rollout {
  const unit = rollout.units[index];
  if (unit === undefined) return rollout;
  const state = cause.reason === "rollback_unsupported" ? "rollback_unsupported" : "rollback_failed";
  const units = rollout.units.with(index, { ...become(unit, state, nowMs, cause), deadlineMs: null });
  return endOfRollback({ ...rollout, units }, nowMs);
}

function causeOf({ reason, message }: Pick<Rollout, "reason" | "message">): Cause | undefined {
  return reason === undefined ? undefined : { reason, ...(message === undefined ? {} : { message }) };
}
