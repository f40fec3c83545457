/**
 * Brings back what an attempt's run has changed: undoes its rollouts, newest first, as `akc rollout undo` does, and looks whether what was
 * before stands again. It says that it did only where somebody has seen it.
 *
 * Source: docs/rollouts.md; spec cli §14.9; Flagger, Argo Rollouts (design only).
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { keptRollout } from "../../reconciler/kept.ts";
import { endedPhases, type Rollout, type RolloutCommand } from "../../reconciler/rollout/model.ts";
import { standsWell } from "../../reconciler/stands-well.ts";
import { openSentry } from "../../run/deployment/sentry.ts";
import type { RunHost } from "../../run/ready.ts";
import type { RunRow } from "../../store/contract.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt, RunOutcome } from "../model.ts";
import { sentryInputOf } from "../sentries.ts";
import { type FenceHost, type FoundRun, fenceOff, withRun } from "./found-run.ts";
import { outcomeOfWork } from "./outcome.ts";
import { passes } from "./recover.ts";
import { signsSince } from "./repair.ts";
import { driveRollout } from "./waiting.ts";
import { finishEvidence } from "./whole-evidence.ts";

export interface RolledBack {
  readonly ok: boolean;
  readonly run?: RunOutcome;
  readonly message: string;
}

export interface RollBackHost extends RunHost, FenceHost {
  /** In whose name it is asked for, for people. */
  readonly by: string;
}

/** @throws AkcError what passes by itself: LEASE_HELD, SCOPE_HELD, STORE_BUSY, DISK_FULL; the signal's reason */
export async function rollBack(
  scope: ScopeConfig,
  attempt: Attempt,
  signal: AbortSignal,
  host: RollBackHost,
): Promise<RolledBack> {
  signal.throwIfAborted();
  if (attempt.kind === "repair") return { ok: true, message: "a repair has nothing behind it to bring back" };
  const { scopeRoot } = scope;
  const begun = await withRun(scopeRoot, attempt.runtimeRunId, async (found) => {
    await fenceOff(found, host);
    return { row: found.row, changed: await changedBy(found) };
  });
  if (begun === undefined) return { ok: true, message: "its run never began" };
  const { row, changed } = begun;
  if (changed.length === 0) return { ok: true, message: "its run changed nothing that stands" };
  const startedAtMs = host.clock.nowMs();
  try {
    for (const rollout of changed) await undo(scope, attempt, { rollout, row }, signal, host);
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof AkcError) || passes(cause)) throw cause;
    const message = `it could not be brought back: ${cause.message} [${cause.code}]`;
    return { ok: false, message };
  }
  // Whoever undid it may have died before he wrote that down where others read it.
  const flaw = await finishEvidence(scope, attempt, signal, host);
  const after = await withRun(scopeRoot, attempt.runtimeRunId, changedBy);
  const left = (after ?? []).filter(({ phase }) => phase !== "rolled_back");
  const seen = left.length === 0 ? await standsBefore(scope, attempt, changed, signal, host) : stuck(left);
  const signs = await signsSince(scopeRoot, attempt.runtimeRunId, row.lastSeq);
  const run =
    signs &&
    outcomeOfWork(signs, {
      outcome: seen.ok ? "succeeded" : "failed",
      exitCode: seen.ok ? 0 : 1,
      startedAtMs,
      finishedAtMs: host.clock.nowMs(),
      // Of the bundle that was taken back nothing is to stand.
      converged: undefined,
    });
  const message = flaw === undefined ? seen.message : `${seen.message}; ${flaw}`;
  return { ...seen, message, ...(run === undefined ? {} : { run }) };
}

/** Newest first; those that changed something and whose place no other bundle has taken. */
async function changedBy({ store, row }: FoundRun): Promise<readonly Rollout[]> {
  const rows = await store.deployment.rollouts(limits.rolloutsKeptMax);
  return (
    rows
      .filter(({ runtimeRunId }) => runtimeRunId === row.context.runtimeRunId)
      .map((one) => keptRollout(one))
      // What only put back what somebody had changed has nothing behind it.
      .filter(({ rollout, corrections }) =>
        rollout.units.some(({ resourceId, touched }) => touched && corrections[resourceId] === undefined),
      )
      .map(({ rollout }) => rollout)
      .filter(({ phase }) => phase !== "superseded")
  );
}

async function undo(
  scope: ScopeConfig,
  attempt: Attempt,
  { rollout, row }: { readonly rollout: Rollout; readonly row: RunRow },
  signal: AbortSignal,
  host: RollBackHost,
): Promise<void> {
  const { rolloutId } = rollout;
  const command = wordFor(rollout);
  if (rollout.phase === "rolled_back") return;
  await withRun(scope.scopeRoot, attempt.runtimeRunId, async ({ store }) => {
    if (command === undefined) return;
    await store.requestRollout({ rolloutId, command, by: host.by, atMs: host.clock.nowMs() });
  });
  await driveRollout(scope, attempt, { rolloutId, row }, signal, host);
}

/** Undefined where it is on its way back already. */
function wordFor({ phase }: Rollout): RolloutCommand | undefined {
  if (phase === "rolling_back") return undefined;
  return endedPhases.has(phase) ? "undo" : "abort";
}

function stuck(left: readonly Rollout[]): Omit<RolledBack, "run"> {
  const [first] = left;
  const why = first?.message ?? first?.reason ?? "no reason is known";
  return { ok: false, message: `a rollout did not come back, it is ${first?.phase}: ${why}` };
}

/** Of what was changed; what else may be wrong in the scope is none of this attempt's doing. */
async function standsBefore(
  scope: ScopeConfig,
  { previous }: Attempt,
  changed: readonly Rollout[],
  signal: AbortSignal,
  host: RollBackHost,
): Promise<Omit<RolledBack, "run">> {
  const done = { ok: true, message: "what was before stands again" };
  if (previous === undefined)
    return { ok: true, message: "what it had made is gone, and nothing was before" };
  try {
    const sentry = await openSentry(sentryInputOf(scope, previous), host);
    if (sentry === undefined) return done;
    try {
      const look = await sentry.look(signal);
      const ids = new Set(changed.flatMap(({ units }) => units.map(({ resourceId }) => resourceId)));
      const off = look.plan.changes.find(
        (change) =>
          ids.has(change.resourceId) &&
          change.blocked?.reason !== "unobservable" &&
          !standsWell(change, look.looked, sentry.deployment.gate),
      );
      if (off === undefined) return done;
      return {
        ok: false,
        message: `every rollout came back, and yet ${off.resourceId} is not as it was before`,
      };
    } finally {
      await sentry.close();
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof AkcError)) throw cause;
    // Each rollout has watched what it brought back until it was healthy; only the bundle of before cannot be asked.
    return {
      ok: true,
      message: `every rollout came back; the bundle of before cannot be read: ${cause.message}`,
    };
  }
}
