/**
 * Reads the kernel's events as moments for the watcher of a run. Events that say nothing about one action have none.
 *
 * Source: spec kernel §6.
 */
import * as v from "valibot";
import type { Moment } from "../render/progress/board.ts";

/** An event as the kernel hands it out: the payload has the documented keys of its type. */
export interface ObservedEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly payload: unknown;
}

const Payload = v.object({
  action_id: v.optional(v.string()),
  action: v.optional(v.object({ action_id: v.optional(v.string()) })),
  attempt: v.optional(v.number()),
  reason: v.optional(v.string()),
  error: v.optional(v.string()),
  delay_ms: v.optional(v.number()),
  by: v.optional(v.array(v.string())),
  result: v.optional(v.object({ duration_ms: v.optional(v.number()) })),
});

export function momentOf({ type, atMs, payload }: ObservedEvent): Moment | undefined {
  if (!type.startsWith("runtime.action.") && type !== "runtime.coordination.step_blocked") return undefined;
  const parsed = v.safeParse(Payload, payload);
  if (!parsed.success) return undefined;
  const { action, attempt = 1, error, reason, delay_ms: delayMs = 0, by = [], result } = parsed.output;
  const id = parsed.output.action_id ?? action?.action_id;
  if (id === undefined) return undefined;
  const why = error ?? reason ?? "";
  switch (type) {
    case "runtime.action.policy_allowed":
      return { kind: "started", id, atMs, attempt };
    case "runtime.action.completed": {
      const durationMs = result?.duration_ms;
      return { kind: "succeeded", id, atMs, ...(durationMs === undefined ? {} : { durationMs }) };
    }
    case "runtime.action.retried":
      return { kind: "retrying", id, atMs, attempt, delayMs, why };
    case "runtime.action.dead_lettered":
      return { kind: reason === "policy_denied" ? "denied" : "failed", id, atMs, why };
    case "runtime.coordination.step_blocked":
    case "runtime.action.blocked":
      return { kind: "blocked", id, atMs, by };
    case "runtime.action.cancelled":
      return { kind: "cancelled", id, atMs };
    default:
      return undefined;
  }
}
