/**
 * Signals from the events of a scope's runs: every run is read on from its own cursor, so that late events of old runs arrive and
 * none is lost. Reads only; the cursors move when whoever asked has stored them together with the triggers.
 *
 * Source: spec cli §14.8, §15.2; cli:W-27, cli:W-56, cli:W-70.
 */
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunHead, RunRow, Store, StoredEvent } from "../../store/contract.ts";
import { openStore } from "../../store/sqlite/open.ts";
import { databaseStamp, noDatabase } from "../../store/sqlite/stamp.ts";
import { type Clock, systemClock } from "../../system/clock.ts";
import { isSettled } from "../../system/file-stamp.ts";
import type { Ids } from "../../system/ids.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { AutopilotStore, Cursor } from "../contract.ts";
import type { ScopeState, Trigger } from "../model.ts";
import { Absences } from "./absences.ts";
import { mayMatter, signalOf, standingTypes } from "./bridge.ts";
import { type FoundSignal, signalTriggers } from "./event-triggers.ts";
import { mark, markOf, marks } from "./marks.ts";
import { attemptSpans } from "./own-attempts.ts";

export interface RunEventsDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly store: Pick<AutopilotStore, "attemptMarks">;
  /** The clock of the files' own times, which no other clock moves. */
  readonly fileClock?: Clock | undefined;
}

export interface RunEventsQuestion {
  readonly scope: ScopeConfig;
  readonly state: ScopeState;
  readonly cursors: readonly Cursor[];
  /** Whether signals of all runs count. */
  readonly runtimeEvents: boolean;
  /** Whether a failed judgement of the deployed run counts by itself. */
  readonly validity: boolean;
}

export interface Collected {
  readonly triggers: readonly Trigger[];
  readonly cursors: readonly Cursor[];
  readonly goneRuns?: readonly string[];
}

/** @throws AkcError STORE_DAMAGED, STORE_TOO_NEW, STORE_BUSY, PATH_UNSAFE; the reason of the signal */
export type CollectRunEvents = (question: RunEventsQuestion, signal: AbortSignal) => Promise<Collected>;

interface Looked {
  readonly stamp: string;
  /** What had to be stored for nothing to be left. */
  readonly cursors: readonly Cursor[];
  readonly reads: string;
}

export function createRunEvents(deps: RunEventsDeps): CollectRunEvents {
  const looked = new Map<string, Looked>();
  const absences = new Absences(deps.clock);
  const fileClock = deps.fileClock ?? systemClock;
  return async (question, signal) => {
    const { scopeRoot } = question.scope;
    const reads = `${question.runtimeEvents}:${question.validity}:${question.state.deployed?.runtimeRunId}`;
    const stamp = databaseStamp(scopeRoot);
    const last = looked.get(scopeRoot);
    if (last?.stamp === stamp.text && last.reads === reads && holds(question.cursors, last.cursors)) {
      return nothing;
    }
    const { collected, whole } =
      stamp.text === noDatabase ? emptyScope(question) : await read(question, deps, absences, signal);
    looked.delete(scopeRoot);
    if (whole && isSettled(stamp.changedAtMs, fileClock.nowMs())) {
      looked.set(scopeRoot, { stamp: stamp.text, cursors: collected.cursors, reads });
      if (looked.size > limits.autopilotScopesRememberedMax) looked.delete(looked.keys().next().value ?? "");
    }
    return collected;
  };
}

const nothing: Collected = { triggers: [], cursors: [] };

function holds(stored: readonly Cursor[], wanted: readonly Cursor[]): boolean {
  if (wanted.length === 0) return true;
  const at = new Map(stored.map(({ runtimeRunId, seq }) => [runtimeRunId, seq]));
  return wanted.every(({ runtimeRunId, seq }) => at.get(runtimeRunId) === seq);
}

interface Read {
  readonly collected: Collected;
  /** Nothing is left to read. */
  readonly whole: boolean;
}

function emptyScope({ cursors }: RunEventsQuestion): Read {
  const known = markOf(cursors, marks.runs) !== undefined;
  return { collected: { triggers: [], cursors: known ? [] : [mark(marks.runs, 1)] }, whole: true };
}

