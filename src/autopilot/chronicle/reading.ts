/**
 * Reads from the autopilot's memory what a scoreboard or an objective is computed of. Writes nothing.
 */
import type { SloDefinition } from "../config/model.ts";
import type { AutopilotStore } from "../contract.ts";
import type { Entry, ScopeId } from "../model.ts";
import { type Burn, burnOf } from "../score/burn.ts";
import { bucketOf, measuredOf } from "../score/samples.ts";
import { type Kpi, scoreboardOf } from "../score/scoreboard.ts";

/**
 * Entries from this moment on, in their order, and before them those with which attempts began that ended since: an attempt may
 * have been watched for long.
 */
export async function entriesSince(
  store: Pick<AutopilotStore, "entriesBetween">,
  scope: ScopeId,
  fromMs: number,
): Promise<readonly Entry[]> {
  const since = await store.entriesBetween(scope, fromMs, Number.MAX_SAFE_INTEGER);
  const begun = new Set(
    since.flatMap(({ fact }) => (fact.type === "attempt_started" ? [fact.attempt.attemptId] : [])),
  );
  const missing = new Set(
    since.flatMap(({ fact }) =>
      fact.type === "attempt_ended" && !begun.has(fact.attemptId) ? [fact.attemptId] : [],
    ),
  );
  if (missing.size === 0) return since;
  const before = await store.entriesBetween(scope, 0, fromMs);
  const starts = before.filter(
    ({ fact }) => fact.type === "attempt_started" && missing.has(fact.attempt.attemptId),
  );
  return [...starts, ...since];
}

/** KPIs of any stretch of time, for the SLO gate: the trailing window. */
export async function kpiBetween(
  store: ScoreReader,
  scope: ScopeId,
  fromMs: number,
  toMs: number,
): Promise<Kpi> {
  const entries = await entriesSince(store, scope, fromMs);
  const tallies = await store.tallies(scope, fromMs, toMs);
  return scoreboardOf(entries, { startMs: fromMs, endMs: toMs }, tallies).kpi;
}

/** How the objectives of a scope stand now. */
export async function burnsOf(
  store: ScoreReader,
  scope: ScopeId,
  slos: readonly SloDefinition[],
  nowMs: number,
): Promise<readonly Burn[]> {
  if (slos.length === 0) return [];
  const sinceMs = bucketOf(Math.max(0, nowMs - Math.max(...slos.map(({ periodMs }) => periodMs))));
  const entries = await entriesSince(store, scope, sinceMs);
  const measured = measuredOf(entries, await store.tallies(scope, sinceMs, Number.MAX_SAFE_INTEGER));
  return slos.map((slo) => burnOf(slo, measured, nowMs));
}

export type ScoreReader = Pick<AutopilotStore, "entriesBetween" | "tallies">;
