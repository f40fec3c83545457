/**
 * Turns stored events into what is shown: the documented event shape, with the telemetry that is the same for a whole run
 * or follows from another event added. Feed it a run's events in order from the first; it keeps only what is under way.
 *
 * Source: spec kernel §6, §4.7; kernel:W-4 (the event's number ends its id, so no two events share one).
 */
import { member, objectAt, textAt } from "../bundle/member.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { NewEvent, RunRow } from "../store/contract.ts";
import type { BundleFacts } from "./facts.ts";
import { RowReader } from "./text/row-reader.ts";
import { RowFingerprint } from "./text/row-writer.ts";

/** The action that an event is about, as its payload tells. */
export interface EventAction {
  readonly actionId: string;
  readonly actionType: string;
  readonly nodeId: string;
  readonly inputsFingerprint: string;
  readonly idempotencyKey: string;
  /** Present on coordination steps only. */
  readonly step?: { readonly stepId: string; readonly roleId: string; readonly specSha256: string };
}

/** How an event is referred to. */
export interface EventMark {
  readonly eventId: string;
  /** Follows from the id: 16 hex digits. */
  readonly spanId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface ProjectedEvent extends EventMark {
  readonly seq: number;
  readonly type: string;
  /** As stored, with telemetry. */
  readonly payload: JsonObject;
  readonly action?: EventAction;
  readonly result?: JsonObject;
  /** The `policy_allowed` event of this attempt. */
  readonly allowed?: EventMark;
}

/** An event as it stands in `events.json`; the payload has the documented keys of its type. */
export interface EventJson {
  /** Whose run it is (spec kernel §4.1). */
  readonly context: JsonObject;
  readonly event_id: string;
  readonly event_type: string;
  readonly payload: JsonObject;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly [key: string]: JsonValue;
}

/** The types after which an action is no longer under way. */
const attemptEnds: ReadonlySet<string> = new Set([
  "runtime.action.completed",
  "runtime.action.retried",
  "runtime.action.dead_lettered",
  "runtime.action.replayed",
  "runtime.action.cancelled",
]);
const withParent: ReadonlySet<string> = new Set(["runtime.action.completed", "runtime.action.dead_lettered"]);

export class EventProjector {
  readonly #run: RunRow;
  readonly #facts: BundleFacts;
  readonly #context: JsonObject;
  readonly #payloads = new RowReader();
  readonly #results = new RowFingerprint();
  readonly #underWay = new Map<string, EventMark>();
  readonly #constant: JsonObject;

  constructor(run: RunRow, facts: BundleFacts) {
    this.#run = run;
    this.#facts = facts;
    this.#context = contextJson(run);
    const { coordination } = facts;
    this.#constant = {
      policy_envelope_sha256: facts.policyEnvelopeSha256,
      ...(coordination === undefined
        ? {}
        : {
            ...(coordination.orchestrationSha256 === undefined
              ? {}
              : { orchestration_spec_sha256: coordination.orchestrationSha256 }),
            coordination_spec_version: coordination.specVersion,
            lowered_precedence_hash: coordination.loweredPrecedenceSha256,
          }),
    };
  }

