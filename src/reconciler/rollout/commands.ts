/**
 * What a person's word makes of the rollout. Pure; a word that means nothing where the rollout stands changes nothing.
 */
import { unreachable } from "../../errors.ts";
import { bringBack } from "./ending.ts";
import { isInconclusive } from "./judge.ts";
import { settle } from "./looks.ts";
import { endedPhases, type Rollout, type RolloutCommand, type Unit } from "./model.ts";
import { afterBake, afterUnits, analyse, approvalWanted, passGate, stepOf } from "./steps.ts";
import { become, enter, pause, progress } from "./transition.ts";

export function obey(rollout: Rollout, command: RolloutCommand, by: string, nowMs: number): Rollout {
  const { phase } = rollout;
  const open = !endedPhases.has(phase) && phase !== "rolling_back";
  switch (command) {
    case "pause":
      if (!open || phase === "paused") return rollout;
      return pause(rollout, { reason: "paused_by_operator", message: `paused by ${by}` }, nowMs);
    case "resume":
      return phase === "paused" ? resume(rollout, nowMs) : rollout;
    case "promote":
      return open ? promote(rollout, nowMs) : rollout;
    case "promote_full":
      return open ? promote({ ...rollout, full: true }, nowMs) : rollout;
    case "abort":
      if (!open) return rollout;
      return bringBack(rollout, { reason: "aborted_by_operator", message: `aborted by ${by}` }, nowMs);
    case "undo":
      if (phase !== "completed" && phase !== "failed") return rollout;
      return bringBack(
        { ...rollout, units: rollout.units.map(facingForward) },
        { reason: "undone_by_operator", message: `undone by ${by}` },
        nowMs,
      );
    case "retry":
      return phase === "failed" || phase === "rolled_back" ? again(rollout, nowMs) : rollout;
    default:
      return unreachable(command);
  }
}

/** From the beginning: what still is as the last attempt left it is asked for again as it was. */
function again(rollout: Rollout, nowMs: number): Rollout {
  const deadlineMs = nowMs + rollout.strategy.health.healthyDeadlineMs;
  const units = rollout.units.map((left) => {
    const unit = facingForward(left);
    const touched = unit.touched && left.state !== "rolled_back";
    const partly = touched && unit.updated !== null;
    return {
      ...become(unit, "waiting", nowMs),
      touched,
      updated: partly ? unit.updated : null,
      previous: partly ? unit.previous : null,
      deadlineMs: partly ? deadlineMs : null,
      changedMs: null,
      healthySinceMs: null,
      lookedMs: null,
      failures: 0,
      notBeforeMs: 0,
    };
  });
  return start({ ...rollout, units, generation: rollout.generation + 1 }, nowMs);
}

/** At the first step; a strategy of one step that wants approval waits before anything is changed. */
export function start(rollout: Rollout, nowMs: number): Rollout {
  const fresh = { ...rollout, step: 0, approved: false, full: false, analysis: null };
  const first = progress(fresh, nowMs);
  return approvedBefore(rollout) && rollout.units.length > 0 ? pause(first, approvalWanted, nowMs) : first;
}

/** While it goes back the two revisions have changed places. */
function facingForward(unit: Unit): Unit {
  const back = unit.state.startsWith("roll");
  return back ? { ...unit, updated: unit.previous, previous: unit.updated } : unit;
}

/** Goes on with what it was at. An approval is given by `promote` alone. */
function resume(rollout: Rollout, nowMs: number): Rollout {
  const { pausedFrom, reason } = rollout;
  const analysis = stepOf(rollout)?.analysis;
  if (reason === "awaiting_approval") return rollout;
  if (reason === "step_pause") return passGate(rollout, nowMs);
  if (pausedFrom === "analysing" && analysis !== undefined) {
    // An analysis that came to nothing begins anew; one that a person stopped goes on.
    if (reason !== "paused_by_operator") return afterBake(rollout, nowMs);
    return analyse(rollout, analysis, nowMs);
  }
  if (pausedFrom === "baking") {
    const { healthyDeadlineMs } = rollout.strategy.health;
    return enter(rollout, "baking", nowMs + (stepOf(rollout)?.bakeMs ?? 0) + healthyDeadlineMs, nowMs);
  }
  return progress(withTime(rollout, nowMs), nowMs);
}

/** The wait for a person is not counted against what was under way. */
function withTime(rollout: Rollout, nowMs: number): Rollout {
  const deadlineMs = nowMs + rollout.strategy.health.healthyDeadlineMs;
  const units = rollout.units.map((unit) => (unit.deadlineMs === null ? unit : { ...unit, deadlineMs }));
  return { ...rollout, units };
}

/** Skips the wait under way. Units still have to become healthy, unless that is what the person was asked about. */
function promote(rollout: Rollout, nowMs: number): Rollout {
  const { phase, pausedFrom, reason } = rollout;
  if (phase === "progressing") return rollout;
  if (phase !== "paused") return passGate(rollout, nowMs);
  if (reason === "awaiting_approval" && approvedBefore(rollout)) return progress(rollout, nowMs);
  if (pausedFrom !== "progressing" || reason === "awaiting_approval" || reason === "step_pause")
    return passGate(rollout, nowMs);
  if (reason !== "health_inconclusive") return resume(rollout, nowMs);
  let accepted = progress(withTime(rollout, nowMs), nowMs);
  for (const [index, unit] of accepted.units.entries()) {
    const asked = { ...rollout, full: false };
    if (unit.state === "verifying" && isInconclusive(asked, unit)) accepted = settle(accepted, index, nowMs);
  }
  const after = afterUnits(accepted, nowMs);
  return after.phase === "paused" ? passGate(after, nowMs) : after;
}

/** A strategy of one step wants its approval before anything is changed: that step is the last. */
function approvedBefore({ strategy: { approval, steps, kind } }: Rollout): boolean {
  return approval && steps.length === 1 && kind !== "blue_green";
}
