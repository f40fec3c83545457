/**
 * Finishes a run that has ended and whose process died before its evidence was whole: writes the files, asks for what it
 * was to leave, and seals. It needs no bundle and runs nothing.
 */
import { join } from "node:path";
import * as v from "valibot";
import type { Counts } from "../../kernel/model.ts";
import { eventTypes } from "../../kernel/wire.ts";
import type { RunReader, RunRow, RunWriter, Store } from "../../store/contract.ts";
import type { Clock } from "../../system/clock.ts";
import { keptFacts } from "../evidence.ts";
import type { Place } from "../place.ts";
import { type RunReport, reportOf } from "../report.ts";
import { type SettleParts, settleRun } from "../settle.ts";
import { lastOwnEvent } from "./own-end.ts";

export interface FinishInput
  extends Pick<SettleParts, "env" | "signal" | "lost" | "bindingsPath" | "asking"> {
  readonly store: Store;
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly place: Place;
  /** It has an outcome. */
  readonly row: RunRow;
}

/** @throws AkcError STORE_DAMAGED, PATH_UNSAFE, DISK_FULL */
export async function finishEvidence(input: FinishInput): Promise<RunReport> {
  const { store, writer, clock, place, row } = input;
  const { context, bundlePath, bundleSha256, startedAtMs, lastError } = row;
  const facts = await keptFacts(store, row);
  const { failed, ...judged } = await settleRun({ ...input, facts }, context.runtimeRunId);
  const reader = await store.openRun(context.runtimeRunId);
  try {
    const { scopeDir } = place;
    return reportOf(
      // Whether a divergence counts is the bundle's word, and the bundle is not asked.
      { context, bundlePath, bundleSha256, scopeDir, divergenceCounts: false, startedAtMs },
      {
        outcome: row.outcome ?? "failed",
        status: row.status,
        finishedAtMs: row.finishedAtMs ?? clock.nowMs(),
        counts: await countsOf(reader),
        converged: true,
        lastSeq: writer.lastSeq,
        ...(lastError === null ? {} : { lastError }),
        ...failed,
        ...judged,
      },
    );
  } finally {
    await reader.close();
  }
}

const Count = v.optional(v.number(), 0);
const Finished = v.object({ counts: v.object({ retried: Count, without_effect: Count }) });

async function countsOf(reader: RunReader): Promise<Counts> {
  const phases = { succeeded: 0, failed: 0, blocked: 0, denied: 0, cancelled: 0, running: 0, waiting: 0 };
  const actions = await reader.actions();
  for (const { phase } of actions) {
    if (phase === "retrying" || phase === "suspended") phases.waiting += 1;
    else phases[phase] += 1;
  }
  const { retried, without_effect: withoutEffect } = await lastCounts(reader);
  return { total: actions.length, ...phases, retried, withoutEffect };
}

/** What no row says stands in the event of the loop's end; a run that broke has none. */
async function lastCounts(reader: RunReader): Promise<{ retried: number; without_effect: number }> {
  const last = await lastOwnEvent(reader, (await reader.run()).lastSeq);
  for (const event of (await reader.events(Math.max(0, (last?.seq ?? 0) - 3), 3)).toReversed()) {
    if (event.type !== eventTypes.loopFinished) continue;
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Finished), event.payload);
    if (parsed.success) return parsed.output.counts;
  }
  return { retried: 0, without_effect: 0 };
}

/** The place of a run that exists. @param scopeRoot absolute */
export function placeOf(scopeRoot: string, { context }: RunRow): Place {
  const { runId, runtimeRunId } = context;
  return {
    scopeRoot,
    outputsRoot: join(scopeRoot, "../.."),
    scopeDir: join(scopeRoot, ".akc/runtime", runId, runtimeRunId),
  };
}
