/** What single members of events tell in words and names. Pure. */
import { member, objectsAt, textAt } from "../../bundle/member.ts";
import { asDouble, type JsonObject } from "../../json/value.ts";
import { instant } from "../../system/figures.ts";
import { shownText } from "./shown-text.ts";

const edgeKeys = [
  ["handoff", "coordination_handoff_edges"],
  ["parallel", "coordination_parallel_edges"],
  ["delegate", "coordination_delegate_edges"],
] as const;

/** Edges that lead to a step, as its policy context tells them. */
export function edgesTold(
  context: JsonObject,
): readonly { readonly kind: string; readonly stepId: string }[] {
  return edgeKeys.flatMap(([kind, key]) =>
    objectsAt(context, key).flatMap((edge) => {
      const stepId = textAt(edge, "from_step_id");
      return stepId === undefined ? [] : [{ kind, stepId }];
    }),
  );
}

/** The step that an action's id names. */
export function stepIn(actionId: string): string | undefined {
  return /^coordination:(.+):\d+$/s.exec(actionId)?.[1];
}

/** `waits for approval go-live until 2026-01-02T03:04:05.000Z` */
export function waitWords(payload: JsonObject): string | undefined {
  const signal = textAt(payload, "signal");
  const dueAtMs = asDouble(member(payload, "due_at_ms"));
  const until = dueAtMs === undefined ? "" : ` until ${instant(dueAtMs)}`;
  const what = member(payload, "approval") === true ? "approval" : "signal";
  return shownText(`waits for ${signal === undefined ? "the clock" : `${what} ${signal}`}${until}`);
}
