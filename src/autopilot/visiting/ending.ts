/**
 * How attempts end: kept, failed, or brought back. What an end means for triggers and for the scope is written in one write with it,
 * so that no crash leaves half of it.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Attempt, AttemptVerdict, Fact, RunOutcome } from "../model.ts";
import type { TimeMetrics } from "../offer/model.ts";
import type { Step } from "./attempting.ts";
import { ask, boundsOf, throwIfOver, workUntilCut } from "./bounded.ts";

/** Brings back what stood before a rollout that did not hold. A repair has nothing to go back to. @throws AkcError when it can be tried again */
export async function takeBack(
  step: Step,
  whole: Attempt,
  run: RunOutcome | undefined,
  why: string,
): Promise<void> {
  const { ports, order } = step;
  const { scope, held, cut } = order;
  if (whole.kind === "repair") return endAttempt(step, whole, "failed", run, why);
  let verdict: AttemptVerdict = "rollback_failed";
  let message: string;
  try {
    const back = await workUntilCut([held.lost, cut], (signal) =>
      ports.rollouts.rollBack(scope, whole, signal),
    );
    // Without a run it had changed nothing that stands: there was nothing to bring back.
    if (back.ok) verdict = back.run === undefined ? "failed" : "rolled_back";
    message = back.message;
  } catch (cause) {
    throwIfOver(order);
    if (!(cause instanceof AkcError) || cause.class === "retryable" || cause.class === "conflict")
      throw cause;
    message = cause.message;
  }
  const counted =
    run === undefined || verdict === "failed" ? run : withRollback(run, verdict === "rolled_back");
  await endAttempt(step, whole, verdict, counted, `${why}; ${message}`);
}

export async function endAttempt(
  step: Step,
  whole: Attempt,
  verdict: AttemptVerdict,
  run: RunOutcome | undefined,
  message: string,
): Promise<void> {
  const { attemptId, kind, triggerIds } = whole;
  const metrics = await metricsOf(step, whole);
  const facts: Fact[] = [
    {
      type: "attempt_ended",
      attemptId,
      verdict,
      message,
      ...(run === undefined ? {} : { run }),
      ...(metrics === undefined ? {} : { metrics }),
    },
  ];
  if (verdict === "kept" && triggerIds.length > 0)
    facts.push({ type: "triggers_settled", triggerIds, by: kind });
  if (verdict === "rollback_failed") facts.push({ type: "escalated", reason: "rollback_failed", message });
  await step.record.append(facts);
}

/** As the manifest says after the rollout; numbers that cannot be had fail nothing. */
async function metricsOf(
  { ports, order, record }: Step,
  { kind, bundleSha256 }: Attempt,
): Promise<TimeMetrics | undefined> {
  const { candidate } = record.state();
  if (kind !== "rollout" || candidate?.bundleSha256 !== bundleSha256) return undefined;
  const { manifestPath } = candidate;
  if (manifestPath === undefined) return undefined;
  const bounds = boundsOf(ports, order);
  const reading = ask("reading the manifest", limits.autopilotAskMsMax, bounds, () =>
    ports.rollouts.metrics(order.scope, { manifestPath }),
  );
  return reading.catch(() => undefined);
}

function withRollback(run: RunOutcome, ok: boolean): RunOutcome {
  return {
    ...run,
    rollbacks: run.rollbacks + 1,
    rollbacksSucceeded: run.rollbacksSucceeded + (ok ? 1 : 0),
  };
}
