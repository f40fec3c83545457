/**
 * Words for what happens to resources while a run is watched: the steps of its rollout, changes that failed, what went back, what
 * was left alone. None of it twice.
 */
import * as v from "valibot";
import { reconcileEvents } from "../../reconciler/model.ts";
import type { SeenEvent } from "../../run/start.ts";
import { printable } from "../render/text.ts";

const Changed = v.object({
  phase: v.string(),
  step: v.number(),
  steps: v.number(),
  reason: v.optional(v.string()),
  units: v.record(v.string(), v.number()),
});
const Finished = v.object({
  resource_id: v.string(),
  applied: v.boolean(),
  error: v.optional(v.string(), ""),
});
const Measured = v.object({ analysis: v.string(), verdict: v.string(), message: v.optional(v.string(), "") });
const Back = v.object({ resource_id: v.string(), rollback_outcome: v.string() });
const LeftAlone = v.object({
  resource_id: v.string(),
  outcome: v.literal("blocked"),
  reason_code: v.string(),
  error: v.optional(v.string(), ""),
});

/** Tells of an event, or nothing where there is nothing new to say. */
export function rolloutTeller(): (event: SeenEvent) => string | undefined {
  let said = "";
  const leftAlone = new Set<string>();
  return ({ type, payload }) => {
    switch (type) {
      case reconcileEvents.rolloutChanged: {
        const parsed = v.safeParse(Changed, payload);
        const text = parsed.success ? changedText(parsed.output) : said;
        if (text === said) return undefined;
        said = text;
        return text;
      }
      case reconcileEvents.rolloutMeasured: {
        const parsed = v.safeParse(Measured, payload);
        if (!parsed.success) return undefined;
        const { analysis, verdict, message } = parsed.output;
        return `analysis ${printable(analysis)}: ${verdict}, ${printable(message)}`;
      }
      case reconcileEvents.operationFinished: {
        const parsed = v.safeParse(Finished, payload);
        if (!parsed.success || parsed.output.applied) return undefined;
        return `resource ${printable(parsed.output.resource_id)} was not changed: ${printable(parsed.output.error)}`;
      }
      case reconcileEvents.rolledBack: {
        const parsed = v.safeParse(Back, payload);
        if (!parsed.success) return undefined;
        const { resource_id: id, rollback_outcome: outcome } = parsed.output;
        return `resource ${printable(id)}: ${outcome.replaceAll("_", " ")}`;
      }
      case reconcileEvents.resourceStatus: {
        const parsed = v.safeParse(LeftAlone, payload);
        if (!parsed.success) return undefined;
        const { resource_id: id, reason_code: reason, error } = parsed.output;
        const text = `resource ${printable(id)} was left alone: ${[reason, printable(error)].filter(Boolean).join(", ")}`;
        if (leftAlone.has(text)) return undefined;
        leftAlone.add(text);
        return text;
      }
      default:
        return undefined;
    }
  };
}

function changedText({ phase, step, steps, reason, units }: v.InferOutput<typeof Changed>): string {
  const total = Object.values(units).reduce((sum, count) => sum + count, 0);
  const at = steps > 1 ? `, step ${step} of ${steps}` : "";
  const why = reason === undefined ? "" : `: ${reason}`;
  return `rollout ${phase}${why}${at}, ${units["settled"] ?? 0} of ${total} resources settled`;
}