async function read(
  question: RunEventsQuestion,
  deps: RunEventsDeps,
  absences: Absences,
  signal: AbortSignal,
): Promise<Read> {
  const store = await openStore(question.scope.scopeRoot, { create: false });
  try {
    const heads = await store.runHeads();
    const at = new Map(question.cursors.map(({ runtimeRunId, seq }) => [runtimeRunId, seq]));
    const unread = heads
      .filter(({ runtimeRunId, lastSeq }) => lastSeq > (at.get(runtimeRunId) ?? 0))
      .reverse();
    if (!at.has(marks.runs)) {
      // What happened before anybody watched is no news; what stands is found by looking at it.
      const read = unread.map(({ runtimeRunId, lastSeq }) => ({ runtimeRunId, seq: lastSeq }));
      return { collected: { triggers: [], cursors: [...read, mark(marks.runs, 1)] }, whole: true };
    }
    const goneRuns = absences.long(question, new Set(heads.map(({ runtimeRunId }) => runtimeRunId)));
    const { collected, whole } = await readRuns(unread, at, store, question, deps, signal);
    return { collected: { ...collected, goneRuns }, whole };
  } finally {
    await store.close();
  }
}

async function readRuns(
  unread: readonly RunHead[],
  at: ReadonlyMap<string, number>,
  store: Store,
  question: RunEventsQuestion,
  deps: RunEventsDeps,
  signal: AbortSignal,
): Promise<Read> {
  const cursors: Cursor[] = [];
  const found = new Map<string, FoundSignal>();
  let left: number = limits.autopilotEventsPerVisit;
  for (const { runtimeRunId, lastSeq } of unread) {
    if (left === 0) break;
    signal.throwIfAborted();
    const reader = await store.openRun(runtimeRunId);
    try {
      const row = await reader.run();
      if (!isWanted(row, question)) {
        cursors.push({ runtimeRunId, seq: lastSeq });
        continue;
      }
      let seq = at.get(runtimeRunId) ?? 0;
      while (left > 0) {
        const page = await reader.events(seq, Math.min(left, limits.eventsPageMax));
        for (const event of page) sift(row, event, question, found);
        left -= page.length;
        seq = page.at(-1)?.seq ?? seq;
        if (page.length < Math.min(limits.eventsPageMax, page.length + left)) break;
        await Bun.sleep(0);
        signal.throwIfAborted();
      }
      cursors.push({ runtimeRunId, seq });
    } finally {
      await reader.close();
    }
  }
  const triggers = await triggersOf([...found.values()], question, deps);
  return { collected: { triggers, cursors }, whole: left > 0 };
}

/** A simulation shows nothing of the world. */
function isWanted({ context }: RunRow, { runtimeEvents, validity, state }: RunEventsQuestion): boolean {
  if (context.mode === "simulate") return false;
  return runtimeEvents || (validity && context.runtimeRunId === state.deployed?.runtimeRunId);
}

function sift(
  row: RunRow,
  event: StoredEvent,
  question: RunEventsQuestion,
  found: Map<string, FoundSignal>,
): void {
  if (!mayMatter(event)) return;
  if (!question.runtimeEvents && event.type !== eventTypes.validityAttested) return;
  const payload = parseJson(event.payload);
  if (!isJsonObject(payload)) return;
  const signal = signalOf({ type: event.type, payload });
  const key = standingTypes.has(event.type) ? `${event.type}\0${subjectOf(payload)}` : String(event.seq);
  const place = `${row.context.runtimeRunId}\0${key}`;
  // What stood badly and stands well since is history.
  found.delete(place);
  if (signal !== undefined) found.set(place, { row, event, signal });
}

function subjectOf({ resource_id: resourceId }: JsonObject): string {
  return typeof resourceId === "string" ? resourceId : "";
}

async function triggersOf(
  found: readonly FoundSignal[],
  { scope, state, validity }: RunEventsQuestion,
  { store, clock, ids }: RunEventsDeps,
): Promise<readonly Trigger[]> {
  if (found.length === 0) return [];
  const nowMs = clock.nowMs();
  const firstMs = Math.min(...found.map(({ event }) => event.atMs));
  const fromMs = firstMs - limits.autopilotAttemptLookBackMs;
  const marks = await store.attemptMarks(scope.scope, fromMs, Math.max(nowMs, state.atMs) + 1);
  return signalTriggers(found, {
    spans: attemptSpans(marks),
    state,
    validity,
    nowMs,
    newId: ids.runtimeRunId,
  });
}
