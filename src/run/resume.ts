/**
 * Goes on with a run by its id: finds out what is left to do in it, reads the bundle that it was started with again, and
 * continues it as it was started. A run that only lacks its evidence needs no bundle.
 *
 * Source: spec kernel §9.3, §9.12; spec cli §10.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { RunReader, RunRow, Store } from "../store/contract.ts";
import { isHeld, thisProcess } from "../store/sqlite/holder.ts";
import { leaseHeld } from "../store/sqlite/leases.ts";
import { openStore } from "../store/sqlite/open.ts";
import { systemClock } from "../system/clock.ts";
import { collectIfLarge } from "../system/heap-guard.ts";
import { systemIds } from "../system/ids.ts";
import { asChange, refuseChanged } from "./continuation/changed.ts";
import { continueRun, type Deadline, type Watching } from "./continuation/continue.ts";
import { finishEvidence, placeOf } from "./continuation/finish.ts";
import { keptOptions, keptPlugin } from "./continuation/kept-options.ts";
import { type BegunRun, begunRun, leftoverOf, type Wanted } from "./continuation/leftover.ts";
import { endStrays } from "./continuation/strays.ts";
import { closeReady, makeReady, type ReadyRun, type RunHost } from "./ready.ts";
import type { RunReport } from "./report.ts";
import { takingOver } from "./take-over.ts";

export type { FoundPast } from "./continuation/found.ts";

export interface ResumeRunInput extends Watching {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly runtimeRunId: string;
  /** Steps, nodes or actions to run again, with all that depends on them. */
  readonly from?: readonly string[];
  /** Whether a run that has ended is left as it ended: then at most its evidence is finished. */
  readonly onlyUnfinished?: boolean;
  /** Where the bundle is now; absent means where it was. */
  readonly bundlePath?: string;
  /** Operator's policy; absent means the one that the run was started with. */
  readonly policyPath?: string;
  /** From now; absent means what is left of the one that the run was started with. */
  readonly deadlineMs?: number;
  /** Absolute; absent means those that the run was started with. */
  readonly pluginsDirs?: readonly string[];
  /** Absolute; absent means the registry of validator bindings that the run was started with. */
  readonly bindingsPath?: string;
  /** Go on although the run's plugin is not as it was. */
  readonly acceptPluginChange?: boolean;
  readonly signal: AbortSignal;
}

/**
 * @throws AkcError RUN_NOT_FOUND, LEASE_HELD, RUN_CHANGED with both hashes, RUN_NOT_RESUMABLE, STEP_UNKNOWN, STORE_DAMAGED;
 * whatever is wrong with the bundle or the policy; what broke the run
 */
export async function resumeRun(
  input: ResumeRunInput,
  host: RunHost = { clock: systemClock, ids: systemIds, env: process.env },
): Promise<RunReport> {
  const { scopeRoot, runtimeRunId, signal } = input;
  const store = await openStore(scopeRoot, { create: false });
  try {
    const wanted: Wanted = { from: input.from ?? [], onlyUnfinished: input.onlyUnfinished ?? false };
    const begun = await reading(store, runtimeRunId, (reader) => refuseHeldOrDone(reader, wanted, host));
    const { row } = begun;
    if (leftoverOf(begun, wanted).kind === "evidence") return await finishOnly(store, input, row, host);
    const ready = await readyAgain(input, row, host);
    try {
      refuseChanged(row, ready);
      collectIfLarge();
      const { onPlan, onEvent } = input;
      return await continueRun({
        ready,
        store,
        clock: host.clock,
        signal,
        wanted,
        asking: input.asking,
        deadline: deadlineOf(input, row),
        ...(onPlan === undefined ? {} : { onPlan }),
        ...(onEvent === undefined ? {} : { onEvent }),
      });
    } finally {
      await closeReady(ready);
    }
  } finally {
    await store.close();
  }
}

async function reading<T>(
  store: Store,
  runtimeRunId: string,
  work: (reader: RunReader) => Promise<T>,
): Promise<T> {
  const reader = await store.openRun(runtimeRunId);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

/** Early, before a large bundle is read for nothing; the lease is what decides in the end. */
async function refuseHeldOrDone(reader: RunReader, wanted: Wanted, { clock }: RunHost): Promise<BegunRun> {
  const lease = await reader.lease();
  if (lease !== null && isHeld(lease, thisProcess(), clock.nowMs())) throw leaseHeld(lease);
  const begun = await begunRun(reader);
  if (leftoverOf(begun, wanted).kind !== "nothing") return begun;
  const { context, outcome } = begun.row;
  throw new AkcError("RUN_NOT_RESUMABLE", {
    message: `the run has ended ${outcome}; there is nothing left to do in it`,
    details: { run: context.runtimeRunId, outcome },
  });
}

async function finishOnly(
  store: Store,
  { scopeRoot, signal, bindingsPath, asking }: ResumeRunInput,
  row: RunRow,
  { clock, env }: RunHost,
): Promise<RunReport> {
  return takingOver({ store, clock }, row.context.runtimeRunId, async (writer, lost) => {
    await endStrays(scopeRoot, row.context);
    const place = placeOf(scopeRoot, row);
    return finishEvidence({
      store,
      writer,
      clock,
      place,
      row,
      env,
      bindingsPath,
      signal: AbortSignal.any([signal, lost]),
      lost,
      asking,
    });
  });
}

/** The bundle is the one that the run was started with, or it is not read further than to its fingerprint. */
async function readyAgain(input: ResumeRunInput, row: RunRow, host: RunHost): Promise<ReadyRun> {
  const { context } = row;
  const kept = keptOptions(row);
  const policyPath = input.policyPath ?? kept.policyPath;
  const plugin = keptPlugin(row);
  try {
    return await makeReady(
      {
        ...kept,
        ...(policyPath === undefined ? {} : { policyPath }),
        bundlePath: input.bundlePath ?? row.bundlePath,
        expectedSha256: row.bundleSha256,
        mode: context.mode,
        adapter: context.adapterId,
        ...(plugin === undefined ? {} : { pluginId: plugin.id }),
        ...(input.pluginsDirs === undefined ? {} : { pluginsDirs: input.pluginsDirs }),
        ...(input.bindingsPath === undefined ? {} : { validatorBindings: input.bindingsPath }),
        ...(input.acceptPluginChange === true ? { acceptPluginChange: true } : {}),
        runtimeRunId: context.runtimeRunId,
        outputsRoot: placeOf(input.scopeRoot, row).outputsRoot,
      },
      host,
    );
  } catch (cause) {
    throw asChange(cause, row, input);
  }
}

/** One that is given counts from now, the one of the start from the start. */
function deadlineOf({ deadlineMs }: ResumeRunInput, row: RunRow): Deadline | undefined {
  if (deadlineMs !== undefined) return { ms: Math.min(deadlineMs, limits.runDeadlineMsMax), from: "now" };
  const kept = keptOptions(row).deadlineMs;
  return kept === undefined ? undefined : { ms: kept, from: "start" };
}
