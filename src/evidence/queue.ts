/**
 * `queue_snapshot.json`: what waits for another try, what was under way, and what was given up.
 *
 * Source: spec kernel §7.5.
 */

import { member, textAt } from "../bundle/member.ts";
import { asDouble, type JsonObject } from "../json/value.ts";
import type { ActionRow, RunReader, RunRow } from "../store/contract.ts";
import type { BundleFacts } from "./facts.ts";
import type { DeadLetter, RunProgress } from "./progress.ts";
import { ArrayText } from "./text/pretty.ts";
import { layerOf, nodeClassOf, payloadAt, wireAction } from "./wire-action.ts";

export interface QueueSources {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly facts: BundleFacts;
}

/** The file's text, in parts. */
export async function* queueSnapshot(progress: RunProgress, sources: QueueSources): AsyncGenerator<string> {
  yield '{\n  "dead_letters": ';
  yield* list(progress.deadLetters.toSorted(byTimeThenId), (letter) => deadLetter(letter, sources));
  yield ',\n  "in_flight": ';
  yield* list(progress.inFlight, (row) => queueEntry(row, sources));
  yield ',\n  "queued": ';
  yield* list(progress.queued, (row) => queueEntry(row, sources));
  yield "\n}";
}

/** The actions of the checkpoint's `pending_queue`, in parts. */
export async function* pendingQueue(progress: RunProgress, sources: QueueSources): AsyncGenerator<string> {
  yield* list(progress.queued, async (row) =>
    wireAction(row, await payloadAt(sources.reader, row.seq), sources.run, sources.facts),
  );
}

async function queueEntry(row: ActionRow, { reader, run, facts }: QueueSources): Promise<JsonObject> {
  const event = await reader.eventAt(row.seq);
  const payload = await payloadAt(reader, row.seq);
  const action = wireAction(row, payload, run, facts);
  const sinceMs = event?.atMs ?? run.startedAtMs;
  return {
    action,
    priority: layerOf(row.actionId),
    enqueue_ts: sinceMs,
    node_class: nodeClassOf(action),
    // Of the wire they count from 0: the tries before the one that waits or runs.
    attempt: row.phase === "running" ? Math.max(0, row.attempt - 1) : row.attempt,
    available_at: asDouble(member(payload, "due_at_ms")) ?? sinceMs,
  };
}

async function deadLetter(letter: DeadLetter, { reader, run, facts }: QueueSources): Promise<JsonObject> {
  const payload = await payloadAt(reader, letter.seq);
  const row: ActionRow = {
    actionId: letter.actionId,
    nodeId: "unknown",
    stepId: null,
    phase: "failed",
    attempt: 0,
    seq: letter.seq,
    outputSha256: null,
  };
  const action = wireAction(row, payload, run, facts);
  return {
    action,
    reason: textAt(payload, "reason") ?? "backend_error",
    attempts: asDouble(member(payload, "attempt")) ?? 1,
    error: textAt(payload, "error") ?? null,
    dead_lettered_at: letter.atMs,
    node_class: nodeClassOf(action),
  };
}

async function* list<Item>(
  items: readonly Item[],
  toJson: (item: Item) => Promise<JsonObject>,
): AsyncGenerator<string> {
  const array = new ArrayText(1);
  for (const item of items) yield array.item(await toJson(item));
  yield array.end();
}

function byTimeThenId(left: DeadLetter, right: DeadLetter): number {
  if (left.atMs !== right.atMs) return left.atMs - right.atMs;
  return left.actionId < right.actionId ? -1 : 1;
}
