/**
 * Which revisions failed: they are not rolled out again by themselves, but by a person's word or when the bundle is mended. Judged by the
 * last rollout of each, whatever else was rolled out since. Pure.
 *
 * Source: docs/rollouts.md.
 */
import type { RolloutRow } from "../store/contract.ts";
import { keptRollout } from "./kept.ts";
import type { PlannedChange } from "./plan.ts";
import { revisionKey } from "./revision-hash.ts";
import type { Rollout, RolloutReason, Unit } from "./rollout/model.ts";

/** @param rollouts newest first */
export function broughtBackIn(rollouts: readonly RolloutRow[]): (change: PlannedChange) => boolean {
  const failed = failedIn(rollouts);
  return (change) => failed(change) !== undefined;
}

/** How the last rollout of the change's revision failed, as it is to be told of one that is not begun again. */
export function failedIn(rollouts: readonly RolloutRow[]): (change: PlannedChange) => Unit | undefined {
  let known: ReadonlyMap<string, Unit | null> | undefined;
  return ({ resourceId, revisionHash }) => {
    // Parsed only where something differs: most looks find nothing.
    known ??= lastEnds(rollouts);
    return known.get(revisionKey(resourceId, revisionHash)) ?? undefined;
  };
}

/** Of each revision, how the last rollout of it that came to an end went wrong; null where it went well. */
function lastEnds(rollouts: readonly RolloutRow[]): ReadonlyMap<string, Unit | null> {
  const ends = new Map<string, Unit | null>();
  for (const row of rollouts) {
    if (row.open || row.phase === "superseded") continue;
    const { rollout, corrections } = keptRollout(row);
    for (const unit of rollout.units) {
      const { resourceId, targetHash } = unit;
      const key = revisionKey(resourceId, targetHash);
      // A correction that failed says nothing of the revision, which was good once.
      if (!ends.has(key) && !Object.hasOwn(corrections, resourceId))
        ends.set(key, row.phase === "completed" ? null : failedWith(unit, rollout));
    }
  }
  return ends;
}

/** One that did nothing wrong went back with the others, for their reason. */
function failedWith(unit: Unit, { phase, reason, message }: Rollout): Unit {
  const isOwn = unit.state !== "waiting" && unit.reason !== undefined && !isGood(unit.reason);
  const { reason: _reason, message: _message, ...rest } = unit;
  const cause = isOwn ? unit : { reason, message };
  return {
    ...rest,
    state: phase === "rolled_back" ? "rolled_back" : "failed",
    touched: false,
    ...(cause.reason === undefined ? {} : { reason: cause.reason }),
    ...(cause.message === undefined ? {} : { message: cause.message }),
  };
}

function isGood(reason: RolloutReason): boolean {
  return reason === "healthy" || reason === "applied";
}
