/**
 * Since when runs that were read are not there any more. A cursor is kept until its run was gone for long: one that comes back sooner,
 * with a folder that was moved or restored, has no news of old. Kept in memory alone: after a start the time counts anew.
 */
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Cursor } from "../contract.ts";

export class Absences {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** By the scope's root and the run, monotonic. */
  readonly #sinceMs = new Map<string, ReadonlyMap<string, number>>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Runs with a cursor that have been gone for long by now. */
  long(
    {
      scope,
      cursors,
    }: { readonly scope: Pick<ScopeConfig, "scopeRoot">; readonly cursors: readonly Cursor[] },
    there: ReadonlySet<string>,
  ): readonly string[] {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#sinceMs.get(scope.scopeRoot);
    const gone = cursors
      .map(({ runtimeRunId }) => runtimeRunId)
      // Under a name with a star other sources keep what they saw last.
      .filter((id) => !id.startsWith("*") && !there.has(id))
      .map((id) => [id, before?.get(id) ?? nowMs] as const);
    this.#sinceMs.delete(scope.scopeRoot);
    if (gone.length > 0) this.#sinceMs.set(scope.scopeRoot, new Map(gone));
    return gone.flatMap(([id, sinceMs]) => (nowMs - sinceMs >= limits.autopilotGoneRunMs ? [id] : []));
  }
}
