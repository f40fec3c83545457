/**
 * A run that may start: all that it needs, and nothing of the bundle's text, which is large and not looked at again.
 */
import { deterministicTurn } from "../adapters/agent-worker.ts";
import type { Adapter, RunContext } from "../adapters/contract.ts";
import { createSimulateAdapter } from "../adapters/simulate.ts";
import { isIdentifier } from "../bundle/identifier.ts";
import type { Bundle } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { type BundleFacts, bundleFacts } from "../evidence/facts.ts";
import { asDouble, isJsonObject } from "../json/value.ts";
import type { RunPlan } from "../kernel/plan.ts";
import type { RunBudget } from "../kernel/spending.ts";
import { planEnqueuedPayload } from "../kernel/wire.ts";
import { providerPermitted } from "../policy/decide.ts";
import type { RunPolicy } from "../policy/model.ts";
import { createInMemoryProvider, inMemoryProviderId } from "../providers/in-memory.ts";
import { desiredResources, providerKind } from "../reconciler/desired.ts";
import { artifactsRoot, databasePath } from "../store/sqlite/open.ts";
import type { Clock } from "../system/clock.ts";
import type { Ids } from "../system/ids.ts";
import { builtinAdapters, reachesAgentWorker } from "./adapters.ts";
import { inferOutputsRoot } from "./bundle-files.ts";
import type { Convergence } from "./converge.ts";
import { makePlace, type Place } from "./place.ts";
import { type Prepared, type PrepareInput, prepareRun } from "./prepare.ts";

export interface ReadyInput extends PrepareInput {
  /** Folder above `<tenant>/<repo>`; absent means inferred from the bundle's place. */
  readonly outputsRoot?: string;
  /** The caller's own id for the run: starting it twice runs it once. */
  readonly runtimeRunId?: string;
}

export interface RunHost {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ReadyRun {
  readonly context: RunContext;
  readonly place: Place;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  /** Fingerprint of the coordination spec; absent on runs without one. */
  readonly specSha256?: string;
  /** Payload of the first event of a coordinated run. */
  readonly planEnqueued?: string;
  readonly plan: RunPlan;
  readonly policy: RunPolicy;
  readonly routeOf: Prepared["routeOf"];
  readonly adapter: Adapter;
  /** Whether a step would reach an agent worker over HTTP. */
  readonly agentWorkerReaches: boolean;
  readonly budget: RunBudget;
  readonly convergence?: Convergence;
  readonly divergenceCounts: boolean;
  readonly facts: BundleFacts;
}

/** @throws AkcError everything that can be wrong with a bundle, its policy or the place for its outputs */
export async function makeReady(input: ReadyInput, host: RunHost): Promise<ReadyRun> {
  const { bundle, policy, plan, routeOf, adapterId } = await prepareRun(input);
  const context: RunContext = {
    scope: bundle.scope,
    runId: bundle.runId,
    runtimeRunId: runtimeRunId(input, host.ids),
    mode: input.mode,
    adapterId,
  };
  const convergence = convergenceOf(bundle, policy);
  const place = await makePlace(inferOutputsRoot(bundle.path, input.outputsRoot), context);
  const { coordination } = bundle;
  return {
    context,
    place,
    bundlePath: bundle.path,
    bundleSha256: bundle.sha256,
    ...(coordination === undefined
      ? {}
      : { specSha256: coordination.sha256, planEnqueued: planEnqueuedPayload(coordination) }),
    plan,
    policy,
    routeOf,
    adapter: await adapterFor(bundle, context, place, host),
    agentWorkerReaches: reachesAgentWorker(bundle, host.env),
    budget: budgetOf(bundle),
    ...(convergence === undefined ? {} : { convergence }),
    divergenceCounts: bundle.metadata["runtime_nonzero_exit_on_reconcile_divergence"] === true,
    facts: bundleFacts(bundle, policy),
  };
}

function runtimeRunId(input: ReadyInput, ids: Ids): string {
  const id = input.runtimeRunId ?? ids.runtimeRunId();
  if (isIdentifier(id)) return id;
  throw new AkcError("USAGE", {
    message: "--runtime-run-id is not an identifier",
    hint: "Use letters, digits, '.', '_' and '-', at most 128 of them, beginning with a letter or a digit.",
    details: { runtimeRunId: id },
  });
}

async function adapterFor(
  bundle: Bundle,
  context: RunContext,
  { scopeRoot, scopeDir }: Place,
  { clock, env }: RunHost,
): Promise<Adapter> {
  const registry = builtinAdapters({
    clock,
    env,
    repoRoot: bundle.repoRoot,
    scopeDir,
    closedPaths: [databasePath(scopeRoot), artifactsRoot(scopeRoot)],
  });
  const adapter = registry.create(context.adapterId, context.mode);
  if (context.mode === "simulate") return createSimulateAdapter(adapter, deterministicTurn);
  await adapter.prepare?.(context, bundle);
  return adapter;
}

/** A provider that is not there is an error and never silently another one (cli:W-31). */
function convergenceOf(bundle: Bundle, policy: RunPolicy): Convergence | undefined {
  const desired = desiredResources(bundle);
  if (desired.length === 0) return undefined;
  const kind = providerKind(bundle);
  if (!providerPermitted(policy, kind)) {
    throw new AkcError("POLICY_DENIED", { message: `the operator does not permit the provider ${kind}` });
  }
  if (kind === inMemoryProviderId) return { desired, provider: createInMemoryProvider() };
  if (policy.mode === "simulate") return undefined;
  throw new AkcError("PROVIDER_UNAVAILABLE", {
    details: { provider: kind, available: [inMemoryProviderId] },
  });
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
