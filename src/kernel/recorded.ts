/**
 * Reads back what an event says happened: the one decoder of the kernel's payloads, for whoever folds a run's history again.
 * Pure, and a border: a payload that does not say what its type must say becomes `malformed`, never a crash.
 *
 * Source: spec kernel §6; `wire.ts` writes what is read here.
 */
import type { ArtifactRef, FileRef } from "../adapters/contract.ts";
import { member, objectAt } from "../bundle/member.ts";
import { AkcError } from "../errors.ts";
import { RowReader } from "../evidence/text/row-reader.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import {
  artifactRef,
  count,
  digest,
  LacksMember,
  object,
  optionalRef,
  optionalText,
  text,
  texts,
} from "./payload-members.ts";
import { type ReconcileFact, reconcileDecoders } from "./recorded-reconcile.ts";
import { type ValidityFact, validityDecoders } from "./recorded-validity.ts";
import { eventTypes } from "./wire.ts";

/** What an event of `type` says, or that it does not say it. `actionId` is the action's whole name in the run. */
export type RecordedFact =
  | ({ readonly kind: "allowed"; readonly nodeId: string } & Attempt)
  | ({
      readonly kind: "completed";
      /** null when nothing was put out. */
      readonly output: ArtifactRef | null;
      readonly withoutEffect: boolean;
      readonly toState: string | undefined;
      readonly cost?: JsonObject;
      /** Absent where it left none. */
      readonly files?: readonly FileRef[];
      /** As the adapter reported them, secrets taken out. */
      readonly outputs: JsonObject;
    } & Concluded)
  | ({
      readonly kind: "retried";
      /** Milliseconds since the epoch. */
      readonly dueAtMs: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly error: string;
      readonly errorCode: string | undefined;
      readonly cost?: JsonObject;
    } & Concluded)
  | ({
      readonly kind: "dead_lettered";
      readonly reason: string;
      readonly error: string;
      readonly errorCode: string | undefined;
      /** What the last attempt put out before it was given up. */
      readonly output: ArtifactRef | null;
      readonly cost?: JsonObject;
    } & Concluded)
  | {
      readonly kind: "blocked";
      readonly actionId: string;
      readonly nodeId: string;
      readonly stepId?: string;
      readonly by: readonly string[];
      readonly reason: string;
    }
  | {
      readonly kind: "cancelled";
      readonly actionId: string;
      readonly nodeId: string;
      readonly reason: string;
    }
  | ({ readonly kind: "interrupted"; readonly nodeId: string } & Attempt)
  | ({
      readonly kind: "suspended";
      readonly nodeId: string;
      readonly signal: string | null;
      readonly approval: boolean;
      readonly dueAtMs: number | null;
    } & Attempt)
  | {
      readonly kind: "signal_received";
      readonly actionId: string;
      readonly signalId: string;
      readonly name: string;
      readonly payload: ArtifactRef;
    }
  | { readonly kind: "plan_enqueued"; readonly layerCount: number; readonly specSha256: string }
  | { readonly kind: "started"; readonly nodeCount: number }
  | { readonly kind: "resumed"; readonly generation: number; readonly reopened: readonly string[] }
  | {
      readonly kind: "rerun";
      readonly generation: number;
      readonly from: readonly string[];
      readonly actionIds: readonly string[];
    }
  | {
      readonly kind: "finished";
      readonly status: string;
      /** Absent in histories of the old runtime. */
      readonly outcome: string | undefined;
      readonly lastError: string | undefined;
      readonly decisionCount: number | undefined;
      readonly decisionsSha256: string | undefined;
    }
  | { readonly kind: "failed"; readonly error: string; readonly errorCode: string }
  | { readonly kind: "budget_exceeded"; readonly error: string; readonly errorCode: string }
  | { readonly kind: "event_refused"; readonly eventSeq: number; readonly reason: string }
  | { readonly kind: "stop_requested" }
  | { readonly kind: "deadline_exceeded" }
  | { readonly kind: "evidence_missing"; readonly missing: readonly string[] }
  | ValidityFact
  | ReconcileFact
  | { readonly kind: "malformed"; readonly fault: string };

