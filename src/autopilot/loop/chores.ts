/**
 * What the loop does at a pace beside its visits: looks which scopes there are, whether anybody else wrote, proves that it lives, and
 * removes what is old. A controller that holds nothing writes nothing.
 */

import { limits } from "../../limits.ts";
import type { AutopilotConfig } from "../config/model.ts";
import { scopeConfigOf } from "../config/scope-config.ts";
import type { ControllerRow } from "../contract.ts";
import { scopeName } from "../model.ts";
import type { Discovered } from "../scopes.ts";
import { clockSteps } from "./clock-steps.ts";
import { type Ground, hasNews, hasten, note } from "./ground.ts";
import type { Looks } from "./looks.ts";
import { scopeTime } from "./scope-time.ts";
import type { Chore } from "./upkeep.ts";
import { type Watched, watchedScope } from "./watched.ts";

export type Discover = (config: AutopilotConfig, last?: Discovered) => Promise<Discovered>;

export interface Chores {
  readonly discovery: Chore;
  readonly all: readonly Chore[];
  /** Whether scopes were ever looked for. */
  hasDiscovered(): boolean;
  /** The last beat, for what was counted since the one before. Never throws. */
  lastBeat(): Promise<void>;
}

export function choresOf(ground: Ground, looks: Looks, discover: Discover): Chores {
  const { ports, keeper, pace, clock } = ground;
  let last: Discovered | undefined;
  let version: number | undefined;
  let hasBeaten = false;

  const discovery: Chore = {
    name: "looking for scopes",
    everyMs: () => pace.discoverMs,
    wanted: () => true,
    async do() {
      const found = await discover(ground.config(), last);
      // Said once for as long as it lasts: else a controller that watches nothing looks like one that has nothing to do.
      if (found.scopes.length === 0 && last?.scopes.length !== 0)
        note(ground, "warn", noScope, { discovery: ground.config().discovery.kind });
      last = found;
      for (const { code, message } of found.news) note(ground, "warn", message, { error_code: code });
      watch(ground, found);
      ground.kick();
    },
  };
  const poll = async () => {
    const now = await ports.store.version();
    if (keeper.held().length === 0) ground.proved();
    if (now === version) return;
    version = now;
    for (const scope of ground.scopes.values()) {
      // One that is visited looks by itself when the visit ends.
      if (scope.holding && !scope.visiting && (await hasNews(ground, scope))) hasten(ground, scope.key);
    }
    ground.kick();
  };
  const stepped = clockSteps(ports.clock);
  const lookAtClock = async () => {
    const byMs = stepped();
    if (byMs === undefined) return;
    const what = byMs < 0 ? clockSetBack : clockSetForward;
    note(ground, "warn", what, { by_ms: String(byMs), now: new Date(ports.clock.nowMs()).toISOString() });
  };
  const beat = async () => {
    const tallies = looks.take();
    const row: ControllerRow = {
      ...ground.identity,
      startedAtMs: ground.startedAtMs,
      beatAtMs: clock.nowMs(),
      scopesHeld: keeper.held().length,
    };
    try {
      await ports.store.beat(row, tallies);
    } catch (cause) {
      looks.giveBack(tallies);
      throw cause;
    }
    hasBeaten = true;
    ground.proved();
  };
  const prune = async () => {
    await ports.store.prune(clock.nowMs() - ground.config().retention.entriesMs);
  };
  const whileHolding = (name: string, everyMs: () => number, work: () => Promise<void>): Chore => ({
    name,
    everyMs,
    wanted: () => keeper.held().length > 0,
    do: work,
  });
  return {
    discovery,
    all: [
      discovery,
      { name: "reading the state", everyMs: () => pace.pollMs, wanted: () => true, do: poll },
      { name: "looking at the clock", everyMs: () => pace.pollMs, wanted: () => true, do: lookAtClock },
      whileHolding("the beat", () => pace.beatMs, beat),
      whileHolding("removing old entries", () => pace.pruneMs, prune),
    ],
    hasDiscovered: () => last !== undefined,
    async lastBeat() {
      if (hasBeaten) await beat().catch(() => undefined);
    },
  };
}

const clockSetBack = "the wall clock was set back: what is due goes on by the time that really passes";
const clockSetForward =
  "the wall clock was set forward, or the host slept: what has become due by it is done now";

const noScope =
  "no scope is watched: `--check` shows which ones are found; one without a folder is named by tenant and repository";

/** Takes up what is new and lets go of what is not there any more. */
function watch(ground: Ground, found: Discovered): void {
  const { scopes, queue, clock, ports } = ground;
  const fresh = found.scopes.filter((id) => !scopes.has(scopeName(id)));
  const nowMs = clock.nowMs();
  for (const [index, id] of fresh.entries()) {
    const key = scopeName(id);
    scopes.set(key, watchedScope(id, key, scopeTime(ports.clock)));
    const { intervalMs } = scopeConfigOf(ground.config(), id);
    // So that a thousand of them do not come at once, now and at every interval.
    const spreadMs = Math.min(limits.autopilotSpreadMs, intervalMs / fresh.length);
    queue.set(key, nowMs + Math.floor(index * spreadMs));
  }
  const wanted = new Set(found.scopes.map(scopeName));
  for (const scope of scopes.values()) {
    scope.gone = !wanted.has(scope.key);
    if (scope.gone && !scope.visiting) forget(ground, scope);
  }
}

/** Of a scope that is not watched any more, nothing is kept and no lease is held. */
export function forget({ scopes, queue, keeper, ports }: Ground, { key, id }: Watched): void {
  scopes.delete(key);
  queue.delete(key);
  void keeper.release(id).catch(() => undefined);
  void ports.sentries.close(id).catch(() => undefined);
}
