/**
 * How an attempt's run ended, put together from its row, its events and what it answered. Pure: success is one thing here, for the
 * controller as for `akc runtime start` (cli:W-01).
 */
import type { RunReport } from "../../run/report.ts";
import type { RunRow } from "../../store/contract.ts";
import type { RunOutcome } from "../model.ts";
import type { RunSigns } from "./signs.ts";

/** Of a run that this process has brought to its end. */
export function outcomeOfReport(report: RunReport, signs: RunSigns): RunOutcome {
  const { outcome, exitCode, startedAtMs, finishedAtMs, lastError, lastErrorCode } = report;
  return judged({
    ...measured(signs),
    outcome,
    exitCode,
    startedAtMs,
    finishedAtMs,
    // Whoever only finished its evidence does not know what it deployed; its events do.
    converged: report.converged ?? signs.converged,
    validity: report.validity?.verdict ?? signs.validity,
    errorCode: lastErrorCode ?? signs.errorCode,
    message: lastError ?? signs.message,
  });
}

/** Of a run that has ended before, or broke. @param fault what this process was told when it broke */
export function outcomeOfRow(
  { outcome, startedAtMs, finishedAtMs, lastError }: RunRow,
  signs: RunSigns,
  nowMs: number,
  fault: { readonly errorCode?: string; readonly message?: string } = {},
): RunOutcome {
  const undecided = signs.validity === "inconclusive" ? 4 : 0;
  return judged({
    ...measured(signs),
    outcome: outcome ?? "unknown",
    exitCode: outcome === "succeeded" && fault.errorCode === undefined ? undecided : 1,
    startedAtMs,
    finishedAtMs: finishedAtMs ?? nowMs,
    converged: signs.converged,
    validity: signs.validity,
    errorCode: fault.errorCode ?? signs.errorCode,
    message: fault.message ?? lastError ?? signs.message,
  });
}

/** Of work on behalf of a run that had ended before. */
export function outcomeOfWork(
  signs: RunSigns,
  work: Pick<RunOutcome, "outcome" | "exitCode" | "startedAtMs" | "finishedAtMs"> &
    Partial<Pick<RunOutcome, "converged" | "validity" | "errorCode" | "message">>,
): RunOutcome {
  return judged({
    ...measured(signs),
    converged: signs.converged,
    validity: signs.validity,
    errorCode: signs.errorCode,
    message: signs.message,
    ...work,
  });
}

type Told = Omit<RunOutcome, "healthy">;

function measured({ rollbacks, rollbacksSucceeded, convergenceMs }: RunSigns) {
  return { rollbacks, rollbacksSucceeded, convergenceMs };
}

/** Its exit code was 0, it converged where it deploys, and its validity did not fail. What was not told is left out. */
function judged(told: Told): RunOutcome {
  const { outcome, exitCode, converged, validity, errorCode, message, convergenceMs, ...others } = told;
  const failed = validity === "fail" || validity === "error";
  const healthy = outcome === "succeeded" && exitCode === 0 && converged !== false && !failed;
  return {
    healthy,
    outcome,
    exitCode,
    ...others,
    convergenceMs: converged === false ? null : convergenceMs,
    ...(converged === undefined ? {} : { converged }),
    ...(validity === undefined ? {} : { validity }),
    ...(healthy || errorCode === undefined ? {} : { errorCode }),
    ...(healthy || message === undefined ? {} : { message }),
  };
}
