/**
 * Which changes have to wait for others that cannot be made: what depends on something that is not as it is wanted is not changed,
 * and what something out of sight may still use is not deleted. Pure; it holds back and never lets go on.
 *
 * Source: docs/rollouts.md "Dependencies first".
 */
import type { PlannedChange } from "./plan.ts";

/**
 * @param changes in the order in which they would be done
 * @param needs by resource, what it depends on
 */
export function heldBack(
  changes: readonly PlannedChange[],
  needs: ReadonlyMap<string, readonly string[]>,
): readonly PlannedChange[] {
  /** What holds others back, with why; of a delete that is everything it needs. */
  const stuck = new Map<string, string>();
  const kept = new Map<string, string>();
  return changes.map((change) => {
    const { resourceId, type } = change;
    const needed = needs.get(resourceId) ?? [];
    const cause =
      type === "delete"
        ? kept.get(resourceId)
        : needed.map((id) => stuck.get(id)).find((one) => one !== undefined);
    const isHeld =
      cause !== undefined && change.blocked === undefined && type !== "noop" && !change.correction;
    const told: PlannedChange = isHeld
      ? { ...change, blocked: { reason: "dependency_failed", message: cause } }
      : change;
    const { blocked } = told;
    if (type === "delete") {
      if (blocked?.reason === "unobservable" || blocked?.reason === "dependency_failed")
        for (const id of needed) kept.set(id, `${resourceId} may still need it: ${blocked.message}`);
    } else if (blocked !== undefined && !standsAllTheSame(told)) {
      stuck.set(resourceId, `it depends on ${resourceId}, which cannot be changed: ${blocked.message}`);
    }
    return told;
  });
}

/** What somebody else changes again and again has come to stand once, and stands. */
function standsAllTheSame({ blocked, expectedVersion }: PlannedChange): boolean {
  return blocked?.reason === "correction_loop" && expectedVersion !== null;
}
