/**
 * `checkpoint.json`: where every node stands and how far the coordination plan came, for tools that know the old runtime.
 * akc itself never reads it: the database is the truth.
 *
 * Source: spec kernel §4.8.
 */
import { member } from "../bundle/member.ts";
import { prettyJson } from "../json/canonical.ts";
import { compareCodePoints, sortedByCodePoint } from "../json/order.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { RunProgress, StepProgress } from "./progress.ts";
import { pendingQueue, type QueueSources } from "./queue.ts";
import { scalarText } from "./text/block.ts";
import { prettyAt } from "./text/pretty.ts";
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
  const keys = new Set([...initial.keys(), ...progress.nodes.keys()]);
  if (progress.layerCount !== undefined) keys.add(coordinationKey);
  let separator = "{\n    ";
  for (const key of sortedByCodePoint([...keys])) {
    yield `${separator}${prettyJson(key)}: `;
    separator = ",\n    ";
    if (key === coordinationKey && progress.layerCount !== undefined) {
      yield* coordinationState(progress, progress.layerCount, sources);
    } else {
      yield prettyAt(2, await nodeState(key, initial.get(key), progress, sources));
    }
  }
  yield keys.size === 0 ? "{}" : "\n  }";
}

/** Reserved among the node ids. */
const coordinationKey = "__coordination__";

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

/** Its two maps have an entry a step, so they are written an entry at a time. */
function* coordinationState(
  progress: RunProgress,
  layerCount: number,
  sources: QueueSources,
): Generator<string> {
  const { facts, run } = sources;
  const specSha256 =
    progress.planSpecSha256 ?? run.coordinationSha256 ?? facts.coordination?.specSha256 ?? "";
  const steps = progress.steps.toSorted((left, right) => compareCodePoints(left.stepId, right.stepId));
  yield `{\n      "coordination_next_layer_to_enqueue": ${nextLayer(progress, layerCount, sources)},\n`;
  yield '      "coordination_step_outputs": ';
  yield* stepMap(steps, (step) => step.outputSha256);
  yield ',\n      "coordination_step_terminal": ';
  yield* stepMap(steps, (step) => step.end);
  yield `,\n      "layer_count": ${layerCount},\n      "plan_enqueued": true,\n`;
  yield `      "spec_fingerprint_sha256": ${prettyJson(specSha256)}\n    }`;
}

/** In parts of many entries: with one for each, handing them on would take longer than writing them. */
function* stepMap(
  steps: readonly StepProgress[],
  valueFor: (step: StepProgress) => string | null,
): Generator<string> {
  let separator = "{\n        ";
  let text = "";
  for (const step of steps) {
    const value = valueFor(step);
    if (value === null) continue;
    text += `${separator}${scalarText(step.stepId, "pretty")}: ${scalarText(value, "pretty")}`;
    separator = ",\n        ";
    if (text.length < partChars) continue;
    yield text;
    text = "";
  }
  yield separator.startsWith("{") ? "{}" : `${text}\n      }`;
}

const partChars = 64 * 1024;

/** The first layer with a step that was neither started nor settled; the plan's length when there is none. */
function nextLayer(progress: RunProgress, layerCount: number, { facts }: QueueSources): number {
  const begun = new Set(progress.steps.map((step) => step.stepId));
  for (const row of [...progress.inFlight, ...progress.queued])
    if (row.stepId !== null) begun.add(row.stepId);
  const layers = facts.coordination?.layers;
  if (layers === undefined) return begun.size === 0 ? 0 : layerCount;
  const open = layers.findIndex((layer) => layer.some((stepId) => !begun.has(stepId)));
  return open < 0 ? layerCount : open;
}
