/**
 * Which revisions, rollouts and plans a scope keeps, for every store alike. It looks at what it is given and removes nothing
 * itself; the order of what it is given, the newest first, is the order in which it was put.
 *
 * Source: spec reconcile §1.9, §16.
 */
import { limits } from "../../limits.ts";

/** What must stay of the revisions of one resource, however old. */
export interface Needed {
  /** Every text in the open rollout's state. */
  readonly named: Names;
  /** What the inventory says stands; null when it has nothing of the resource. */
  readonly standingHash: string | null;
}

/** @param newestFirst all revisions of one resource */
export function revisionsToDrop<T extends { readonly desiredHash: string; readonly goodAtMs: number | null }>(
  newestFirst: readonly T[],
  { named, standingHash }: Needed,
): readonly T[] {
  const lastGood = lastGoodOf(newestFirst);
  return newestFirst
    .slice(limits.revisionsKeptMax)
    .filter(
      (row) => row !== lastGood && row.desiredHash !== standingHash && !isNamed(named, row.desiredHash),
    );
}

/** The one that was good last; of several at one moment the newest. */
export function lastGoodOf<T extends { readonly goodAtMs: number | null }>(
  newestFirst: readonly T[],
): T | undefined {
  let last: T | undefined;
  for (const row of newestFirst) {
    if (row.goodAtMs !== null && row.goodAtMs > (last?.goodAtMs ?? Number.NEGATIVE_INFINITY)) last = row;
  }
  return last;
}

/** @param newestFirst all rollouts */
export function rolloutsToDrop<T extends { readonly open: boolean }>(
  newestFirst: readonly T[],
): readonly T[] {
  return newestFirst.slice(limits.rolloutsKeptMax).filter(({ open }) => !open);
}

/** @param newestFirst all plans */
export function plansToDrop<T extends { readonly planId: string }>(
  newestFirst: readonly T[],
  named: Names,
): readonly T[] {
  return newestFirst.slice(limits.plansKeptMax).filter(({ planId }) => !isNamed(named, planId));
}

export type Names = ReadonlySet<string> | "everything";

function isNamed(names: Names, name: string): boolean {
  return names === "everything" || names.has(name);
}

/**
 * Every text in the state of the open rollout, so of hashes and ids all that it may come back to, whatever its shape.
 * @param state null when no rollout is open. Of a state that cannot be read nobody knows what it needs: then it is everything.
 */
export function namesIn(state: string | null): Names {
  if (state === null) return new Set();
  try {
    const names = new Set<string>();
    const left: unknown[] = [JSON.parse(state)];
    while (left.length > 0) {
      const value = left.pop();
      if (typeof value === "string") names.add(value);
      else if (typeof value === "object" && value !== null)
        for (const one of Object.values(value)) left.push(one);
    }
    return names;
  } catch {
    return "everything";
  }
}
