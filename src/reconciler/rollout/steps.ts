/**
 * How a rollout gets from one step to the next: units stand, then it bakes, is analysed, waits for a person, and goes on. Pure; every
 * wait has a deadline, and no wait is over before its units were looked at after its end.
 */
import type { Analysis, AnalysisRun, Rollout, Unit } from "./model.ts";
import { goalsOf, isAt, isLastStep } from "./order.ts";
import { become, type Cause, enter, pause, progress } from "./transition.ts";

/** The next phase once all units of the step stand, or `rollout` itself while they do not. */
export function afterUnits(rollout: Rollout, nowMs: number): Rollout {
  if (!stepStands(rollout)) return rollout;
  if (rollout.approved) return enter(rollout, "completed", null, nowMs, { reason: "healthy" });
  const bakeMs = stepOf(rollout)?.bakeMs ?? 0;
  if (bakeMs === 0 || rollout.full) return afterBake(rollout, nowMs);
  return enter(rollout, "baking", nowMs + bakeMs + rollout.strategy.health.healthyDeadlineMs, nowMs);
}

/** Whether every unit that the step means is where the step wants it. */
function stepStands(rollout: Rollout): boolean {
  const goals = goalsOf(rollout);
  return rollout.units.every(({ state }, index) => goals[index] === "held" || state === "settled");
}

/** Whether all that is new was seen healthy at the end of a bake without a break. */
export function isBaked(rollout: Rollout): boolean {
  const bakeMs = stepOf(rollout)?.bakeMs ?? 0;
  return watched(rollout).every(({ healthySinceMs, lookedMs }) => {
    if (healthySinceMs === null || lookedMs === null) return false;
    return lookedMs >= Math.max(healthySinceMs, rollout.phaseSinceMs) + bakeMs;
  });
}

/** What is new and stands. */
export function watched({ units }: Rollout): readonly Unit[] {
  return units.filter(({ state, operation }) => state === "settled" && operation !== "delete");
}

export function afterBake(rollout: Rollout, nowMs: number): Rollout {
  const analysis = stepOf(rollout)?.analysis;
  if (analysis === undefined || rollout.full) return atGate(rollout, nowMs);
  const nextMs = nowMs + analysis.initialDelayMs;
  const run: AnalysisRun = {
    startedMs: nowMs,
    nextMs,
    passed: 0,
    failed: 0,
    inconclusive: 0,
    errors: 0,
    errorsInRow: 0,
  };
  return analyse({ ...rollout, analysis: run }, analysis, nowMs);
}

/** Into the analysis whose measurements are in `rollout.analysis`. */
export function analyse(rollout: Rollout, analysis: Analysis, nowMs: number): Rollout {
  return enter(rollout, "analysing", analysisDeadlineMs(rollout, analysis, nowMs), nowMs);
}

export function analysisDeadlineMs(
  { analysis: run, strategy }: Rollout,
  analysis: Analysis,
  nowMs: number,
): number {
  const left = Math.max(0, analysis.count - (run === null ? 0 : measurements(run)));
  return Math.max(nowMs, run?.nextMs ?? 0) + left * analysis.intervalMs + strategy.health.progressDeadlineMs;
}

export function measurements({ passed, failed, inconclusive, errors }: AnalysisRun): number {
  return passed + failed + inconclusive + errors;
}

/** Where a person may have to say that it goes on. */
export function atGate(rollout: Rollout, nowMs: number): Rollout {
  const { strategy, step, full } = rollout;
  const finishes = strategy.kind === "blue_green" ? isLastStep(rollout) : step === strategy.steps.length - 2;
  if (!full && strategy.approval && finishes && !isAllNew(rollout))
    return pause(rollout, approvalWanted, nowMs);
  if (!full && stepOf(rollout)?.pause === true) {
    return pause(
      rollout,
      { reason: "step_pause", message: `step ${step + 1} of ${strategy.steps.length} stands` },
      nowMs,
    );
  }
  return passGate(rollout, nowMs);
}

/** Whether nothing is left to be approved: the steps until here have changed all there is. */
function isAllNew(rollout: Rollout): boolean {
  const end = { ...rollout, step: rollout.strategy.steps.length - 1, approved: true };
  const goals = goalsOf(end);
  return end.units.every((unit, index) => unit.state === "settled" && isAt(unit, goals[index] ?? "held"));
}

export const approvalWanted: Cause = {
  reason: "awaiting_approval",
  message: "the last step waits for `akc rollout promote`",
};

/** On to the next step, or to the end of the last. */
export function passGate(rollout: Rollout, nowMs: number): Rollout {
  const further = isLastStep(rollout) ? { approved: true } : { step: rollout.step + 1, approved: false };
  const next = { ...rollout, ...further, analysis: null };
  const goals = goalsOf(next);
  const units = next.units.map((unit, index) =>
    unit.state === "settled" && !isAt(unit, goals[index] ?? "held") ? become(unit, "waiting", nowMs) : unit,
  );
  return progress({ ...next, units }, nowMs);
}

export function stepOf({ strategy, step }: Rollout) {
  return strategy.steps[step];
}