  project(event: NewEvent): ProjectedEvent {
    const { seq, type, atMs } = event;
    const stored = this.#payloadOf(event);
    const eventId = eventIdOf(this.#run.context.runtimeRunId, type, atMs, seq);
    const mark: EventMark = { eventId, spanId: spanIdOf(eventId), atMs };
    if (type === "runtime.action.policy_allowed") {
      const actionId = textAt(stored, "action_id");
      if (actionId !== undefined) this.#underWay.set(actionId, mark);
      return { seq, type, ...mark, payload: stored };
    }
    if (type === "runtime.action.interrupted") {
      const actionId = textAt(stored, "action_id");
      if (actionId !== undefined) this.#underWay.delete(actionId);
    }
    const action = this.#actionOf(stored);
    if (action === undefined) {
      const isPlan = type === "runtime.coordination.plan_enqueued";
      const payload = isPlan ? { ...this.#constant, otel_trace: this.#otelTrace(mark), ...stored } : stored;
      return { seq, type, ...mark, payload };
    }
    const allowed = this.#underWay.get(action.actionId);
    if (attemptEnds.has(type)) this.#underWay.delete(action.actionId);
    const result = member(stored, "result");
    const parent = withParent.has(type) ? allowed : undefined;
    return {
      seq,
      type,
      ...mark,
      payload: action.step === undefined ? stored : this.#withTelemetry(stored, action, mark, parent),
      action,
      ...(isJsonObject(result) ? { result } : {}),
      ...(allowed === undefined ? {} : { allowed }),
    };
  }

  /** The event as every consumer knows it. */
  wire(event: ProjectedEvent): EventJson {
    return {
      context: this.#context,
      event_id: event.eventId,
      event_type: event.type,
      payload: event.payload,
      timestamp: event.atMs,
    };
  }

  #payloadOf(event: NewEvent): JsonObject {
    const payload = this.#payloads.read(event.payload);
    return isJsonObject(payload) ? payload : { value: payload };
  }

  #actionOf(payload: JsonObject): EventAction | undefined {
    const action = member(payload, "action");
    if (!isJsonObject(action)) return undefined;
    const context = objectAt(action, "policy_context");
    const stepId = textAt(context, "coordination_step_id");
    return {
      actionId: textAt(action, "action_id") ?? "",
      actionType: textAt(action, "action_type") ?? "",
      nodeId: textAt(objectAt(action, "node_ref"), "node_id") ?? "",
      inputsFingerprint: textAt(action, "inputs_fingerprint") ?? "",
      idempotencyKey: textAt(action, "idempotency_key") ?? "",
      ...(stepId === undefined
        ? {}
        : {
            step: {
              stepId,
              roleId: textAt(context, "coordination_role_id") ?? "",
              specSha256:
                textAt(context, "coordination_spec_sha256") ?? this.#facts.coordination?.specSha256 ?? "",
            },
          }),
    };
  }

  #withTelemetry(
    stored: JsonObject,
    action: EventAction,
    mark: EventMark,
    parent: EventMark | undefined,
  ): JsonObject {
    const context = objectAt(objectAt(stored, "action"), "policy_context");
    const telemetry: Record<string, JsonValue> = {
      ...this.#constant,
      otel_trace: this.#otelTrace(mark, parent),
      input_sha256: action.inputsFingerprint.toLowerCase(),
    };
    if (action.step !== undefined) {
      telemetry["graph_step_id"] = action.step.stepId;
      telemetry["role_id"] = action.step.roleId;
      telemetry["coordination_spec_sha256"] = action.step.specSha256;
    }
    const result = member(stored, "result");
    if (isJsonObject(result)) telemetry["output_sha256"] = this.#results.of(result);
    if (parent !== undefined) telemetry["parent_event_id"] = parent.eventId;
    for (const [key, source] of copiedFromContext) {
      const value = textAt(context, source);
      if (value !== undefined) telemetry[key] = value;
    }
    // What was stored was true when it happened; it wins over what is worked out now.
    return { ...telemetry, ...stored };
  }

  #otelTrace({ spanId }: EventMark, parent?: EventMark): JsonObject {
    return {
      trace_id: this.#run.traceId,
      span_id: spanId,
      ...(parent === undefined ? {} : { parent_span_id: parent.spanId }),
    };
  }
}

const copiedFromContext = [
  ["coordination_edge_kind", "coordination_edge_kind"],
  ["handoff_id", "coordination_handoff_id"],
  ["delegate_kind", "coordination_delegate_kind"],
  ["lowered_precedence_hash", "coordination_lowered_precedence_hash"],
] as const;

/** The documented prefix and the event's number. */
export function eventIdOf(runtimeRunId: string, type: string, atMs: number, seq: number): string {
  return `${runtimeRunId}:${type}:${atMs}:${seq}`;
}

/** 16 hex digits, the same for the same id. */
export function spanIdOf(id: string): string {
  return Bun.SHA256.hash(id, "hex").slice(0, 16);
}

/** Source: spec kernel §4.1. */
function contextJson(run: RunRow): JsonObject {
  const { scope, runId, runtimeRunId, mode, adapterId } = run.context;
  return {
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    run_id: runId,
    runtime_run_id: runtimeRunId,
    policy_mode: mode,
    adapter_id: adapterId,
  };
}
