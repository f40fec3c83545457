/**
 * What came of a reconciliation: in words, as an exit code, and what may be done next. Pure.
 *
 * Source: spec reconcile §3.4; docs/exit-codes.md.
 */
import { isActive } from "../../reconciler/plan.ts";
import type { ReconcileReport } from "../../run/deployment/reconcile-run.ts";
import type { ExitCode } from "../exit-codes.ts";
import { lastPass } from "./reconcile-report.ts";

export interface Verdict {
  readonly words: string;
  readonly exit: ExitCode;
  /** Commands that may come next, each with what it does. */
  readonly next?: readonly { readonly command: readonly string[]; readonly does: string }[];
}

const everythingStands = "everything stands as it should";

/** @param exitCode whether a difference is to show in the exit code */
export function verdictOf(report: ReconcileReport, { exitCode }: { readonly exitCode: boolean }): Verdict {
  const { watched, mode, passes, divergenceCounts } = report;
  const last = lastPass(report);
  const simulated = mode === "simulate";
  const failed = simulated ? (exitCode ? 7 : 0) : divergenceCounts ? 3 : 1;
  if (last === undefined || watched !== undefined) {
    return watched?.settled === false
      ? { words: "not everything stands as it should", exit: failed }
      : { words: everythingStands, exit: 0 };
  }
  const { plan, rollout, converged, statuses } = last;
  const differs = plan.changes.some((change) => isActive(change) || change.blocked !== undefined);
  const left = statuses.filter((status) => !status.converged).length;
  const leftWords = `${left} of ${statuses.length} ${left === 1 ? "does not stand as it" : "do not stand as they"} should`;
  if (simulated) {
    if (differs) return { words: `plan: ${plan.planId}`, exit: failed };
    if (converged) return { words: everythingStands, exit: 0 };
    // What waits to be started again, say.
    return { words: `nothing is to be changed, but ${leftWords}`, exit: failed };
  }
  if (passes?.denied !== undefined) return { words: `denied: ${passes.denied.action}`, exit: 2 };
  if (converged) return { words: everythingStands, exit: exitCode && differs ? 7 : 0 };
  const command = (word: string) => ["rollout", word, rollout?.rolloutId ?? ""];
  if (rollout?.phase === "paused") {
    return {
      words: `the rollout waits: ${rollout.reason}`,
      exit: exitCode ? 7 : 0,
      next: [
        { command: command("promote"), does: "lets it go on" },
        { command: command("abort"), does: "brings it back" },
      ],
    };
  }
  if (rollout === undefined) return { words: leftWords, exit: failed };
  const back = rollout.phase === "rolled_back" ? `: the rollout was brought back (${rollout.reason})` : "";
  return {
    words: `${leftWords}${back}`,
    exit: failed,
    next: [{ command: command("status"), does: "says more" }],
  };
}
