/**
 * What a scoreboard shows, read from the autopilot's memory alone: of every scope that is asked for, also of one of which nothing is
 * known. Reads only; a scope that cannot be read is told of and left out.
 */
import { burnsOf, entriesSince } from "../../../autopilot/chronicle/reading.ts";
import type { ScoreConfig } from "../../../autopilot/config/model.ts";
import type { AutopilotStore } from "../../../autopilot/contract.ts";
import { type ScopeId, scopeName } from "../../../autopilot/model.ts";
import type { Burn } from "../../../autopilot/score/burn.ts";
import type { BarWindow } from "../../../autopilot/score/chart/bars.ts";
import type { ScoreWindow } from "../../../autopilot/score/kpi.ts";
import { type Scoreboard, type Scored, totalOf } from "../../../autopilot/score/scoreboard.ts";
import { openAutopilotStore } from "../../../autopilot/state/open.ts";
import { AkcError } from "../../../errors.ts";
import type { Io } from "../../io.ts";
import { asAkcError } from "../../render/error.ts";
import { printable } from "../../render/text.ts";
import type { Watches } from "../watches.ts";
import { isMeant } from "../which-scopes.ts";

export interface ScopeScore {
  readonly scope: ScopeId;
  /** Undefined where nobody can tell. */
  readonly watched: boolean | undefined;
  readonly board: Scoreboard;
  readonly burns: readonly Burn[];
}

export interface Scores {
  readonly scopes: readonly ScopeScore[];
  readonly total: Scoreboard;
  /** The window and as many of its length before it as the chart has room for, oldest first; all scopes together. */
  readonly bars: readonly BarWindow[];
  readonly leftOut: number;
}

const barsShown = 12;

export interface ScoreQuestion {
  /** Absolute. */
  readonly outputsRoot: string;
  readonly named: Partial<ScopeId>;
  readonly window: ScoreWindow;
  readonly nowMs: number;
  slosOf(scope: ScopeId): ScoreConfig["slos"];
  readonly watches: Watches;
}

export async function readScores(
  io: Io,
  { outputsRoot, named, window, nowMs, slosOf, watches }: ScoreQuestion,
): Promise<Scores> {
  const store = await openAutopilotStore(outputsRoot, { create: false }).catch((cause: unknown) => {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  });
  try {
    const lengthMs = window.endMs - window.startMs;
    const fromMs = Math.max(0, window.endMs - barsShown * lengthMs);
    const scopes: ScopeScore[] = [];
    const all: Scored[] = [];
    let leftOut = 0;
    for (const scope of await scopesOf(store, named)) {
      try {
        const scored = await scoredOf(store, scope, fromMs, window.endMs);
        const burns = await burnsOf(store ?? nothing, scope, slosOf(scope), nowMs);
        scopes.push({ scope, watched: watches(scope), board: totalOf([scored], window), burns });
        all.push(scored);
      } catch (cause) {
        const error = asAkcError(cause);
        leftOut += 1;
        io.words(`warning: ${scopeName(scope)} was left out: ${printable(error.message)} [${error.code}]\n`);
      }
    }
    const bars = Array.from({ length: barsShown }, (_, at) => {
      const endMs = window.endMs - (barsShown - 1 - at) * lengthMs;
      return barOf(all, { startMs: endMs - lengthMs, endMs });
    });
    return { scopes, total: totalOf(all, window), bars: bars.filter(({ endMs }) => endMs > 0), leftOut };
  } finally {
    await store?.close();
  }
}

function barOf(all: readonly Scored[], window: ScoreWindow): BarWindow {
  const { kpi } = totalOf(all, window);
  return {
    ...window,
    kept: kpi.rollouts_kept_total,
    failed: kpi.rollouts_failed_total + kpi.rollouts_rollback_failed_total,
    rolledBack: kpi.rollouts_rolled_back_total,
  };
}

async function scoredOf(
  store: AutopilotStore | undefined,
  scope: ScopeId,
  fromMs: number,
  toMs: number,
): Promise<Scored> {
  if (store === undefined) return { entries: [], tallies: [] };
  const tallies = await store.tallies(scope, fromMs, toMs);
  return { entries: await entriesSince(store, scope, fromMs), tallies };
}

/** Of an outputs root without any memory. */
const nothing = { entriesBetween: async () => [], tallies: async () => [] };

/** One that is named is shown, whether or not anything is known of it. */
async function scopesOf(
  store: AutopilotStore | undefined,
  named: Partial<ScopeId>,
): Promise<readonly ScopeId[]> {
  const { tenantId, repoId } = named;
  if (tenantId !== undefined && repoId !== undefined) return [{ tenantId, repoId }];
  return ((await store?.scopes()) ?? []).filter((scope) => isMeant(named, scope));
}
