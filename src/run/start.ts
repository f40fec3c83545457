/**
 * One run from its bundle to its evidence: prepares, opens the store, takes the lease, runs the kernel, exports. Whatever
 * happens after the run exists, its record is finished and its evidence written (bundle:W-5, kernel:W-31).
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { deterministicTurn } from "../adapters/agent-worker.ts";
import type { RunContext } from "../adapters/contract.ts";
import { createSimulateAdapter } from "../adapters/simulate.ts";
import { isIdentifier } from "../bundle/identifier.ts";
import type { PolicyMode, Scope } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import type { KernelReport } from "../kernel/loop.ts";
import type { Counts } from "../kernel/model.ts";
import { exitCodeOf } from "../kernel/outcome.ts";
import type { Progress } from "../kernel/recorder.ts";
import { providerPermitted } from "../policy/decide.ts";
import { createInMemoryProvider, inMemoryProviderId } from "../providers/in-memory.ts";
import { desiredResources, providerKind } from "../reconciler/desired.ts";
import type { Outcome, RunRow } from "../store/contract.ts";
import { thisProcess } from "../store/sqlite/holder.ts";
import { artifactsRoot, databasePath, openStore } from "../store/sqlite/open.ts";
import { inferOutputsRoot } from "../system/bundle-files.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { resolveConfined } from "../system/files.ts";
import { type Ids, systemIds } from "../system/ids.ts";
import { builtinAdapters, reachesAgentWorker } from "./adapters.ts";
import type { Convergence } from "./converge.ts";
import { runHeld } from "./hold.ts";
import { type Prepared, type PrepareInput, prepareRun } from "./prepare.ts";

export interface StartRunInput extends PrepareInput {
  /** Folder above `<tenant>/<repo>`; absent means inferred from the bundle's place. */
  readonly outputsRoot?: string;
  /** The caller's own id for the run: starting it twice runs it once. */
  readonly runtimeRunId?: string;
  readonly deadlineMs?: number;
  readonly signal: AbortSignal;
  /** Called once, when everything is settled and before anything runs. */
  onPlan?(plan: AnnouncedPlan): void;
  /** Called after the commit that holds the event. */
  onEvent?(event: SeenEvent): void;
}

export interface AnnouncedPlan {
  readonly runtimeRunId: string;
  readonly scope: Scope;
  readonly mode: PolicyMode;
  readonly adapterId: string;
  readonly steps: readonly {
    readonly id: string;
    readonly label: string;
    readonly waitsFor: readonly string[];
  }[];
  /** Steps known now; events may trigger more actions. */
  readonly total: number;
}

/** An event as a watcher sees it: the keys that are worth a line. */
export interface SeenEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface RunReport {
  readonly runtimeRunId: string;
  readonly scope: Scope;
  readonly runId: string;
  readonly mode: PolicyMode;
  readonly adapterId: string;
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly status: string;
  readonly counts: Counts;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  readonly scopeDir: string;
  readonly eventsPath: string;
  readonly lastError?: string;
}

export interface StartRunDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws AkcError before a run exists; LEASE_HELD, LEASE_LOST, DISK_FULL, STORE_… after. */
export async function startRun(
  input: StartRunInput,
  { clock, ids, env }: StartRunDeps = { clock: systemClock, ids: systemIds, env: process.env },
): Promise<RunReport> {
  const prepared = await prepareRun(input);
  const context = contextOf(prepared, input, ids);
  const convergence = convergenceOf(prepared);
  const place = await makePlace(prepared, context, input.outputsRoot);
  const registry = builtinAdapters({
    clock,
    env,
    repoRoot: prepared.bundle.repoRoot,
    scopeDir: place.scopeDir,
    closedPaths: [databasePath(place.scopeRoot), artifactsRoot(place.scopeRoot)],
  });
  const store = await openStore(place.scopeRoot);
  try {
    const startedAtMs = clock.nowMs();
    const row = newRun(prepared, context, ids.traceId(), startedAtMs);
    const writer = await store.createRun(row, thisProcess(), startedAtMs);
    try {
      input.onPlan?.(announced(prepared, context));
      const { onEvent, deadlineMs } = input;
      const adapter = registry.create(context.adapterId, context.mode);
      if (context.mode !== "simulate") await adapter.prepare?.(context, prepared.bundle);
      const report = await runHeld({
        prepared,
        context,
        adapter: context.mode === "simulate" ? createSimulateAdapter(adapter, deterministicTurn) : adapter,
        agentWorkerReaches: reachesAgentWorker(prepared.bundle, env),
        store,
        writer,
        clock,
        ...place,
        signal: input.signal,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(convergence === undefined ? {} : { convergence }),
        ...(onEvent === undefined ? {} : { onProgress: (progress: Progress) => onEvent(seen(progress)) }),
      });
      return reportOf(prepared, context, place, report, startedAtMs, clock.nowMs());
    } finally {
      await writer.close();
    }
  } finally {
    await store.close();
  }
}

