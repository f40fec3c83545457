/**
 * Reads the kernel's events as moments for the watcher of a run. Events that say nothing about one action have none.
 *
 * Source: spec kernel §6.
 */
import * as v from "valibot";
import type { SeenEvent } from "../../run/start.ts";
import type { Moment } from "../render/progress/board.ts";

const About = v.object({
  action_id: v.string(),
  node_id: v.optional(v.string()),
  graph_step_id: v.optional(v.string()),
  attempt: v.optional(v.number(), 1),
  denied: v.optional(v.boolean(), false),
  error: v.optional(v.string(), ""),
  duration_ms: v.optional(v.number(), 0),
  delay_ms: v.optional(v.number(), 0),
  by: v.optional(v.array(v.string()), []),
  signal: v.optional(v.nullable(v.string()), null),
  due_at_ms: v.optional(v.nullable(v.number()), null),
});

export function momentOf({ type, atMs, payload }: SeenEvent): Moment | undefined {
  const parsed = v.safeParse(About, payload);
  if (!parsed.success) return undefined;
  const about = parsed.output;
  // A step goes by its own name; what an event made has a long id, and its node says more to people.
  const id = about.graph_step_id ?? about.action_id;
  const when = { id, label: about.graph_step_id ?? about.node_id ?? id, atMs };
  switch (type) {
    case "runtime.action.policy_allowed":
      return { ...when, kind: "started", attempt: about.attempt };
    case "runtime.action.completed":
      return { ...when, kind: "succeeded", durationMs: about.duration_ms };
    case "runtime.action.wait_started":
      return { ...when, kind: "suspended", signal: about.signal, dueAtMs: about.due_at_ms };
    case "runtime.action.retried":
      return { ...when, kind: "retrying", attempt: about.attempt, delayMs: about.delay_ms, why: about.error };
    case "runtime.action.dead_lettered":
      return { ...when, kind: about.denied ? "denied" : "failed", why: about.error };
    case "runtime.coordination.step_blocked":
    case "runtime.action.blocked":
      return { ...when, kind: "blocked", by: about.by };
    case "runtime.action.cancelled":
      return { ...when, kind: "cancelled" };
    default:
      return undefined;
  }
}