interface Attempt {
  readonly actionId: string;
  /** Counts from 1; 0 when the action was given up before it was ever allowed. */
  readonly attempt: number;
}

interface Concluded extends Attempt {
  readonly nodeId: string;
  /** Absent on actions that are no coordination step. */
  readonly stepId?: string;
}

/** The texts of one run are alike from event to event, and so are those of any other. Only remembers how texts look. */
const payloads = new RowReader();

/** The fact; undefined for events that move nothing (what an adapter, a resource or somebody else noted). */
export function recordedFact(event: {
  readonly type: string;
  readonly payload: string;
}): RecordedFact | undefined {
  const decode = decoders.get(event.type);
  if (decode === undefined) return undefined;
  try {
    const payload = payloads.read(event.payload);
    if (!isJsonObject(payload)) return { kind: "malformed", fault: "the payload is not an object" };
    return decode(payload);
  } catch (cause) {
    if (cause instanceof LacksMember) return { kind: "malformed", fault: cause.message };
    if (cause instanceof AkcError)
      return { kind: "malformed", fault: `the payload is not JSON: ${cause.message}` };
    throw cause;
  }
}

type Decode = (payload: JsonObject) => RecordedFact;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  [
    eventTypes.allowed,
    (payload) => ({ kind: "allowed", ...attemptOf(payload), nodeId: text(payload, "node_id") }),
  ],
  [eventTypes.completed, completed],
  [eventTypes.retried, retried],
  [eventTypes.deadLettered, deadLettered],
  [eventTypes.stepBlocked, blocked],
  [eventTypes.blocked, blocked],
  [eventTypes.cancelled, cancelled],
  [
    eventTypes.interrupted,
    (payload) => ({ kind: "interrupted", ...attemptOf(payload), nodeId: text(payload, "node_id") }),
  ],
  [eventTypes.waitStarted, suspended],
  [eventTypes.signalReceived, signalReceived],
  [
    eventTypes.planEnqueued,
    (payload) => ({
      kind: "plan_enqueued",
      layerCount: count(payload, "layer_count"),
      specSha256: text(payload, "coordination_spec_sha256"),
    }),
  ],
  [eventTypes.started, (payload) => ({ kind: "started", nodeCount: count(payload, "node_count") })],
  [
    eventTypes.resumed,
    (payload) => ({
      kind: "resumed",
      generation: count(payload, "generation"),
      reopened: texts(payload, "reopened"),
    }),
  ],
  [
    eventTypes.rerun,
    (payload) => ({
      kind: "rerun",
      generation: count(payload, "generation"),
      from: texts(payload, "from"),
      actionIds: texts(payload, "action_ids"),
    }),
  ],
  [eventTypes.loopFinished, finished],
  [eventTypes.failed, (payload) => ({ kind: "failed", ...fault(payload) })],
  [eventTypes.budgetExceeded, (payload) => ({ kind: "budget_exceeded", ...fault(payload) })],
  [
    eventTypes.eventRefused,
    (payload) => ({
      kind: "event_refused",
      eventSeq: count(payload, "event_seq"),
      reason: text(payload, "reason"),
    }),
  ],
  [eventTypes.stopRequested, () => ({ kind: "stop_requested" })],
  [eventTypes.deadlineExceeded, () => ({ kind: "deadline_exceeded" })],
  [
    eventTypes.evidenceMissing,
    (payload) => ({ kind: "evidence_missing", missing: texts(payload, "missing") }),
  ],
  ...validityDecoders,
  ...reconcileDecoders,
]);

function completed(payload: JsonObject): RecordedFact {
  const result = object(payload, "result");
  const cost = member(result, "cost");
  const outputs = objectAt(result, "outputs");
  const files = member(result, "file_refs");
  return {
    kind: "completed",
    ...outcomeOf(payload),
    output: outputOf(result),
    ...(isJsonArray(files) ? { files: files.map(fileRef) } : {}),
    outputs,
    withoutEffect: member(outputs, "effect") === "none",
    toState: optionalText(objectAt(payload, "transition"), "to_state"),
    ...(isJsonObject(cost) ? { cost } : {}),
  };
}

