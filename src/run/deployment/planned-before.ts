/**
 * Whether a plan was ever told in a run's history. A plan that was only looked at is kept nowhere else, since whoever looks holds no
 * scope. Reads only.
 */
import { member } from "../../bundle/member.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { reconcileEvents } from "../../reconciler/model.ts";
import type { RunReader } from "../../store/contract.ts";

export async function plannedBefore(reader: Pick<RunReader, "events">, planId: string): Promise<boolean> {
  let after = 0;
  for (;;) {
    const page = await reader.events(after, limits.storePageRows);
    const last = page.at(-1);
    if (last === undefined) return false;
    if (page.some(({ type, payload }) => type === reconcileEvents.started && names(payload, planId)))
      return true;
    after = last.seq;
  }
}

function names(payload: string, planId: string): boolean {
  const told = parseJson(payload);
  return isJsonObject(told) && member(told, "plan_id") === planId;
}
