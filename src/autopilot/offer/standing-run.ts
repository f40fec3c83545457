/**
 * Finds the run that made what stands in a scope, among those that a person or a script has started: the one that was last seen to have
 * brought everything to stand. Reads the store and nothing else.
 */
import { member, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { factsOf } from "../../evidence/facts-text.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { reconcileEvents } from "../../reconciler/model.ts";
import type { RunReader, RunRow, Store } from "../../store/contract.ts";
import { openStore } from "../../store/sqlite/open.ts";
import type { Deployed } from "../model.ts";

/** When a run last brought all to stand, as far as was read of it. */
interface Stood {
  /** Of its last event and of its facts: what it tells is of just these. */
  readonly lastSeq: number;
  readonly factsSha256: string | null;
  /** Undefined where it did not. */
  readonly atMs: number | undefined;
}

/** Of the runs that were looked at, by runtime run id. */
export type StoodTimes = ReadonlyMap<string, Stood>;

export interface StandingRun {
  /** Undefined where none has. */
  readonly found: Deployed | undefined;
  /** For the next time: of the runs that were looked at. */
  readonly stood: StoodTimes;
}

/**
 * @param known of an earlier time: a run that has told nothing since is not read again, since a scope's history grows and looking at
 *   it is to cost what is new
 * @throws AkcError of the store
 */
export async function standingRun(scopeRoot: string, known: StoodTimes = new Map()): Promise<StandingRun> {
  let store: Store;
  try {
    store = await openStore(scopeRoot, { create: false });
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "RUN_NOT_FOUND")
      return { found: undefined, stood: new Map() };
    throw cause;
  }
  try {
    const runs = (await store.listRuns())
      .filter(({ outcome, context }) => outcome === "succeeded" && context.mode !== "simulate")
      .sort((one, other) => other.startedAtMs - one.startedAtMs)
      .slice(0, runsLookedAt);
    const stood = new Map<string, Stood>();
    const deployed: Deployed[] = [];
    for (const row of runs) {
      const { runtimeRunId } = row.context;
      const { bundlePath, bundleSha256, lastSeq, factsSha256 } = row;
      const before = known.get(runtimeRunId);
      const isKnown = before?.lastSeq === lastSeq && before.factsSha256 === factsSha256;
      const atMs = isKnown ? before.atMs : await readStoodAtMs(store, row);
      stood.set(runtimeRunId, { lastSeq, factsSha256, atMs });
      if (atMs !== undefined) deployed.push({ bundlePath, bundleSha256, runtimeRunId, atMs });
    }
    const found = deployed.reduce<Deployed | undefined>(
      (last, one) => (last === undefined || one.atMs > last.atMs ? one : last),
      undefined,
    );
    return { found, stood };
  } finally {
    await store.close();
  }
}

/** Enough to find a deployment behind many runs that deployed nothing. */
const runsLookedAt = 100;

async function readStoodAtMs(store: Store, row: RunRow): Promise<number | undefined> {
  const reader = await store.openRun(row.context.runtimeRunId);
  try {
    return await stoodAtMs(reader, row);
  } finally {
    await reader.close();
  }
}

/** When all that the run wants stood, by its last word; undefined where it deploys nothing, or did not come to that. */
async function stoodAtMs(reader: RunReader, row: RunRow): Promise<number | undefined> {
  if (row.factsSha256 !== null && (await factsOf(reader, row)).desiredResources === 0) return undefined;
  for (let until = row.lastSeq; until > 0; ) {
    const after = Math.max(0, until - limits.storePageRows);
    for (const { type, payload, atMs } of (await reader.events(after, until - after)).toReversed()) {
      if (type !== reconcileEvents.finished) continue;
      const told = parseJson(payload);
      // Who only looked has changed nothing, and says the same of it as who came before.
      if (!isJsonObject(told) || textAt(told, "mode") === "simulate") continue;
      return member(told, "converged") === true ? atMs : undefined;
    }
    until = after;
  }
  return undefined;
}
