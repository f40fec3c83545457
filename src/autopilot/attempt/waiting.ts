/**
 * Whether the rollout of an attempt's run waits for a person because its bundle or a person wanted it so: a pause of its strategy, an
 * approval, a `pause`; and what is done when he has spoken. What is paused because something is wrong is not waited for.
 *
 * Source: docs/rollouts.md; Argo Rollouts (design only).
 */
import { limits } from "../../limits.ts";
import { keptRollout } from "../../reconciler/kept.ts";
import type { RolloutReason } from "../../reconciler/rollout/model.ts";
import { reconcileRun } from "../../run/deployment/reconcile-run.ts";
import type { RunHost } from "../../run/ready.ts";
import type { RunRow } from "../../store/contract.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt } from "../model.ts";
import { withRun } from "./found-run.ts";

/** What it waits for, for people; undefined where it does not. @throws AkcError of the store */
export async function waitsFor(
  { scopeRoot }: Pick<ScopeConfig, "scopeRoot">,
  { runtimeRunId }: Pick<Attempt, "runtimeRunId">,
): Promise<string | undefined> {
  return withRun(scopeRoot, runtimeRunId, async ({ store }) => {
    const rows = await store.deployment.rollouts(limits.rolloutsKeptMax);
    const paused = rows
      .filter((row) => row.runtimeRunId === runtimeRunId)
      .map((row) => keptRollout(row).rollout)
      .find(({ phase, reason }) => phase === "paused" && reason !== undefined && wanted.has(reason));
    if (paused === undefined) return undefined;
    return `its rollout waits for a person (${paused.reason}): \`akc rollout promote ${paused.rolloutId}\`, or \`abort\``;
  });
}

/**
 * Goes on with the rollout of a run that has ended, where a person has left a word for it and nobody is there to hear it.
 * @throws AkcError as reconciling does; the signal's reason
 */
export async function obey(
  scope: ScopeConfig,
  attempt: Attempt,
  row: RunRow,
  signal: AbortSignal,
  host: RunHost,
): Promise<void> {
  const { runtimeRunId } = attempt;
  const rolloutId = await withRun(scope.scopeRoot, runtimeRunId, async ({ store: { deployment } }) => {
    for (const request of await deployment.openRequests()) {
      const rollout = await deployment.rollout(request.rolloutId);
      if (rollout?.runtimeRunId === runtimeRunId) return request.rolloutId;
    }
    return undefined;
  });
  if (rolloutId !== undefined) await driveRollout(scope, attempt, { rolloutId, row }, signal, host);
}

/** Goes on with a rollout of the attempt's run until it ends or waits again. @throws AkcError as reconciling does; the signal's reason */
export async function driveRollout(
  { scopeRoot, policyPath, pluginsDirs, bindingsPath }: ScopeConfig,
  { bundlePath }: Attempt,
  { rolloutId, row }: { readonly rolloutId: string; readonly row: RunRow },
  signal: AbortSignal,
  host: RunHost,
): Promise<void> {
  const how = { simulate: false, once: true, bundlePath, policyPath, pluginsDirs, bindingsPath };
  await reconcileRun({ scopeRoot, row, rolloutId, signal, ...how }, host);
  signal.throwIfAborted();
}

const wanted: ReadonlySet<RolloutReason> = new Set(["awaiting_approval", "step_pause", "paused_by_operator"]);
