/**
 * Lets the reconciler work for a run: on whose behalf, under which policy, by which provider. The kernel asks for it only after
 * every action has succeeded, since a broken plan must not be deployed.
 */
import type { Decision, RunPolicy } from "../../policy/model.ts";
import type { Provider } from "../../providers/contract.ts";
import { isCut } from "../../reconciler/cut.ts";
import type { DriveDeps } from "../../reconciler/drive.ts";
import type { Converge, ReconcileLedger } from "../../reconciler/model.ts";
import type { ReconcileInput } from "../../reconciler/reconcile.ts";
import { type Passes, reconcileUntilSettled } from "../../reconciler/resync.ts";
import type { DeploymentReader, RunWriter } from "../../store/contract.ts";
import type { Clock } from "../../system/clock.ts";
import type { Analyst } from "./analyst.ts";
import type { Deployment } from "./deployment.ts";
import { deniedBeforehand } from "./gates.ts";

/** All that a run needs of the reconciler, so that a run that deploys nothing does not load it. */
export interface Convergence {
  readonly deployment: Deployment;
  readonly provider: Provider;
  readonly analyst: Analyst;
  /** The decision by which nothing could be deployed, known before anything starts; absent where something could. */
  readonly deniedBeforehand?: Decision | undefined;
  /** As a run's last act. */
  createConverge(held: ConvergeHeld): Converge;
  /** Ends what serves it; nothing that it has made. */
  close(): Promise<void>;
}

/** What differs with where the run is kept, and who asks. */
interface ConvergeHeld {
  readonly runtimeRunId: string;
  readonly clock: Clock;
  readonly writer: Pick<RunWriter, "holdScope" | "artifacts">;
  readonly reader: DeploymentReader;
  /** Leaves a rollout where it is. */
  readonly signal: AbortSignal;
  newRolloutId(): string;
  wasPlanned?: ReconcileInput["wasPlanned"];
  onRollout?: DriveDeps["onRollout"];
}

export interface ConvergeParts
  extends ConvergeHeld,
    Pick<Convergence, "deployment" | "provider" | "analyst"> {
  readonly policy: RunPolicy;
}

/** How it is asked for, beyond what the bundle says. */
export type ConvergeOptions = Partial<
  Pick<
    ReconcileInput,
    "simulate" | "adopt" | "planId" | "rolloutId" | "insist" | "only" | "waitForPerson" | "onPlan"
  >
> & {
  /** One pass, whatever the bundle says. */
  readonly once?: boolean;
};

/** @throws AkcError SCOPE_HELD, and as `reconcile` */
export async function converge(
  parts: ConvergeParts,
  ledger: ReconcileLedger,
  options: ConvergeOptions = {},
): Promise<Passes> {
  const input = reconcileInput(parts, ledger, options);
  if (!input.simulate) await parts.writer.holdScope(parts.clock.nowMs());
  const resync = parts.deployment.resyncOf(parts.runtimeRunId);
  const once = input.simulate || options.once === true || options.planId !== undefined;
  return reconcileUntilSettled(input, once ? { ...resync, iterations: 1 } : resync);
}

/** All that a pass needs to know. */
export function reconcileInput(
  parts: ConvergeParts,
  ledger: ReconcileLedger,
  options: ConvergeOptions,
): Omit<ReconcileInput, "attempt"> {
  const { deployment, provider, analyst, policy, clock, runtimeRunId, signal, writer } = parts;
  const { onRollout, newRolloutId, wasPlanned } = parts;
  const { planId, only, onPlan, rolloutId } = options;
  return {
    ...deployment,
    provider,
    runtimeRunId,
    policy,
    deployment: parts.reader,
    ledger,
    clock,
    signal,
    measure: (analysis, until) => analyst.measure(analysis, writer.artifacts, until),
    newRolloutId,
    waitForPerson: options.waitForPerson ?? false,
    exact: planId !== undefined,
    simulate: options.simulate ?? policy.mode === "simulate",
    adopt: options.adopt ?? false,
    insist: options.insist ?? false,
    ...(planId === undefined ? {} : { planId }),
    ...(rolloutId === undefined ? {} : { rolloutId }),
    ...(only === undefined ? {} : { only }),
    ...(onPlan === undefined ? {} : { onPlan }),
    ...(onRollout === undefined ? {} : { onRollout }),
    ...(wasPlanned === undefined ? {} : { wasPlanned }),
  };
}

/** @param policy the one that the run goes by */
export function convergenceOf(
  parts: Pick<ConvergeParts, "deployment" | "provider" | "analyst" | "policy">,
): Convergence {
  const { deployment, provider, analyst, policy } = parts;
  return {
    deployment,
    provider,
    analyst,
    deniedBeforehand: deniedBeforehand(policy, deployment.kind),
    createConverge: (held) => createConverge({ ...held, ...parts }),
    async close() {
      await analyst.close();
      await provider.close();
    },
  };
}

/** As a run's last act: a person starts a run on purpose, so what failed before is tried again. */
function createConverge(parts: ConvergeParts): Converge {
  return async (ledger, told) => {
    const signal = AbortSignal.any([parts.signal, told]);
    try {
      const { converged, denied } = await converge({ ...parts, signal }, ledger, { insist: true });
      return { converged, ...(denied === undefined ? {} : { denied }) };
    } catch (cause) {
      // The kernel knows why: the run was stopped, and did not break.
      if (isCut(cause)) return { converged: false };
      throw cause;
    }
  };
}
