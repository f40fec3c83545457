/**
 * One run from its bundle to its evidence: makes ready, opens the store, takes the lease, lets the kernel work, tells the end.
 * Once the run exists its record is finished and its evidence written, whatever happens (bundle:W-5, kernel:W-31).
 */
import { resolve } from "node:path";
import { AkcError } from "../errors.ts";
import type { Progress } from "../kernel/recorder.ts";
import type { RunRow, RunWriter, Store } from "../store/contract.ts";
import { thisProcess } from "../store/sqlite/holder.ts";
import { openStore } from "../store/sqlite/open.ts";
import { systemClock } from "../system/clock.ts";
import { collectIfLarge } from "../system/heap-guard.ts";
import { systemIds } from "../system/ids.ts";
import { refuseChanged } from "./continuation/changed.ts";
import { continueRun, type Watching } from "./continuation/continue.ts";
import { keptJson } from "./continuation/kept-options.ts";
import { type BegunRun, begunRun, leftoverOf, type Wanted } from "./continuation/leftover.ts";
import { refuseHeldScope } from "./deployment/held-scope.ts";
import { factsSha256, keepFacts } from "./evidence.ts";
import { runHeld } from "./hold.ts";
import { keepingLease } from "./lease-keeper.ts";
import { newRunRow } from "./parts.ts";
import { closeReady, makeReady, type ReadyInput, type ReadyRun, type RunHost } from "./ready.ts";
import { announced, type RunReport, reportOf, seen } from "./report.ts";

export type { AnnouncedPlan, RunReport, SeenEvent } from "./report.ts";

/** An option of the start with where it came from: `cli`, `env`, `project_file`, `profile_default`, `legacy_default`. */
export interface ChosenOption {
  readonly value: string | number | null;
  readonly source: string;
}

/** Who decided what about the start, kept with the run. Source: spec cli §4.4. */
export interface ChosenOptions {
  readonly developerRoleProfile: string;
  /** By the documented names; what became of `mode`, `bundle` and `outputs_root` is filled in when it is known. */
  readonly resolved: Readonly<Record<string, ChosenOption>>;
}

export interface StartRunInput extends ReadyInput, Watching {
  readonly deadlineMs?: number;
  readonly chosen?: ChosenOptions;
  readonly signal: AbortSignal;
}

/**
 * A run of the given id that another process left behind is continued instead of begun.
 * @throws AkcError before a run exists; LEASE_HELD, RUN_EXISTS when it has ended, RUN_CHANGED; LEASE_LOST, DISK_FULL, STORE_… after.
 */
export async function startRun(
  input: StartRunInput,
  host: RunHost = { clock: systemClock, ids: systemIds, env: process.env },
): Promise<RunReport> {
  const ready = await makeReady(input, host);
  try {
    collectIfLarge();
    const store = await openStore(ready.place.scopeRoot);
    try {
      const begun = await begin(input, ready, store, host);
      return begun === undefined
        ? await goOn(input, ready, store, host)
        : await runNew(input, ready, store, begun, host);
    } finally {
      await store.close();
    }
  } finally {
    await closeReady(ready);
  }
}

interface Begun {
  readonly writer: RunWriter;
  readonly startedAtMs: number;
}

/** Undefined when the run is there already and nobody holds it. */
async function begin(
  input: StartRunInput,
  ready: ReadyRun,
  store: Store,
  { clock, ids }: RunHost,
): Promise<Begun | undefined> {
  const startedAtMs = clock.nowMs();
  await refuseHeldScope(ready, store, startedAtMs);
  const row = {
    ...newRunRow(ready.context, ready, ids.traceId(), startedAtMs),
    factsSha256: factsSha256(ready.facts),
    extra: extraOf(input, ready),
  };
  try {
    return { writer: await store.createRun(row, thisProcess(), startedAtMs), startedAtMs };
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "RUN_EXISTS") return undefined;
    throw cause;
  }
}

