/**
 * Finds the JSON of an action that is queued or under way: in the last event that holds it, else made of what is known.
 * Reads events by number only; never scans them.
 *
 * Source: spec kernel §4.4, §12.4.
 */
import { member, objectAt } from "../bundle/member.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { ActionRow, RunReader, RunRow } from "../store/contract.ts";
import type { BundleFacts } from "./facts.ts";

/** The payload of an event, or an empty object when there is no such event. */
export async function payloadAt(reader: RunReader, seq: number): Promise<JsonObject> {
  const text = await reader.payloadAt(seq);
  const payload = text === null ? undefined : parseJson(text);
  return isJsonObject(payload) ? payload : {};
}

/** The action of a row whose last event is `payload`. */
export function wireAction(row: ActionRow, payload: JsonObject, run: RunRow, facts: BundleFacts): JsonObject {
  const told = member(payload, "action");
  if (isJsonObject(told)) return told;
  const node = facts.nodes.find((candidate) => candidate.nodeId === row.nodeId);
  const kind = node?.kind ?? "unknown";
  const action: Record<string, JsonValue> = {
    action_id: row.actionId,
    action_type: row.stepId === null ? `${kind}.execute` : "coordination.step",
    node_ref: { node_id: row.nodeId, kind, contract_id: node?.contractId ?? "unknown" },
  };
  const specSha256 = run.coordinationSha256 ?? facts.coordination?.specSha256;
  if (row.stepId !== null && specSha256 !== undefined) {
    action["idempotency_key"] = fingerprint({
      coordination: true,
      runtime_run_id: run.context.runtimeRunId,
      step_id: row.stepId,
      layer: layerOf(row.actionId),
      spec_sha256: specSha256,
    });
  }
  return action;
}

/** `coordination:<step>:<layer>` ends with the layer; anything else stands in layer 0. */
export function layerOf(actionId: string): number {
  if (!actionId.startsWith("coordination:")) return 0;
  const layer = Number(actionId.slice(actionId.lastIndexOf(":") + 1));
  return Number.isSafeInteger(layer) ? layer : 0;
}

/** The kind of node that an action's JSON names. */
export function nodeClassOf(action: JsonObject): string {
  if (member(action, "action_type") === "coordination.step") return "coordination";
  const kind = member(objectAt(action, "node_ref"), "kind");
  return typeof kind === "string" && kind !== "" ? kind : "default";
}
