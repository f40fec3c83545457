/**
 * Which units come first, which of them the step under way means, and how far it brings each. Pure; it looks at no health and no time.
 */
import { compareCodePoints } from "../../json/order.ts";
import { nextSplit, partOf, roomOf, type Split, sameSplit } from "./copies.ts";
import type { Rollout, Unit } from "./model.ts";

/** Lower layers first; what is deleted after everything else, dependants before what they depend on. A rollback is the exact reverse. */
export function inOrder<U extends Pick<Unit, "resourceId" | "layer" | "operation">>(
  units: readonly U[],
): readonly U[] {
  const top = topLayer(units);
  return [...units].sort(
    (a, b) => rank(a, top) - rank(b, top) || compareCodePoints(a.resourceId, b.resourceId),
  );
}

export function topLayer(units: readonly Pick<Unit, "layer">[]): number {
  let top = 0;
  for (const { layer } of units) top = Math.max(top, layer);
  return top;
}

export function rank({ layer, operation }: Pick<Unit, "layer" | "operation">, top: number): number {
  return operation === "delete" ? 2 * top + 1 - layer : layer;
}

/**
 * How far a unit is to be brought: not at all yet, whole at once, or to so many copies of the new and the old revision.
 */
export type Goal = "held" | "whole" | Split;

/** The goals of `rollout.units`, one each, in the step under way. */
export function goalsOf(rollout: Rollout): readonly Goal[] {
  const { strategy, step, approved, units } = rollout;
  const last = isLastStep(rollout);
  const finishing = last && approved;
  const amounts = strategy.steps.slice(0, step + 1).map(({ amount }) => amount);
  // A count may come after a share that turns out to be more: what is new already stays new.
  const reach = (total: number) =>
    last ? total : Math.max(...amounts.map((amount) => partOf(amount, total)));
  const changed = units.filter(({ operation }) => operation !== "delete").length;
  const reached = strategy.of === "resources" ? reach(changed) : changed;
  return units.map((unit, index) => {
    if (unit.operation === "delete") return finishing ? "whole" : "held";
    if (index >= reached) return "held";
    const wanted = unit.replicas ?? 0;
    // What is new altogether takes nothing from anybody: it stands whole at once.
    if (wanted < 1 || unit.operation === "create" || strategy.kind === "all_at_once") return "whole";
    if (strategy.kind === "blue_green") return { updated: wanted, previous: finishing ? 0 : wanted };
    if (strategy.of === "resources") return { updated: wanted, previous: 0 };
    const updated = reach(wanted);
    return { updated, previous: wanted - updated };
  });
}

/** Whether the unit, as it was asked for last, is where the goal wants it. */
export function isAt(unit: Unit, goal: Goal): boolean {
  if (goal === "held") return true;
  const at = splitOf(unit);
  return goal === "whole" || (at !== null && sameSplit(at, goal));
}

export function isLastStep({ step, strategy }: Rollout): boolean {
  return step >= strategy.steps.length - 1;
}

/** What to ask for next of a unit that goes forward to `goal`; null: the whole. */
export function forwardSplit({ strategy }: Rollout, unit: Unit, goal: Goal): Split | null {
  if (goal === "held" || goal === "whole") return null;
  const wanted = unit.replicas ?? 0;
  return (
    askedAgain(unit) ??
    nextSplit(splitOf(unit) ?? { updated: 0, previous: wanted }, goal, roomOf(strategy, wanted))
  );
}

/** What to ask for next of a unit that goes back; null: the whole. */
export function backwardSplit({ strategy }: Rollout, unit: Unit): Split | null {
  const at = splitOf(unit);
  if (at === null || unit.operation !== "update") return null;
  const wanted = unit.replicas ?? 0;
  return askedAgain(unit) ?? nextSplit(at, { updated: wanted, previous: 0 }, roomOf(strategy, wanted));
}

export function splitOf({ updated, previous }: Unit): Split | null {
  return updated === null || previous === null ? null : { updated, previous };
}

/** A change under way is asked for as it was: only a split that came to stand is gone on from. */
function askedAgain(unit: Unit): Split | null {
  return unit.deadlineMs === null ? null : splitOf(unit);
}

/** Whether the revision that it is brought to is the previous one: the unit is on its way back, or there. */
export function goesBack({ state }: Unit): boolean {
  return state === "rolling_back" || state === "rolled_back" || state === "rollback_failed";
}
