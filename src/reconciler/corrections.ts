/**
 * Notices a correction that somebody undoes each time: made so often within a while, it is left alone and said. Reads the
 * rollouts that are kept, so that it is noticed whoever makes the passes.
 *
 * Source: spec reconcile §13; Flux and Argo CD self-heal loops.
 */
import { limits } from "../limits.ts";
import type { RolloutRow } from "../store/contract.ts";
import type { FieldDiff } from "./diff.ts";
import { correctionKey, keptRollout } from "./kept.ts";
import type { Unit } from "./rollout/model.ts";

export interface Corrections {
  /** How often the same was corrected within the window. What could not be corrected does not count: nobody has undone it. */
  made(resourceId: string, diff: FieldDiff): number;
  /**
   * Whether the revision that was applied last has come to stand, by the last rollout of the resource; true where none is kept.
   * An intent alone makes a revision the last that was applied.
   */
  hasStood(resourceId: string, revisionHash: string): boolean;
}

/** @param rollouts newest first */
export function correctionsIn(rollouts: readonly RolloutRow[], nowMs: number): Corrections {
  let counts: ReadonlyMap<string, number> | undefined;
  let units: ReadonlyMap<string, readonly KeptUnit[]> | undefined;
  return {
    made(resourceId, diff) {
      counts ??= countsIn(rollouts, nowMs);
      return counts.get(`${resourceId}\n${correctionKey(diff)}`) ?? 0;
    },
    hasStood(resourceId, revisionHash) {
      // Parsed only where something differs: most looks find nothing.
      units ??= unitsIn(rollouts);
      for (const { unit, correction } of units.get(resourceId) ?? []) {
        const { targetHash, previousHash, state, touched } = unit;
        if (targetHash === revisionHash) return correction || state === "settled";
        // One that was not touched says nothing of what stood before.
        if (previousHash === revisionHash && touched) return state === "rolled_back";
      }
      return true;
    },
  };
}

function countsIn(rollouts: readonly RolloutRow[], nowMs: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const row of rollouts) {
    if (row.startedAtMs < nowMs - limits.correctionWindowMs) break;
    const { rollout, corrections } = keptRollout(row);
    for (const { resourceId, state } of rollout.units) {
      const key = Object.hasOwn(corrections, resourceId) ? corrections[resourceId] : undefined;
      if (key === undefined || state !== "settled") continue;
      const name = `${resourceId}\n${key}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

interface KeptUnit {
  readonly unit: Unit;
  readonly correction: boolean;
}

/** By resource, newest first. */
function unitsIn(rollouts: readonly RolloutRow[]): ReadonlyMap<string, readonly KeptUnit[]> {
  const all = rollouts.flatMap((row) => {
    const { rollout, corrections } = keptRollout(row);
    return rollout.units.map((unit) => ({ unit, correction: Object.hasOwn(corrections, unit.resourceId) }));
  });
  return Map.groupBy(all, ({ unit }) => unit.resourceId);
}
