/**
 * `checkpoint.json`: where every node stands and how far the coordination plan came, for tools that know the old runtime.
 * akc itself never reads it: the database is the truth.
 *
 * Source: spec kernel §4.8.
 */
import { member } from "../bundle/member.ts";
import { prettyJson } from "../json/canonical.ts";
import { compareCodePoints } from "../json/order.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import { prettyAt } from "./pretty.ts";
import type { RunProgress } from "./progress.ts";
import { pendingQueue, type QueueSources } from "./queue.ts";
import { payloadAt } from "./wire-action.ts";

/** The file's text, in parts: a run of many nodes never stands in memory with all their results. */
export async function* checkpoint(progress: RunProgress, sources: QueueSources): AsyncGenerator<string> {
  const cursor = progress.lastPolledIndex < 0 ? "start" : `event:${progress.lastPolledIndex}`;
  yield `{\n  "checkpoint_id": ${prettyJson(progress.checkpointId)},\n  "cursor": ${prettyJson(cursor)},\n`;
  yield '  "node_states": ';
  yield* nodeStates(progress, sources);
  yield ',\n  "pending_queue": ';
  yield* pendingQueue(progress, sources);
  if (progress.replayToken !== undefined) yield `,\n  "replay_token": ${prettyJson(progress.replayToken)}`;
  yield "\n}";
}

async function* nodeStates(progress: RunProgress, sources: QueueSources): AsyncGenerator<string> {
  const initial = new Map(sources.facts.nodes.map((node) => [node.nodeId, node.initialState]));
  const coordination = "__coordination__";
  const keys = new Set([...initial.keys(), ...progress.nodes.keys()]);
  if (progress.layerCount !== undefined) keys.add(coordination);
  let count = 0;
  for (const key of [...keys].sort(compareCodePoints)) {
    const value =
      key === coordination && progress.layerCount !== undefined
        ? coordinationState(progress, progress.layerCount, sources)
        : await nodeState(key, initial.get(key), progress, sources);
    yield `${count === 0 ? "{\n" : ",\n"}    ${prettyJson(key)}: ${prettyAt(2, value)}`;
    count += 1;
  }
  yield count === 0 ? "{}" : "\n  }";
}

async function nodeState(
  nodeId: string,
  initial: string | undefined,
  progress: RunProgress,
  { reader }: QueueSources,
): Promise<JsonObject> {
  const reached = progress.nodes.get(nodeId);
  if (reached === undefined) return { state: initial ?? "ready" };
  const result: JsonValue = member(await payloadAt(reader, reached.seq), "result") ?? null;
  return { state: reached.state, last_action_id: reached.lastActionId, last_result: result };
}

function coordinationState(progress: RunProgress, layerCount: number, sources: QueueSources): JsonObject {
  const { facts, run } = sources;
  return {
    plan_enqueued: true,
    layer_count: layerCount,
    spec_fingerprint_sha256:
      progress.planSpecSha256 ?? run.coordinationSha256 ?? facts.coordination?.specSha256 ?? "",
    coordination_next_layer_to_enqueue: nextLayer(progress, layerCount, sources),
    coordination_step_outputs: Object.fromEntries(progress.stepOutputs),
    coordination_step_terminal: Object.fromEntries(progress.stepEnds),
  };
}

/** The first layer with a step that was neither started nor settled; the plan's length when there is none. */
function nextLayer(progress: RunProgress, layerCount: number, { facts }: QueueSources): number {
  const begun = new Set(progress.stepEnds.map(([stepId]) => stepId));
  for (const row of [...progress.inFlight, ...progress.queued])
    if (row.stepId !== null) begun.add(row.stepId);
  const layers = facts.coordination?.layers;
  if (layers === undefined) return begun.size === 0 ? 0 : layerCount;
  const open = layers.findIndex((layer) => layer.some((stepId) => !begun.has(stepId)));
  return open < 0 ? layerCount : open;
}
