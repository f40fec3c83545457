/**
 * Reconciles on behalf of a run that has ended: reads its bundle again, passes the gates, takes the run and the scope, and keeps
 * all that is done in the run's own history.
 *
 * Source: spec reconcile §3.3; spec cli §13; cli:W-09.
 */

import type { PolicyMode } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import type { Passes } from "../../reconciler/resync.ts";
import type { Rollout } from "../../reconciler/rollout/model.ts";
import { type Watched, type WatchOptions, watch } from "../../reconciler/watch.ts";
import type { RunRow } from "../../store/contract.ts";
import { openStore } from "../../store/sqlite/open.ts";
import { asChange } from "../continuation/changed.ts";
import { keptOptions } from "../continuation/kept-options.ts";
import { prepareRun } from "../prepare.ts";
import type { RunHost } from "../ready.ts";
import { reconcileEnded } from "../reconcile-ledger.ts";
import type { AskingWatch, Settled } from "../settle.ts";
import { type ConvergeOptions, type ConvergeParts, converge, reconcileInput } from "./converge.ts";
import type { Deployment } from "./deployment.ts";
import { openConvergence } from "./open.ts";
import { plannedBefore } from "./planned-before.ts";

export interface ReconcileRunInput extends ConvergeOptions {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly row: RunRow;
  /** Where the bundle is now; absent means where it was. */
  readonly bundlePath?: string | undefined;
  /** Operator's policy; absent means the one that the run was started with. */
  readonly policyPath?: string | undefined;
  /** Absolute; absent or empty means those that the run was started with. */
  readonly pluginsDirs?: readonly string[] | undefined;
  /** Absolute; absent means the registry of validator bindings that the run was started with. */
  readonly bindingsPath?: string | undefined;
  /** Only look and plan. */
  readonly simulate: boolean;
  readonly signal: AbortSignal;
  /** Go on until the signal aborts, or for so many looks. */
  readonly watch?: WatchOptions;
  onRollout?(rollout: Rollout): void;
  readonly asking?: AskingWatch | undefined;
}

export interface ReconcileReport {
  readonly deployment: Pick<Deployment, "kind" | "declared" | "scope" | "strategy">;
  readonly mode: PolicyMode;
  /** Whether the bundle wants a divergence to show in the exit code. */
  readonly divergenceCounts: boolean;
  /** Of the last pass; absent when a watch found nothing to do. */
  readonly passes?: Passes | undefined;
  readonly watched?: Watched | undefined;
  /** How the run was judged with what was recorded now; absent where nothing was recorded, and where it has no criteria. */
  readonly judged?: Pick<Settled, "validity" | "unjudged">;
}

/**
 * @throws AkcError RUN_NOT_FOUND, RUN_NOT_RESUMABLE, LEASE_HELD, SCOPE_HELD, RUN_CHANGED with both hashes, PLAN_STALE, PROVIDER_…
 */
export async function reconcileRun(input: ReconcileRunInput, host: RunHost): Promise<ReconcileReport> {
  const { scopeRoot, row, simulate, signal, bindingsPath, pluginsDirs = [] } = input;
  const kept = keptOptions(row);
  const prepared = await preparedAgain(input);
  const supervise = input.watch !== undefined && !simulate;
  const convergence = await openConvergence(
    prepared,
    {
      ...host,
      scopeRoot,
      supervise,
      pluginsDirs: pluginsDirs.length === 0 ? (kept.pluginsDirs ?? []) : pluginsDirs,
      validatorBindings: bindingsPath ?? kept.validatorBindings,
    },
    { ask: true },
  );
  if (convergence === undefined) {
    throw new AkcError("DESIRED_STATE_INVALID", {
      message: "the run's bundle wants nothing to stand",
      hint: "Give it deployment_intents, or IR nodes that are deployable; see docs/reconcile.md.",
    });
  }
  const { deployment, provider, analyst } = convergence;
  const store = await openStore(scopeRoot, { create: false });
  try {
    const { runtimeRunId } = row.context;
    let settled: Settled = {};
    const ended = {
      ...host,
      ...{ store, scopeRoot, runtimeRunId, signal, bindingsPath, asking: input.asking },
      onSettled: (judged: Settled) => {
        settled = judged;
      },
    };
    const report = await reconcileEnded(ended, async (held) => {
      const parts: ConvergeParts = {
        deployment,
        provider,
        analyst,
        runtimeRunId,
        policy: prepared.policy,
        clock: host.clock,
        writer: held.writer,
        reader: store.deployment,
        signal: AbortSignal.any([signal, held.lost]),
        newRolloutId: () => host.ids.runtimeRunId(),
        wasPlanned: (planId) => plannedBefore(held.reader, planId),
        ...(input.onRollout === undefined ? {} : { onRollout: input.onRollout }),
      };
      const about = {
        deployment,
        mode: simulate ? ("simulate" as const) : prepared.policy.mode,
        divergenceCounts: prepared.bundle.metadata["runtime_nonzero_exit_on_reconcile_divergence"] === true,
      };
      if (input.watch === undefined) return { ...about, passes: await converge(parts, held.ledger, input) };
      if (!simulate) await held.writer.holdScope(host.clock.nowMs());
      const watched = await watch(reconcileInput(parts, held.ledger, input), input.watch);
      return { ...about, watched };
    });
    return { ...report, judged: settled };
  } finally {
    await store.close();
    await convergence.close();
  }
}

/** Under the mode that a change needs: what a run was simulated under carries no change (W-03). */
async function preparedAgain({ row, simulate, bundlePath, policyPath }: ReconcileRunInput) {
  const kept = keptOptions(row);
  const mode = simulate ? "simulate" : row.context.mode === "canary" ? "canary" : "enforce";
  try {
    return await prepareRun({
      ...kept,
      mode,
      adapter: "auto",
      bundlePath: bundlePath ?? row.bundlePath,
      expectedSha256: row.bundleSha256,
      ...(policyPath === undefined ? {} : { policyPath }),
    });
  } catch (cause) {
    throw asChange(cause, row, { bundlePath });
  }
}
