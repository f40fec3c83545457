/**
 * The parts of a run that are settled before it exists, and what the kernel is given of them. The same for a run that is
 * kept in a database and for one that is kept in memory; nothing here knows where a run is kept.
 */
import type { RunContext } from "../adapters/contract.ts";
import { isIdentifier } from "../bundle/identifier.ts";
import type { Bundle } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { asDouble, isJsonObject } from "../json/value.ts";
import type { KernelDeps } from "../kernel/loop.ts";
import type { RunPlan } from "../kernel/plan.ts";
import type { RunBudget } from "../kernel/spending.ts";
import { planEnqueuedPayload } from "../kernel/wire.ts";
import type { RunPolicy } from "../policy/model.ts";
import type { DeploymentReader, RunRow } from "../store/contract.ts";
import type { Ids } from "../system/ids.ts";
import { type HostDeps, reachesAgentWorker } from "./adapters.ts";
import type { Convergence } from "./deployment/converge.ts";
import type { Prepared } from "./prepare.ts";

export interface RunParts {
  readonly bundlePath: string;
  readonly bundleSha256: string;
  /** Fingerprint of the coordination spec; absent on runs without one. */
  readonly specSha256?: string;
  /** Payload of the first event of a coordinated run. */
  readonly planEnqueued?: string;
  readonly plan: RunPlan;
  readonly policy: RunPolicy;
  readonly routeOf: Prepared["routeOf"];
  /** Whether a step would reach an agent worker over HTTP. */
  readonly agentWorkerReaches: boolean;
  readonly budget: RunBudget;
  /** What should stand, and by whom; absent on bundles that want nothing. */
  readonly convergence?: Convergence;
}

export function partsOf({ bundle, policy, plan, routeOf }: Prepared, env: HostDeps["env"]): RunParts {
  const { coordination } = bundle;
  return {
    bundlePath: bundle.path,
    bundleSha256: bundle.sha256,
    ...(coordination === undefined
      ? {}
      : { specSha256: coordination.sha256, planEnqueued: planEnqueuedPayload(coordination) }),
    plan,
    policy,
    routeOf,
    agentWorkerReaches: reachesAgentWorker(bundle, env),
    budget: budgetOf(bundle),
  };
}

/** What differs with where a run is kept and who started it. */
export type RunHeldBy = Pick<
  KernelDeps,
  "clock" | "writer" | "adapter" | "context" | "workdirOf" | "stopRequested" | "signal"
> & {
  /** Whether what akc itself would carry out by no route reaches an adapter from outside; it then counts as an effect. */
  readonly foreign: boolean;
  /** From now. */
  readonly deadlineMs?: number | undefined;
  /** How long the run has been going on already: the policy's deadline counts from its start. */
  readonly elapsedMs?: number | undefined;
  readonly openSignals?: KernelDeps["openSignals"] | undefined;
  /** What is kept of the scope's deployment; absent where nothing may be deployed. */
  readonly deployed?: DeploymentReader | undefined;
  readonly newRolloutId?: (() => string) | undefined;
  readonly noted?: KernelDeps["noted"] | undefined;
  readonly onProgress?: KernelDeps["onProgress"] | undefined;
};

export function kernelDeps(parts: RunParts, held: RunHeldBy): KernelDeps {
  const { policy, convergence } = parts;
  const { clock, writer, adapter, context, workdirOf, stopRequested, signal, noted, onProgress } = held;
  const { openSignals, elapsedMs = 0, deployed, newRolloutId = () => Bun.randomUUIDv7() } = held;
  const deadlines = [held.deadlineMs, leftOf(policy.runDeadlineMs, elapsedMs)].filter(
    (ms) => ms !== undefined,
  );
  return {
    clock,
    writer,
    adapter,
    policy,
    context,
    specSha256: parts.specSha256 ?? "",
    ...(parts.planEnqueued === undefined ? {} : { planEnqueued: parts.planEnqueued }),
    routeOf: parts.routeOf,
    hasEffect: hasEffect(parts, held),
    workdirOf,
    stopRequested,
    signal,
    ...(deadlines.length === 0 ? {} : { deadlineMs: Math.min(...deadlines) }),
    budget: parts.budget,
    ...(convergence === undefined || deployed === undefined
      ? {}
      : {
          deniedBeforehand: convergence.deniedBeforehand,
          converge: convergence.createConverge({
            runtimeRunId: context.runtimeRunId,
            clock,
            writer,
            reader: deployed,
            newRolloutId,
            signal,
          }),
        }),
    ...(openSignals === undefined ? {} : { openSignals }),
    ...(noted === undefined ? {} : { noted }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
}

function leftOf(deadlineMs: number | undefined, elapsedMs: number): number | undefined {
  return deadlineMs === undefined ? undefined : Math.max(0, deadlineMs - elapsedMs);
}

/** @throws AkcError USAGE for a given id that is no identifier */
export function contextOf(
  { bundle, policy, adapterId }: Prepared,
  given: string | undefined,
  ids: Ids,
): RunContext {
  const runtimeRunId = given ?? ids.runtimeRunId();
  if (!isIdentifier(runtimeRunId)) {
    throw new AkcError("USAGE", {
      message: "--runtime-run-id is not an identifier",
      hint: "Use letters, digits, '.', '_' and '-', at most 128 of them, beginning with a letter or a digit.",
      details: { runtimeRunId },
    });
  }
  return { scope: bundle.scope, runId: bundle.runId, runtimeRunId, mode: policy.mode, adapterId };
}

export function newRunRow(
  context: RunContext,
  { bundlePath, bundleSha256, specSha256 }: Pick<RunParts, "bundlePath" | "bundleSha256" | "specSha256">,
  traceId: string,
  startedAtMs: number,
): RunRow {
  return {
    context,
    bundlePath,
    bundleSha256,
    coordinationSha256: specSha256 ?? null,
    traceId,
    status: "running",
    outcome: null,
    startedAtMs,
    finishedAtMs: null,
    lastError: null,
    lastSeq: 0,
    stopRequestedAtMs: null,
    factsSha256: null,
    evidenceSeq: null,
    genesis: "identity",
    extra: "{}",
  };
}

function hasEffect(
  { agentWorkerReaches }: RunParts,
  { adapter, foreign }: RunHeldBy,
): KernelDeps["hasEffect"] {
  return (_item, { kind }) => {
    if (kind === "wait") return true;
    if (kind === "noop") return foreign && !adapter.respectsRouting;
    if (adapter.respectsRouting && (kind === "subprocess" || kind === "http")) return true;
    return foreign || agentWorkerReaches;
  };
}

/** Bounds of the intent that hold for all actions together; its seconds are the run's deadline. */
function budgetOf({ intentProjection }: Bundle): RunBudget {
  const bounds = intentProjection["operating_bounds_effective"];
  if (!isJsonObject(bounds)) return {};
  const dispatches = asDouble(bounds["max_steps"]);
  const inputTokens = asDouble(bounds["max_input_tokens"]);
  const outputTokens = asDouble(bounds["max_output_tokens"]);
  return {
    ...(dispatches === undefined ? {} : { dispatches }),
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  };
}
