/** What a run waits for as the commands say it: the shape `Wait` of docs/json-output.md, and a line for people. */
import type { Wait } from "../../evidence/waits.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { elapsed, instant } from "../render/time.ts";

/** The shape `Wait` of docs/json-output.md. */
export function waitData(wait: Wait): Plain {
  return {
    action_id: wait.actionId,
    node_id: wait.nodeId,
    step_id: wait.stepId,
    for: wait.kind,
    signal: wait.signal,
    approval: wait.approval,
    since_ms: wait.sinceMs,
    due_at_ms: wait.dueAtMs,
  };
}

/** `waits: approve for signal go-live (approval) since 2 min 05 s until 2026-01-02T03:04:05Z` */
export function waitLine(wait: Wait, nowMs: number): string {
  const { kind, signal, approval, sinceMs, dueAtMs } = wait;
  const what =
    kind === "signal"
      ? `for signal ${printable(signal ?? "")}${approval ? " (approval)" : ""}`
      : kind === "retry"
        ? "for its next try"
        : "for the clock";
  const until = dueAtMs === null ? "" : ` until ${instant(dueAtMs).replace(/\.\d+Z$/, "Z")}`;
  return `waits: ${printable(nameOf(wait))} ${what} since ${elapsed(nowMs - sinceMs)}${until}`;
}

export function nameOf({ stepId, nodeId }: Wait): string {
  return stepId ?? nodeId;
}
