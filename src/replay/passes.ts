/**
 * The two passes over a run's rows that need nothing but the rows: along the hash chain, and over the decisions. They may be made
 * beside each other and in another thread.
 */
import { DecisionDigest } from "../kernel/decision-digest.ts";
import { limits } from "../limits.ts";
import type { RunReader, RunRow } from "../store/contract.ts";
import { systemClock } from "../system/clock.ts";
import { createHeapGuard } from "../system/heap-guard.ts";
import { ChainCheck } from "./chain-check.ts";
import { type Divergence, Divergences } from "./divergence.ts";

/** Rows that were looked at leave nothing behind, however many they are. */
const guardHeap = createHeapGuard(systemClock.monotonicMs);

export interface ChainPass {
  readonly events: number;
  readonly headSha256: string;
  /** Number of the event whose digest was looked for. */
  readonly anchorSeq: number | undefined;
  readonly count: number;
  readonly kept: readonly Divergence[];
}

export interface ChainOrder {
  /** Number of the last event that counts. */
  readonly until: number;
  readonly anchorSha256: string | undefined;
  readonly divergencesMax: number;
}

export async function followChain(reader: RunReader, run: RunRow, order: ChainOrder): Promise<ChainPass> {
  const { until, anchorSha256, divergencesMax } = order;
  const chain = new ChainCheck(run);
  const found = new Divergences(divergencesMax);
  let events = 0;
  let anchorSeq: number | undefined;
  while (chain.seq < until) {
    const page = await reader.events(chain.seq, limits.replayPageRows);
    guardHeap();
    if (page.length === 0) break;
    for (const event of page) {
      if (event.seq > until)
        return { events, headSha256: chain.headSha256, anchorSeq, count: found.count, kept: found.kept };
      events += 1;
      const broken = chain.next(event);
      if (broken !== undefined) found.add(broken);
      if (event.sha256 === anchorSha256) anchorSeq = event.seq;
    }
  }
  return { events, headSha256: chain.headSha256, anchorSeq, count: found.count, kept: found.kept };
}

export interface DecisionPass {
  readonly count: number;
  /** Number of the first decision that is not there though a later one is. */
  readonly gapAt: number | undefined;
  /** Over the first `covered` of those that are there. */
  readonly sha256: string;
}

export async function digestDecisions(reader: RunReader, covered: number): Promise<DecisionPass> {
  const digest = new DecisionDigest();
  let gapAt: number | undefined;
  let count = 0;
  for (;;) {
    const page = await reader.decisions(count, limits.replayPageRows);
    guardHeap();
    if (page.length === 0) return { count, gapAt, sha256: digest.sha256() };
    for (const row of page) {
      if (row.row !== count + 1) gapAt ??= count + 1;
      count = row.row;
    }
    const room = Math.max(0, covered - digest.count);
    digest.add(room >= page.length ? page : page.slice(0, room));
  }
}