function contextOf({ bundle, adapterId }: Prepared, input: StartRunInput, ids: Ids): RunContext {
  const runtimeRunId = input.runtimeRunId ?? ids.runtimeRunId();
  if (!isIdentifier(runtimeRunId)) {
    throw new AkcError("USAGE", {
      message: "--runtime-run-id is not an identifier",
      hint: "Use letters, digits, '.', '_' and '-', at most 128 of them, beginning with a letter or a digit.",
      details: { runtimeRunId },
    });
  }
  return { scope: bundle.scope, runId: bundle.runId, runtimeRunId, mode: input.mode, adapterId };
}

/** A provider that is not there is an error and never silently another one (cli:W-31). */
function convergenceOf({ bundle, policy }: Prepared): Convergence | undefined {
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

interface Place {
  readonly outputsRoot: string;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  /** The run's own folder. */
  readonly scopeDir: string;
}

async function makePlace({ bundle }: Prepared, context: RunContext, explicit?: string): Promise<Place> {
  const outputsRoot = inferOutputsRoot(bundle.path, explicit);
  await mkdir(outputsRoot, { recursive: true });
  const { tenantId, repoId } = context.scope;
  const scopeRoot = await resolveConfined(outputsRoot, `${tenantId}/${repoId}`);
  await mkdir(scopeRoot, { recursive: true });
  const scopeDir = await resolveConfined(scopeRoot, `.akc/runtime/${context.runId}/${context.runtimeRunId}`);
  await mkdir(scopeDir, { recursive: true });
  return { outputsRoot, scopeRoot, scopeDir };
}

function newRun({ bundle }: Prepared, context: RunContext, traceId: string, startedAtMs: number): RunRow {
  return {
    context,
    bundlePath: bundle.path,
    bundleSha256: bundle.sha256,
    coordinationSha256: bundle.coordination?.sha256 ?? null,
    traceId,
    status: "running",
    outcome: null,
    startedAtMs,
    finishedAtMs: null,
    lastError: null,
    lastSeq: 0,
    stopRequestedAtMs: null,
    extra: "{}",
  };
}

function announced(
  { steps, policy }: Prepared,
  { runtimeRunId, scope, adapterId }: RunContext,
): AnnouncedPlan {
  return {
    runtimeRunId,
    scope,
    mode: policy.mode,
    adapterId,
    steps: steps.map((step) => ({ id: step.stepId, label: step.stepId, waitsFor: step.predecessors })),
    total: steps.length,
  };
}

function seen({ seq, type, atMs, item, error, durationMs, delayMs, by }: Progress): SeenEvent {
  const payload = {
    action_id: item?.actionId,
    node_id: item?.node.nodeId,
    graph_step_id: item?.step?.stepId,
    attempt: item?.attempt,
    denied: item?.phase === "denied" ? true : undefined,
    error,
    duration_ms: durationMs,
    delay_ms: delayMs,
    by,
  };
  return { seq, type, atMs, payload };
}

function reportOf(
  { bundle }: Prepared,
  context: RunContext,
  { scopeDir }: Place,
  report: KernelReport,
  startedAtMs: number,
  finishedAtMs: number,
): RunReport {
  const { outcome, status, counts, lastError, converged } = report;
  const diverged = bundle.metadata["runtime_nonzero_exit_on_reconcile_divergence"] === true && !converged;
  return {
    runtimeRunId: context.runtimeRunId,
    scope: context.scope,
    runId: context.runId,
    mode: context.mode,
    adapterId: context.adapterId,
    outcome,
    exitCode: outcome === "succeeded" && diverged ? 3 : exitCodeOf(outcome, counts),
    status,
    counts,
    startedAtMs,
    finishedAtMs,
    bundlePath: bundle.path,
    bundleSha256: bundle.sha256,
    scopeDir,
    eventsPath: join(scopeDir, "events.json"),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
