/**
 * The action of an item as it goes over the wire, with its fingerprint and idempotency key; and what is handed to it.
 * The idempotency key is the same for every attempt, and another one for each time that a step is run again on request.
 *
 * Source: spec kernel §9.5 (event actions), §12.4 (steps).
 */
import type { ArtifactRef, ArtifactStore, FileRef, Handoff, RuntimeAction } from "../adapters/contract.ts";
import { stepAction } from "../coordination/step.ts";
import { AkcError } from "../errors.ts";
import { fingerprint, sha256Hex } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import type { Item } from "./model.ts";

const noDigests: ReadonlyMap<string, string> = new Map();

/** What a step without output hands over: the empty content. */
export const emptyOutput: ArtifactRef = { sha256: sha256Hex(""), sizeBytes: 0 };

export interface StepOutputs {
  /** Output of a step that has succeeded. */
  outputOf(stepId: string): ArtifactRef | undefined;
  /** What else such a step left; kept for steps alone of which others name files or values. */
  leftBy(stepId: string): LeftByStep | undefined;
}

export interface LeftByStep {
  readonly files: readonly FileRef[];
  /** The small outputs that others may name, secrets taken out. */
  readonly values: JsonObject;
}

const namedValues = ["exit_code", "http_status_code", "signal", "sender"];

export function leftByStep(outputs: JsonObject, files: readonly FileRef[] = []): LeftByStep {
  return {
    files,
    values: Object.fromEntries(Object.entries(outputs).filter(([key]) => namedValues.includes(key))),
  };
}

interface ActionInput {
  readonly runtimeRunId: string;
  readonly specSha256: string;
  readonly outputs: Pick<StepOutputs, "outputOf">;
}

export function actionOf(item: Item, input: ActionInput): RuntimeAction {
  const action = firstAction(item, input);
  if (item.generation === 0) return action;
  // Whoever remembers the key of an earlier generation must not answer with what came of that one.
  const { idempotencyKey } = action;
  return {
    ...action,
    idempotencyKey: fingerprint({ generation: item.generation, idempotency_key: idempotencyKey }),
  };
}

function firstAction(item: Item, input: ActionInput): RuntimeAction {
  const { step, trigger, node } = item;
  if (step !== undefined) {
    const handoffDigests =
      step.handoffFrom.length === 0
        ? noDigests
        : new Map(step.handoffFrom.map((id) => [id, (input.outputs.outputOf(id) ?? emptyOutput).sha256]));
    return stepAction(step, {
      runtimeRunId: input.runtimeRunId,
      specSha256: input.specSha256,
      node,
      handoffDigests,
    });
  }
  if (trigger === undefined)
    throw new AkcError("INTERNAL", { message: `${item.actionId} has neither step nor trigger` });
  return {
    actionId: item.actionId,
    actionType: `${node.kind}.execute`,
    nodeId: node.nodeId,
    nodeKind: node.kind,
    contractId: node.contractId,
    inputsFingerprint: fingerprint({ payload: trigger.payload }),
    idempotencyKey: fingerprint({ event_id: trigger.eventId, node_id: node.nodeId }),
  };
}

export function handoffsOf(item: Item, outputs: StepOutputs, artifacts: ArtifactStore): readonly Handoff[] {
  if (item.step === undefined || item.step.handoffFrom.length === 0) return [];
  return item.step.handoffFrom.map((stepId) => {
    const ref = outputs.outputOf(stepId) ?? emptyOutput;
    // The empty output of a step that put nothing out was never stored.
    const read = async () => (ref.sizeBytes === 0 ? new Uint8Array() : artifacts.read(ref.sha256));
    const files = outputs.leftBy(stepId)?.files;
    return { stepId, ...ref, read, ...(files === undefined ? {} : { files }) };
  });
}
