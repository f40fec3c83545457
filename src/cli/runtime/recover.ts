/**
 * Continues stale runs, one after the other. One that cannot be continued, or fails, keeps no other from its turn; whoever
 * another process takes meanwhile is left to it.
 */
import type { RunReport } from "../../run/start.ts";
import { systemClock } from "../../system/clock.ts";
import type { Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { asAkcError } from "../render/error.ts";
import type { Plain } from "../render/output.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { watchSignals } from "./interrupt.ts";
import type { FoundRun } from "./locate.ts";
import { heldData, heldText, type StaleRun } from "./stale.ts";

interface Recovery {
  readonly run: StaleRun;
  /** The outcome; `error` when it could not be continued, `skipped` when it was not tried. */
  readonly result: string;
  readonly note: string;
  readonly code: string | null;
  readonly isWell: boolean;
}

export async function recoverStale(
  session: Session,
  stale: readonly StaleRun[],
  held: readonly FoundRun[],
): Promise<ExitCode> {
  const { io } = session;
  const interrupt = watchSignals((text) => io.words(`${text}\n`));
  const recoveries: Recovery[] = [];
  try {
    // Whoever only waits would keep all others waiting.
    const inTurn = stale.toSorted((one, other) => Number(one.suspended) - Number(other.suspended));
    for (const run of inTurn) {
      const recovery = interrupt.signal.aborted
        ? notTried(run)
        : await recover(session, run, interrupt.signal);
      recoveries.push(recovery);
      const { result, note, code } = recovery;
      const why = note === "" ? "" : `: ${note}`;
      io.words(
        `${printable(run.row.context.runtimeRunId)} ${result}${why}${code === null ? "" : ` [${code}]`}\n`,
      );
    }
  } finally {
    interrupt.remove();
  }
  const nowMs = systemClock.nowMs();
  for (const run of held) io.words(`${heldText(run, nowMs)}\n`);
  await session.print({
    data: {
      kind: "RecoveryList",
      items: recoveries.map(recoveryData),
      total: recoveries.length,
      recovered: recoveries.filter(({ isWell }) => isWell).length,
      held: held.map((run) => heldData(run, nowMs)),
    },
    text: () =>
      recoveries.length === 0
        ? ""
        : table(recoveries, columns, io.stdout.isTerminal ? io.stdout.columns() : undefined),
  });
  if (recoveries.length === 0) io.words("no run is stale\n");
  return interrupt.exitCode() ?? (recoveries.every(({ isWell }) => isWell) ? 0 : 1);
}

async function recover({ io }: Session, run: StaleRun, signal: AbortSignal): Promise<Recovery> {
  const { row, scopeRoot, kind } = run;
  if (kind === "abandoned" && row.stopRequestedAtMs !== null) {
    const note = "it was asked to stop; `akc runtime resume` goes on with it all the same";
    return { run, result: "skipped", note, code: null, isWell: true };
  }
  io.words(`${printable(row.context.runtimeRunId)} is continued: ${run.why}\n`);
  const { resumeRun } = await import("../../run/resume.ts");
  try {
    const report = await resumeRun({
      scopeRoot,
      runtimeRunId: row.context.runtimeRunId,
      onlyUnfinished: true,
      signal,
    });
    return { run, ...judged(report), note: report.lastError ?? unjudgedNote(report) };
  } catch (cause) {
    const { code, message } = asAkcError(cause);
    // Somebody else was quicker: the run is in good hands.
    const isTaken = code === "LEASE_HELD" || code === "RUN_NOT_RESUMABLE";
    return { run, result: isTaken ? "skipped" : "error", note: message, code, isWell: isTaken };
  }
}

/** Why a run that succeeded is not well all the same. */
function unjudgedNote({ unjudged, validity }: RunReport): string {
  if (unjudged === true) return "it was stopped before it was judged";
  return validity?.verdict === "inconclusive" ? "nobody can tell whether it meets its criteria" : "";
}

function judged({ outcome, exitCode, lastErrorCode }: RunReport): Omit<Recovery, "run" | "note"> {
  return { result: outcome, code: lastErrorCode ?? null, isWell: exitCode === 0 };
}

function notTried(run: StaleRun): Recovery {
  return { run, result: "skipped", note: "interrupted before its turn", code: null, isWell: false };
}

function recoveryData({ run, result, note, code, isWell }: Recovery): Plain {
  const { runtimeRunId, scope } = run.row.context;
  return {
    runtime_run_id: runtimeRunId,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    stale: run.kind,
    result,
    recovered: isWell,
    error: note === "" ? null : note,
    error_code: code,
  };
}

const columns: readonly Column<Recovery>[] = [
  { title: "RUN", value: ({ run }) => run.row.context.runtimeRunId },
  { title: "WAS", value: ({ run }) => run.kind },
  { title: "RESULT", value: ({ result }) => result },
  { title: "NOTE", value: ({ note }) => printable(note), narrowest: 20 },
];
