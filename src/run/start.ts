/**
 * One run from its bundle to its evidence: makes ready, opens the store, takes the lease, lets the kernel work, tells the end.
 * Once the run exists its record is finished and its evidence written, whatever happens (bundle:W-5, kernel:W-31).
 */
import type { Progress } from "../kernel/recorder.ts";
import { thisProcess } from "../store/sqlite/holder.ts";
import { openStore } from "../store/sqlite/open.ts";
import { systemClock } from "../system/clock.ts";
import { collectIfLarge } from "../system/heap-guard.ts";
import { systemIds } from "../system/ids.ts";
import { runHeld } from "./hold.ts";
import { newRunRow } from "./parts.ts";
import { makeReady, type ReadyInput, type ReadyRun, type RunHost } from "./ready.ts";
import { type AnnouncedPlan, announced, type RunReport, reportOf, type SeenEvent, seen } from "./report.ts";

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

export interface StartRunInput extends ReadyInput {
  readonly deadlineMs?: number;
  readonly chosen?: ChosenOptions;
  readonly signal: AbortSignal;
  /** Called once, when everything is settled and before anything runs. */
  onPlan?(plan: AnnouncedPlan): void;
  /** Called after the commit that holds the event. */
  onEvent?(event: SeenEvent): void;
}

/** @throws AkcError before a run exists; LEASE_HELD, LEASE_LOST, DISK_FULL, STORE_… after. */
export async function startRun(
  input: StartRunInput,
  host: RunHost = { clock: systemClock, ids: systemIds, env: process.env },
): Promise<RunReport> {
  const { clock, ids } = host;
  const ready = await makeReady(input, host);
  const { onEvent, deadlineMs, signal } = input;
  collectIfLarge();
  const store = await openStore(ready.place.scopeRoot);
  try {
    const startedAtMs = clock.nowMs();
    const writer = await store.createRun(
      { ...newRunRow(ready.context, ready, ids.traceId(), startedAtMs), ...extraOf(ready, input.chosen) },
      thisProcess(),
      startedAtMs,
    );
    try {
      input.onPlan?.(announced(ready.plan.steps, ready.context));
      const report = await runHeld({
        ready,
        store,
        writer,
        clock,
        signal,
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(onEvent === undefined ? {} : { onProgress: (progress: Progress) => onEvent(seen(progress)) }),
      });
      const { context, bundlePath, bundleSha256, divergenceCounts, place } = ready;
      return reportOf(
        { context, bundlePath, bundleSha256, divergenceCounts, scopeDir: place.scopeDir, startedAtMs },
        report,
      );
    } finally {
      await writer.close();
    }
  } finally {
    await store.close();
  }
}

/** The keys that the run's record reads (`evidence/record.ts`). */
function extraOf(ready: ReadyRun, chosen: ChosenOptions | undefined): { readonly extra?: string } {
  if (chosen === undefined) return {};
  const became: Readonly<Record<string, string>> = {
    mode: ready.context.mode,
    bundle: ready.bundlePath,
    outputs_root: ready.place.outputsRoot,
  };
  const resolved = Object.entries(chosen.resolved).map(([name, option]) => [
    name,
    { ...option, value: became[name] ?? option.value },
  ]);
  return {
    extra: JSON.stringify({
      developer_role_profile: chosen.developerRoleProfile,
      developer_profile_decisions: { resolved: Object.fromEntries(resolved) },
    }),
  };
}