async function runNew(
  input: StartRunInput,
  ready: ReadyRun,
  store: Store,
  { writer, startedAtMs }: Begun,
  { clock }: RunHost,
): Promise<RunReport> {
  const { onEvent, deadlineMs, signal } = input;
  try {
    return await keepingLease(writer, clock, async (lost) => {
      await keepFacts(writer, ready.facts);
      input.onPlan?.(announced(ready));
      const report = await runHeld({
        ready,
        store,
        writer,
        clock,
        signal,
        lost,
        deadlineMs,
        asking: input.asking,
        ...(onEvent === undefined ? {} : { onProgress: (progress: Progress) => onEvent(seen(progress)) }),
      });
      const { context, bundlePath, bundleSha256, divergenceCounts, place } = ready;
      const { scopeDir } = place;
      const deploys = ready.convergence !== undefined;
      return reportOf(
        { context, bundlePath, bundleSha256, divergenceCounts, scopeDir, startedAtMs, deploys },
        report,
      );
    });
  } finally {
    await writer.close();
  }
}

/** What the process before this one left undone is done; what has ended stays as it ended. */
async function goOn(
  input: StartRunInput,
  ready: ReadyRun,
  store: Store,
  { clock }: RunHost,
): Promise<RunReport> {
  const { context } = ready;
  const wanted: Wanted = { from: [], onlyUnfinished: true };
  const begun = await begunIn(store, context.runtimeRunId);
  if (leftoverOf(begun, wanted).kind === "nothing") throw runExists(begun.row);
  refuseChanged(begun.row, ready);
  const { onPlan, onEvent, signal, deadlineMs } = input;
  return continueRun({
    ready,
    store,
    clock,
    signal,
    wanted,
    asking: input.asking,
    deadline: deadlineMs === undefined ? undefined : { ms: deadlineMs, from: "start" },
    ...(onPlan === undefined ? {} : { onPlan }),
    ...(onEvent === undefined ? {} : { onEvent }),
  }).catch(async (cause) => {
    if (!(cause instanceof AkcError) || cause.code !== "RUN_NOT_RESUMABLE") throw cause;
    // Its process came to the end after it was looked at: what was said of it then is not so any more.
    throw runExists((await begunIn(store, context.runtimeRunId)).row);
  });
}

async function begunIn(store: Store, runtimeRunId: string): Promise<BegunRun> {
  const reader = await store.openRun(runtimeRunId);
  try {
    return await begunRun(reader);
  } finally {
    await reader.close();
  }
}

function runExists({ context, outcome }: RunRow): AkcError {
  const { runtimeRunId } = context;
  return new AkcError("RUN_EXISTS", {
    message: `the run has already ended ${outcome}`,
    hint:
      outcome === "stopped" || outcome === "exhausted"
        ? `Go on with it: \`akc runtime resume ${runtimeRunId}\`. For a new run choose another --runtime-run-id, or leave it out.`
        : `Run a part of it again with \`akc runtime resume ${runtimeRunId} --from STEP\`. For a new run choose another --runtime-run-id, or leave it out.`,
    details: { runtimeRunId, outcome },
  });
}

/** The keys that the run's record reads (`evidence/record.ts`), and what a later process needs to go on alike. */
function extraOf(input: StartRunInput, ready: ReadyRun): string {
  const { chosen, policyPath } = input;
  const start_options = keptJson({
    ...input,
    ...(policyPath === undefined ? {} : { policyPath: resolve(policyPath) }),
  });
  const { plugin } = ready;
  if (chosen === undefined) return JSON.stringify({ start_options, plugin });
  const became: Readonly<Record<string, string>> = {
    mode: ready.context.mode,
    bundle: ready.bundlePath,
    outputs_root: ready.place.outputsRoot,
  };
  const resolved = Object.entries(chosen.resolved).map(([name, option]) => [
    name,
    { ...option, value: became[name] ?? option.value },
  ]);
  return JSON.stringify({
    start_options,
    plugin,
    developer_role_profile: chosen.developerRoleProfile,
    developer_profile_decisions: { resolved: Object.fromEntries(resolved) },
  });
}
