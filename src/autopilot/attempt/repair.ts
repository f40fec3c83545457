/**
 * Makes what stands what the deployed run's bundle wants, on behalf of that run and in its history. Level-based: done twice it does
 * what is left to do, so that a repair that was cut off is simply made again.
 *
 * Source: spec cli §17.1 W-68; docs/reconcile.md.
 */
import { AkcError } from "../../errors.ts";
import { type ReconcileReport, reconcileRun } from "../../run/deployment/reconcile-run.ts";
import type { RunHost } from "../../run/ready.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt, RunOutcome } from "../model.ts";
import { withRun } from "./found-run.ts";
import { outcomeOfWork } from "./outcome.ts";
import { type RunSigns, signsOf } from "./signs.ts";

/** @throws AkcError when nothing was begun, RUN_NOT_FOUND among them; the signal's reason, when it was cut off */
export async function repair(
  scope: ScopeConfig,
  { runtimeRunId, bundlePath }: Attempt,
  signal: AbortSignal,
  host: RunHost,
): Promise<RunOutcome> {
  const { scopeRoot, policyPath, pluginsDirs, bindingsPath, rollout } = scope;
  signal.throwIfAborted();
  const row = await withRun(scopeRoot, runtimeRunId, async (found) => found.row);
  if (row === undefined) throw new AkcError("RUN_NOT_FOUND", { details: { run: runtimeRunId } });
  const startedAtMs = host.clock.nowMs();
  const deadline = rollout.deadlineMs === undefined ? [] : [AbortSignal.timeout(rollout.deadlineMs)];
  const until = AbortSignal.any([signal, ...deadline]);
  const told = async (how: Told): Promise<RunOutcome> => {
    const signs = (await signsSince(scopeRoot, runtimeRunId, row.lastSeq)) ?? nothing;
    return outcomeOfWork(signs, { ...how, startedAtMs, finishedAtMs: host.clock.nowMs() });
  };
  try {
    const report = await reconcileRun(
      {
        scopeRoot,
        row,
        simulate: false,
        insist: true,
        bundlePath,
        policyPath,
        pluginsDirs,
        bindingsPath,
        signal: until,
      },
      host,
    );
    if (report.passes?.converged !== true) signal.throwIfAborted();
    return await told(howOf(report, until.aborted));
  } catch (cause) {
    signal.throwIfAborted();
    const { code, message } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
    // Somebody else is at work here: what the run says meanwhile is his doing.
    if (takenElsewhere.has(code)) throw cause;
    const signs = await signsSince(scopeRoot, runtimeRunId, row.lastSeq);
    if (signs?.beganAtMs === undefined) throw cause;
    const outcome = until.aborted ? "exhausted" : "failed";
    return told({ outcome, exitCode: 1, converged: false, errorCode: code, message });
  }
}

/** It was refused the run or the scope before it did anything. */
const takenElsewhere: ReadonlySet<string> = new Set(["LEASE_HELD", "SCOPE_HELD", "RUN_NOT_RESUMABLE"]);

type Told = Omit<Parameters<typeof outcomeOfWork>[1], "startedAtMs" | "finishedAtMs">;

/** Of what was never begun. */
export const nothing: RunSigns = { rollbacks: 0, rollbacksSucceeded: 0, convergenceMs: null };

function howOf({ passes, judged = {} }: ReconcileReport, late: boolean): Told {
  const { validity, unjudged } = judged;
  const converged = passes?.converged === true;
  const verdict = validity === undefined ? {} : { validity: validity.verdict };
  if (!converged) {
    const denied = passes?.denied;
    const exitCode = denied === undefined ? 1 : 2;
    const message = denied === undefined ? "not everything stands as it should" : `denied: ${denied.action}`;
    const code = denied === undefined ? {} : { errorCode: "POLICY_DENIED" };
    return { outcome: late ? "exhausted" : "failed", exitCode, converged, ...verdict, ...code, message };
  }
  const undecided = unjudged === true || validity?.verdict === "inconclusive";
  const failed = validity?.verdict === "fail" || validity?.verdict === "error";
  return {
    outcome: failed ? "failed" : "succeeded",
    exitCode: undecided ? 4 : failed ? 1 : 0,
    converged,
    ...verdict,
  };
}

export function signsSince(
  scopeRoot: string,
  runtimeRunId: string,
  seq: number,
): Promise<RunSigns | undefined> {
  return withRun(scopeRoot, runtimeRunId, ({ reader }) => signsOf(reader, seq));
}
