/**
 * Which revisions failed: they are not rolled out again by themselves, but by a person's word or when the bundle is mended. Judged by the
 * last rollout of each, whatever else was rolled out since. Pure.
 *
 * Source: docs/rollouts.md.
 */
import type { RolloutRow } from "../store/contract.ts";
import { keptRollout } from "./kept.ts";
import type { PlannedChange } from "./plan.ts";

/** @param rollouts newest first */
export function broughtBackIn(rollouts: readonly RolloutRow[]): (change: PlannedChange) => boolean {
  let known: ReadonlyMap<string, boolean> | undefined;
  return ({ resourceId, revisionHash }) => {
    // Parsed only where something differs: most looks find nothing.
    known ??= lastEnds(rollouts);
    return known.get(nameOf(resourceId, revisionHash)) === true;
  };
}

/** Of each revision, whether the last rollout of it that came to an end went wrong. */
function lastEnds(rollouts: readonly RolloutRow[]): ReadonlyMap<string, boolean> {
  const ends = new Map<string, boolean>();
  for (const row of rollouts) {
    if (row.open || row.phase === "superseded") continue;
    const { rollout, corrections } = keptRollout(row);
    for (const { resourceId, targetHash } of rollout.units) {
      const name = nameOf(resourceId, targetHash);
      // A correction that failed says nothing of the revision, which was good once.
      if (!ends.has(name) && !Object.hasOwn(corrections, resourceId))
        ends.set(name, row.phase !== "completed");
    }
  }
  return ends;
}

function nameOf(resourceId: string, hash: string): string {
  return `${resourceId}\n${hash}`;
}
