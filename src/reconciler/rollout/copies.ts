/**
 * How many copies of two revisions stand side by side on the way from one to the other. Pure arithmetic; it never lets more copies
 * be missing, or be too many, than the strategy allows, provided that those of an earlier split became ready.
 */
import type { Amount, Strategy } from "./model.ts";

/** Copies of the revision that is being brought, and of the one that goes. */
export interface Split {
  readonly updated: number;
  readonly previous: number;
}

export interface Room {
  /** Copies that are wanted. */
  readonly wanted: number;
  /** Copies that may stand beyond them, and that may be missing; not both 0. */
  readonly surge: number;
  readonly unavailable: number;
}

/** A share of surge is rounded up and one of unavailability down; of two that come to nothing one copy may be missing. */
export function roomOf({ maxSurge, maxUnavailable }: Strategy, wanted: number): Room {
  const surge = "count" in maxSurge ? maxSurge.count : Math.ceil(exact(maxSurge.share * wanted));
  const missing =
    "count" in maxUnavailable ? maxUnavailable.count : Math.floor(exact(maxUnavailable.share * wanted));
  return { wanted, surge, unavailable: surge + missing === 0 ? 1 : missing };
}

/** How many of `total` an amount is: at least one where there are any, at most all. */
export function partOf(amount: Amount, total: number): number {
  const part = "count" in amount ? amount.count : Math.ceil(exact(amount.share * total));
  return Math.min(total, Math.max(1, part));
}

/** 0.07 × 100 is 7.000000000000001, and nobody means 8 copies. */
function exact(product: number): number {
  return Math.round(product * 1e9) / 1e9;
}

/** The next split on the way from `at`, of which all updated copies are ready, to `goal`; `goal` itself when it can be reached now. */
export function nextSplit(at: Split, goal: Split, { wanted, surge, unavailable }: Room): Split {
  if (at.updated >= goal.updated) return goal;
  const previous = Math.min(at.previous, Math.max(goal.previous, wanted - unavailable - at.updated));
  // Blue-green means both sets in full; nothing else has more than the surge.
  const most = Math.max(wanted + surge, goal.updated + goal.previous);
  return { updated: Math.min(goal.updated, most - previous), previous };
}

export function sameSplit(left: Split, right: Split): boolean {
  return left.updated === right.updated && left.previous === right.previous;
}
