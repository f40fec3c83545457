/**
 * What a run waits for: signals, clocks and retries, out of the events that began each wait. Reads only.
 *
 * Source: src/evidence/catalogue.ts.
 */
import * as v from "valibot";
import { limits } from "../limits.ts";
import type { ActionRow, RunReader } from "../store/contract.ts";

export interface Wait {
  readonly actionId: string;
  readonly nodeId: string;
  readonly stepId: string | null;
  readonly kind: "signal" | "clock" | "retry";
  /** Name of the signal. */
  readonly signal: string | null;
  readonly approval: boolean;
  readonly sinceMs: number;
  /** When the clock ends the wait; null when only the signal does. */
  readonly dueAtMs: number | null;
}

/** Of both payloads: each has what the other leaves out. */
const Began = v.object({
  signal: v.optional(v.nullable(v.string()), null),
  approval: v.optional(v.boolean(), false),
  due_at_ms: v.optional(v.nullable(v.number()), null),
});

/** The first ones by action id, at most `limits.issuesShownMax`; the counts of the run say how many there are. */
export async function waitsOf(reader: RunReader, actions: readonly ActionRow[]): Promise<readonly Wait[]> {
  const waiting = actions.filter(({ phase }) => phase === "suspended" || phase === "retrying");
  const waits: Wait[] = [];
  for (const action of waiting.slice(0, limits.issuesShownMax)) {
    const event = await reader.eventAt(action.seq);
    const began = v.safeParse(v.pipe(v.string(), v.parseJson(), Began), event?.payload ?? "{}");
    if (event === null || !began.success) continue;
    const { signal, approval, due_at_ms: dueAtMs } = began.output;
    const { actionId, nodeId, stepId, phase } = action;
    const kind = phase === "retrying" ? "retry" : signal === null ? "clock" : "signal";
    waits.push({ actionId, nodeId, stepId, kind, signal, approval, sinceMs: event.atMs, dueAtMs });
  }
  return waits;
}
