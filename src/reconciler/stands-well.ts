/** Whether one resource is as it should be, by its part of a plan and by what was seen of it. Pure. */
import { type HealthGate, passes } from "./gate.ts";
import type { Looked } from "./look.ts";
import type { PlannedChange } from "./plan.ts";

/** Nothing is left to do about it, and its health passes the gate however long it has stood. */
export function standsWell(
  { type, blocked, resourceId }: PlannedChange,
  { observations }: Pick<Looked, "observations">,
  gate: HealthGate,
): boolean {
  const standing = observations.get(resourceId)?.standing;
  if (type !== "noop" || blocked !== undefined || standing?.kind !== "present") return false;
  return passes(gate, standing.health, standing.conditions, Number.POSITIVE_INFINITY);
}
