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

export interface Corrections {
  /** How often the same was corrected within the window. */
  made(resourceId: string, diff: FieldDiff): number;
}

/** @param rollouts newest first */
export function correctionsIn(rollouts: readonly RolloutRow[], nowMs: number): Corrections {
  const counts = new Map<string, number>();
  for (const row of rollouts) {
    if (row.startedAtMs < nowMs - limits.correctionWindowMs) break;
    for (const [resourceId, key] of Object.entries(keptRollout(row).corrections)) {
      const name = `${resourceId}\n${key}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return { made: (resourceId, diff) => counts.get(`${resourceId}\n${correctionKey(diff)}`) ?? 0 };
}
