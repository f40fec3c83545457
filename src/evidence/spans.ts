/**
 * Trace spans of a run, worked out from its events. Ids follow from event ids, so that the same events always give the
 * same spans, and a step's audit span is the child of the span of the attempt that did it. Pure.
 *
 * Source: spec kernel §9.10, §13.2; kernel:W-21, cli:W-37.
 */
import { member, objectAt, textAt } from "../bundle/member.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { RunRow } from "../store/contract.ts";
import { type ProjectedEvent, spanIdOf } from "./project.ts";

/** Source: spec kernel §8 (trace span JSON). */
export interface Span {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id: string | null;
  readonly name: string;
  readonly kind: "internal";
  readonly start_time_unix_nano: bigint;
  readonly end_time_unix_nano: bigint;
  readonly attributes: JsonObject | null;
  readonly status: "ok" | "error";
  readonly [key: string]: JsonValue;
}

const names: Readonly<Record<string, string>> = {
  "runtime.action.completed": "runtime.action.execute",
  "runtime.action.retried": "runtime.action.retry",
  "runtime.action.dead_lettered": "runtime.action.dead_lettered",
  "runtime.action.replayed": "runtime.action.replayed",
  "runtime.action.cancelled": "runtime.action.cancelled",
};

const unhappyOutcomes: ReadonlySet<string> = new Set(["failed", "blocked", "exhausted"]);

export class Spans {
  readonly #run: RunRow;
  readonly #kernelSpanId: string;
  #nodeCount: JsonValue = 0;

  constructor(run: RunRow) {
    this.#run = run;
    this.#kernelSpanId = spanIdOf(`${run.context.runtimeRunId}:runtime.kernel.run`);
  }

  /** The span that an event ends, if it ends one. Call it with every event, in order. */
  span(event: ProjectedEvent): Span | undefined {
    if (event.type === "runtime.kernel.started") this.#nodeCount = member(event.payload, "node_count") ?? 0;
    if (event.type === "runtime.kernel.loop_finished") return this.#kernelSpan(event);
    const name = names[event.type];
    return name === undefined || event.action === undefined ? undefined : this.#actionSpan(name, event);
  }

  /** The audit's own span of a step, without duration. */
  auditSpan(event: ProjectedEvent, record: JsonObject): Span {
    const attributes: Record<string, JsonValue> = {
      "akc.coordination.event_id": event.eventId,
      "akc.coordination.role_id": member(record, "role_id") ?? "",
      "akc.coordination.graph_step_id": member(record, "graph_step_id") ?? "",
      "akc.coordination.action_id": member(record, "action_id") ?? "",
    };
    for (const [name, key] of auditAttributes) {
      const value = member(record, key);
      if (value !== undefined) attributes[`akc.coordination.${name}`] = value;
    }
    return this.#made({
      span_id: event.spanId,
      parent_span_id: event.allowed?.spanId ?? this.#kernelSpanId,
      name: `akc.coordination.${event.type}`,
      startMs: event.atMs,
      endMs: event.atMs,
      attributes,
      status: statusOf(event),
    });
  }

  #actionSpan(name: string, event: ProjectedEvent): Span {
    const { action, payload, allowed, atMs } = event;
    const reason = textAt(payload, "reason");
    const toState = textAt(objectAt(payload, "transition"), "to_state");
    return this.#made({
      // The attempt's span is named after the event that allowed it: that is what the audit calls the parent.
      span_id: allowed?.spanId ?? spanIdOf(`${event.eventId}:span`),
      parent_span_id: this.#kernelSpanId,
      name,
      startMs: allowed?.atMs ?? atMs,
      endMs: atMs,
      attributes: {
        action_id: action?.actionId ?? "",
        action_type: action?.actionType ?? "",
        node_id: action?.nodeId ?? "",
        ...(reason === undefined ? {} : { reason }),
        runtime_run_id: this.#run.context.runtimeRunId,
        status:
          textAt(event.result ?? {}, "status") ??
          (event.type === "runtime.action.replayed" ? "succeeded" : "failed"),
        ...(toState === undefined ? {} : { transition_to_state: toState }),
      },
      status: statusOf(event),
    });
  }

  #kernelSpan(event: ProjectedEvent): Span {
    const outcome = textAt(event.payload, "outcome") ?? "";
    return this.#made({
      span_id: this.#kernelSpanId,
      parent_span_id: null,
      name: "runtime.kernel.run",
      startMs: this.#run.startedAtMs,
      endMs: event.atMs,
      attributes: {
        runtime_run_id: this.#run.context.runtimeRunId,
        status: member(event.payload, "terminal_status") ?? "",
        iterations: member(event.payload, "iterations") ?? 0,
        node_count: this.#nodeCount,
        ...(outcome === "" ? {} : { outcome }),
      },
      status: unhappyOutcomes.has(outcome) ? "error" : "ok",
    });
  }

  #made(span: {
    readonly span_id: string;
    readonly parent_span_id: string | null;
    readonly name: string;
    readonly startMs: number;
    readonly endMs: number;
    readonly attributes: JsonObject;
    readonly status: Span["status"];
  }): Span {
    // In order of keys, which is the order they are written in.
    return {
      attributes: span.attributes,
      // The wall clock may have been set back in between.
      end_time_unix_nano: nanosOf(Math.max(span.startMs, span.endMs)),
      kind: "internal",
      name: span.name,
      parent_span_id: span.parent_span_id,
      span_id: span.span_id,
      start_time_unix_nano: nanosOf(span.startMs),
      status: span.status,
      trace_id: this.#run.traceId,
    };
  }
}

const auditAttributes = [
  ["edge_kind", "coordination_edge_kind"],
  ["handoff_id", "handoff_id"],
  ["delegate_kind", "delegate_kind"],
  ["lowered_precedence_hash", "lowered_precedence_hash"],
] as const;

function statusOf(event: ProjectedEvent): Span["status"] {
  if (event.type === "runtime.action.replayed") return "ok";
  if (event.type !== "runtime.action.completed") return "error";
  return textAt(event.result ?? {}, "status") === "succeeded" ? "ok" : "error";
}

/** Beyond 2^53, hence a bigint. */
function nanosOf(ms: number): bigint {
  return BigInt(ms) * 1_000_000n;
}
