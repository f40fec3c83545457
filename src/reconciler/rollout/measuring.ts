/**
 * What a measurement makes of the analysis under way. Pure; an analysis without a single pass is never a success, and a dry one
 * is counted and decides nothing.
 */
import { fail } from "./ending.ts";
import type { Analysis, AnalysisRun, Rollout, RolloutInput } from "./model.ts";
import { analysisDeadlineMs, atGate, measurements, stepOf } from "./steps.ts";
import { pause } from "./transition.ts";

type Measured = Extract<RolloutInput, { kind: "measured" }>;

/** Taken only when it is due, so that the same measurement told twice counts once. */
export function measured(rollout: Rollout, told: Measured, nowMs: number): Rollout {
  const { verdict, message, step = rollout.step } = told;
  const { analysis: run } = rollout;
  const analysis = stepOf(rollout)?.analysis;
  if (
    rollout.phase !== "analysing" ||
    step !== rollout.step ||
    run === null ||
    analysis === undefined ||
    nowMs < run.nextMs
  )
    return rollout;
  const counted: AnalysisRun = {
    ...run,
    passed: run.passed + (verdict === "pass" ? 1 : 0),
    failed: run.failed + (verdict === "fail" ? 1 : 0),
    inconclusive: run.inconclusive + (verdict === "inconclusive" ? 1 : 0),
    errors: run.errors + (verdict === "error" ? 1 : 0),
    errorsInRow: verdict === "error" ? run.errorsInRow + 1 : 0,
    nextMs: nowMs + analysis.intervalMs,
    message,
  };
  const further = { ...rollout, analysis: counted, overdueMs: null };
  return judged(
    { ...further, deadlineMs: analysisDeadlineMs(further, analysis, nowMs) },
    counted,
    analysis,
    nowMs,
  );
}

function judged(rollout: Rollout, run: AnalysisRun, analysis: Analysis, nowMs: number): Rollout {
  const over = measurements(run) >= analysis.count;
  if (analysis.dryRun) return over ? atGate(rollout, nowMs) : rollout;
  const words = `${analysis.name}: ${tally(run)}${run.message === undefined ? "" : `; last: ${run.message}`}`;
  if (run.failed > analysis.failureLimit || run.errorsInRow > analysis.errorLimit) {
    return fail(rollout, { reason: "analysis_failed", message: words }, nowMs);
  }
  if (run.inconclusive > analysis.inconclusiveLimit || (over && run.passed === 0)) {
    return pause(rollout, { reason: "analysis_inconclusive", message: words }, nowMs);
  }
  return over ? atGate(rollout, nowMs) : rollout;
}

/** Nobody measured in time: no data is no success. */
export function notMeasured(rollout: Rollout, nowMs: number): Rollout {
  const analysis = stepOf(rollout)?.analysis;
  if (analysis === undefined || analysis.dryRun) return atGate(rollout, nowMs);
  const done = rollout.analysis === null ? "" : `, ${tally(rollout.analysis)}`;
  const message = `${analysis.name}: no measurement came in time${done}`;
  return pause(rollout, { reason: "analysis_inconclusive", message }, nowMs);
}

function tally({ passed, failed, inconclusive, errors }: AnalysisRun): string {
  return `${passed} passed, ${failed} failed, ${inconclusive} inconclusive, ${errors} errors`;
}
