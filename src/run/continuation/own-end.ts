/**
 * Finds the last word of a run's own. Reconciling on its behalf and judging it add events after its end, and they end nothing.
 */
import { limits } from "../../limits.ts";
import type { RunReader, StoredEvent } from "../../store/contract.ts";

/** The last event that is none of those; null on a run that has none. @param lastSeq number of the run's last event */
export async function lastOwnEvent(
  reader: Pick<RunReader, "events" | "eventAt">,
  lastSeq: number,
): Promise<StoredEvent | null> {
  if (lastSeq === 0) return null;
  const last = await reader.eventAt(lastSeq);
  if (last !== null && isOwn(last)) return last;
  for (let until = lastSeq - 1; until > 0; ) {
    const after = Math.max(0, until - limits.storePageRows);
    const page = await reader.events(after, until - after);
    const found = page.findLast(isOwn);
    if (found !== undefined) return found;
    until = after;
  }
  return null;
}

const afterwards = [
  "runtime.reconcile.",
  "runtime.rollout.",
  "runtime.validation.",
  "runtime.operational_validity.",
] as const;

/** Whether it is one of the run's own. */
export function isOwn({ type }: Pick<StoredEvent, "type">): boolean {
  return !afterwards.some((prefix) => type.startsWith(prefix));
}