function retried(payload: JsonObject): RecordedFact {
  const cost = member(payload, "cost");
  return {
    kind: "retried",
    ...outcomeOf(payload),
    dueAtMs: count(payload, "due_at_ms"),
    delayMs: count(payload, "delay_ms"),
    reason: text(payload, "reason"),
    error: optionalText(payload, "error") ?? "",
    errorCode: optionalText(payload, "error_code"),
    ...(isJsonObject(cost) ? { cost } : {}),
  };
}

function deadLettered(payload: JsonObject): RecordedFact {
  const result = objectAt(payload, "result");
  const cost = member(result, "cost");
  return {
    kind: "dead_lettered",
    ...outcomeOf(payload),
    reason: text(payload, "reason"),
    error: optionalText(payload, "error") ?? "",
    errorCode: optionalText(payload, "error_code"),
    output: outputOf(result),
    ...(isJsonObject(cost) ? { cost } : {}),
  };
}

function blocked(payload: JsonObject): RecordedFact {
  const stepId = optionalText(payload, "graph_step_id");
  return {
    kind: "blocked",
    actionId: text(payload, "action_id"),
    nodeId: text(payload, "node_id"),
    ...(stepId === undefined ? {} : { stepId }),
    by: texts(payload, "by"),
    reason: text(payload, "reason"),
  };
}

function cancelled(payload: JsonObject): RecordedFact {
  const action = objectAt(payload, "action");
  return {
    kind: "cancelled",
    actionId: optionalText(payload, "action_id") ?? text(action, "action_id"),
    nodeId: optionalText(payload, "node_id") ?? text(objectAt(action, "node_ref"), "node_id"),
    reason: text(payload, "reason"),
  };
}

function suspended(payload: JsonObject): RecordedFact {
  return {
    kind: "suspended",
    ...attemptOf(payload),
    nodeId: text(payload, "node_id"),
    signal: member(payload, "signal") === null ? null : text(payload, "signal"),
    approval: member(payload, "approval") === true,
    dueAtMs: member(payload, "due_at_ms") === null ? null : count(payload, "due_at_ms"),
  };
}

function signalReceived(payload: JsonObject): RecordedFact {
  return {
    kind: "signal_received",
    actionId: text(payload, "action_id"),
    signalId: text(payload, "signal_id"),
    name: text(payload, "name"),
    payload: { sha256: digest(payload, "payload_sha256"), sizeBytes: count(payload, "size_bytes") },
  };
}

function finished(payload: JsonObject): RecordedFact {
  return {
    kind: "finished",
    status: text(payload, "terminal_status"),
    outcome: optionalText(payload, "outcome"),
    lastError: optionalText(payload, "last_error"),
    decisionCount: asDouble(member(payload, "decision_count")),
    decisionsSha256: optionalText(payload, "decisions_sha256"),
  };
}

function fault(payload: JsonObject): { readonly error: string; readonly errorCode: string } {
  return { error: optionalText(payload, "error") ?? "", errorCode: text(payload, "error_code") };
}

/** On events that hold the action's two names only. */
function attemptOf(payload: JsonObject): Attempt {
  return { actionId: text(payload, "action_id"), attempt: count(payload, "attempt") };
}

/** On events that hold the whole action. */
function outcomeOf(payload: JsonObject): Concluded {
  const action = object(payload, "action");
  const stepId = optionalText(objectAt(action, "policy_context"), "coordination_step_id");
  return {
    actionId: text(action, "action_id"),
    nodeId: text(object(action, "node_ref"), "node_id"),
    ...(stepId === undefined ? {} : { stepId }),
    attempt: asDouble(member(payload, "attempt")) ?? 0,
  };
}

function fileRef(item: JsonValue): FileRef {
  if (!isJsonObject(item)) throw new LacksMember("file_refs holds something else than objects");
  return { path: text(item, "path"), ...artifactRef(item) };
}

function outputOf(result: JsonObject): ArtifactRef | null {
  return optionalRef(result, "output_ref");
}
